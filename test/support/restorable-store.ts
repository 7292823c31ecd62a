/** A store in memory that a test puts back to what it was, as an administrator does with a backup. */
import { ContenderError } from "../../src/base/errors.ts";
import type { Commit, Committed, Entries, Entry, Part, Store, Watcher } from "../../src/control/store.ts";

export class RestorableStore implements Store {
  readonly name = "test";
  readonly shared = true;
  #revision = 0;
  #entries = new Map<string, Entry>();
  /** The answer to the next commit is lost, and what it wrote is not. */
  losesAnswer = false;
  /** An answer to a question is as old as the question, and comes when this says. */
  holdsAnswer: Promise<void> | undefined = undefined;
  readonly #watchers = new Set<Watcher>();

  async get(prefix: string, { from = "", below = "\u{10ffff}", limit }: Part = {}): Promise<Entries> {
    const entries = [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix) && key >= from && key < below)
      .slice(0, limit);
    const found = { revision: this.#revision, entries };
    await this.holdsAnswer;
    return found;
  }

  watch(_prefix: string, _revision: number, watcher: Watcher) {
    this.#watchers.add(watcher);
    return { close: () => void this.#watchers.delete(watcher) };
  }

  commit({ when, changes }: Commit): Promise<Committed> {
    if (when.some(({ key, revision }) => (this.#entries.get(key)?.revision ?? 0) !== revision)) {
      return Promise.resolve({ ok: false });
    }
    const revision = ++this.#revision;
    for (const { key, value = "" } of changes) this.#entries.set(key, { key, value, revision });
    for (const watcher of this.#watchers) watcher.changed(revision, changes);
    if (!this.losesAnswer) return Promise.resolve({ ok: true, revision });
    this.losesAnswer = false;
    return Promise.reject(new ContenderError("STORE_UNAVAILABLE", "the answer was lost"));
  }

  backup(): ReadonlyMap<string, Entry> {
    return new Map(this.#entries);
  }

  /** @param revision that others have written it to since */
  restore(backup: ReadonlyMap<string, Entry>, revision: number): void {
    this.#entries = new Map(backup);
    this.#revision = revision;
    for (const watcher of this.#watchers) watcher.resumed?.();
  }

  /** Watches end: what they would tell next is no longer kept. */
  compact(): void {
    for (const watcher of [...this.#watchers]) {
      this.#watchers.delete(watcher);
      watcher.lost("compacted");
    }
  }

  lease(): never {
    throw new Error("nobody leads here");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
