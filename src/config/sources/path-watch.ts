/**
 * Wakes whoever reads files when they may have changed.
 *
 * The *directory* of a file is watched, not the file: a ConfigMap or Secret is swapped by renaming a link beside it, and a
 * watch on the file holds on to the old inode, so that it sees the first swap and no other. What kind of event arrives is
 * ignored, since file systems differ in that; some send none at all, hence the poll. So a wake-up promises nothing: the
 * receiver reads and compares.
 */
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../../base/clock.ts";

export interface PathWatchOptions {
  /** Quiet time before the wake-up. Default 100: an editor or a swap takes several steps within that. */
  readonly debounceMs?: number;
  /** Longest wait while events keep coming. Default 2 000: a busy directory must not keep a change out for ever. */
  readonly longestDebounceMs?: number;
  /** How often to wake without any event. Default 10 000. */
  readonly pollMs?: number;
}

const defaults = { debounceMs: 100, longestDebounceMs: 2_000, pollMs: 10_000 } satisfies PathWatchOptions;

interface Watched {
  readonly watcher: FSWatcher;
  readonly inode: number;
}

export class PathWatch {
  readonly #paths: readonly string[];
  readonly #clock: Clock;
  readonly #wake: () => void;
  readonly #options: Required<PathWatchOptions>;
  /** By directory. */
  readonly #watched = new Map<string, Watched>();
  #cancelDebounce: (() => void) | undefined;
  #quietByMs: number | undefined;
  #cancelPoll: (() => void) | undefined;
  #closed = false;

  /** Watches from now on: read after this, so that what changes in between is seen. */
  constructor(paths: readonly string[], clock: Clock, wake: () => void, options: PathWatchOptions = {}) {
    this.#paths = paths;
    this.#clock = clock;
    this.#wake = wake;
    this.#options = { ...defaults, ...options };
    this.#watchAll();
    this.#schedulePoll();
  }

  /** Nobody is woken afterwards. */
  close(): void {
    this.#closed = true;
    for (const directory of [...this.#watched.keys()]) this.#unwatch(directory);
    this.#cancelDebounce?.();
    this.#cancelPoll?.();
  }

  #watchAll(): void {
    const wanted = new Set(this.#paths.map(directoryOf));
    for (const directory of this.#watched.keys()) if (!wanted.has(directory)) this.#unwatch(directory);
    for (const directory of wanted) this.#watch(directory);
  }

  #watch(directory: string): void {
    try {
      const inode = statSync(directory).ino;
      if (this.#watched.get(directory)?.inode === inode) return;
      this.#unwatch(directory);
      const watcher = watch(directory, { persistent: false }, () => this.#changed());
      watcher.on("error", () => this.#unwatch(directory));
      this.#watched.set(directory, { watcher, inode });
    } catch {
      // No such directory now, or no watch left to be had: the poll finds changes, and tries to watch again.
      this.#unwatch(directory);
    }
  }

  #unwatch(directory: string): void {
    this.#watched.get(directory)?.watcher.close();
    this.#watched.delete(directory);
  }

  #changed(): void {
    if (this.#closed) return;
    const { debounceMs, longestDebounceMs } = this.#options;
    const nowMs = this.#clock.nowMs();
    this.#quietByMs ??= nowMs + longestDebounceMs;
    this.#cancelDebounce?.();
    this.#cancelDebounce = this.#clock.after(Math.min(debounceMs, this.#quietByMs - nowMs), () => {
      this.#quietByMs = undefined;
      this.#wake();
    });
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.#clock.after(this.#options.pollMs, () => {
      this.#watchAll();
      this.#wake();
      this.#schedulePoll();
    });
  }
}

/** The path itself where it is a directory; it may become one, or cease to be one, at any time. */
function directoryOf(path: string): string {
  try {
    return statSync(path).isDirectory() ? path : dirname(path);
  } catch {
    return dirname(path); // whatever keeps it from being looked at, whoever reads it says so
  }
}
