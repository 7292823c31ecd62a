/**
 * Who watches, and the commits that can still be told.
 *
 * Each watch has a place in the row of commits and is brought up from there, so a late beginning and a new commit are the
 * same thing, and order and "once" follow from it. What is told has been synced before.
 */

import { lengthOf } from "../request.ts";
import type { Change, Watcher } from "../store.ts";

export interface Told {
  readonly revision: number;
  readonly changes: readonly Change[];
}

export interface HistoryOptions {
  /** Commits kept for watches that begin at an older revision. Default 1 000: many times what comes in between a read and a watch. */
  readonly commits?: number;
  /** Characters of keys and values kept for it. Default 16 777 216: a thousand of the largest commits would not fit in memory. */
  readonly characters?: number;
}

const defaults = { commits: 1_000, characters: 16_777_216 } satisfies HistoryOptions;

interface Watch {
  readonly prefix: string;
  readonly watcher: Watcher;
  told: number;
}

export class Watches {
  readonly #options: Required<HistoryOptions>;
  readonly #watches = new Set<Watch>();
  readonly #recent: Told[] = [];
  #characters = 0;
  /** The last revision that is no longer told. */
  #forgotten: number;

  /** @param revision of the state at the beginning: what led to it is not told, since a commit on disk leaves leases out. */
  constructor(revision: number, options: HistoryOptions = {}) {
    this.#options = { ...defaults, ...options };
    this.#forgotten = revision;
  }

  add(prefix: string, revision: number, watcher: Watcher): { close(): void } {
    const watch: Watch = { prefix, watcher, told: revision };
    this.#watches.add(watch);
    // Not from within the call: the caller does not have its handle yet.
    queueMicrotask(() => this.#bringUp(watch));
    return { close: () => void this.#watches.delete(watch) };
  }

  tell(commits: readonly Told[]): void {
    for (const commit of commits) {
      this.#recent.push(commit);
      this.#characters += lengthOf(commit);
    }
    for (const watch of [...this.#watches]) this.#bringUp(watch);
    this.#forget();
  }

  /** Ends them all, and tells them why where there is a reason to. */
  end(why?: string): void {
    const watches = [...this.#watches];
    this.#watches.clear();
    if (why !== undefined) for (const { watcher } of watches) guarded(() => watcher.lost(why));
  }

  #bringUp(watch: Watch): void {
    if (!this.#watches.has(watch)) return;
    if (watch.told < this.#forgotten) {
      this.#watches.delete(watch);
      guarded(() => watch.watcher.lost("compacted"));
      return;
    }
    for (const { revision, changes } of this.#after(watch.told)) {
      watch.told = revision;
      const under = changes.filter(({ key }) => key.startsWith(watch.prefix));
      if (under.length > 0) guarded(() => watch.watcher.changed(revision, under));
      if (!this.#watches.has(watch)) return;
    }
  }

  /** Revisions follow each other without a gap, so the place is known. */
  #after(revision: number): Told[] {
    const first = this.#recent[0]?.revision ?? 0;
    return this.#recent.slice(Math.max(0, revision - first + 1));
  }

  #forget(): void {
    const { commits, characters } = this.#options;
    let drop = 0;
    for (const commit of this.#recent) {
      if (this.#recent.length - drop <= commits && this.#characters <= characters) break;
      this.#characters -= lengthOf(commit);
      this.#forgotten = commit.revision;
      drop++;
    }
    this.#recent.splice(0, drop);
  }
}

/** What a watcher throws is a bug of its own, and must keep neither others nor the committer from their news. */
function guarded(tell: () => void): void {
  try {
    tell();
  } catch (reason) {
    queueMicrotask(() => {
      throw reason;
    });
  }
}
