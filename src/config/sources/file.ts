/**
 * Routes from a file or a directory, watched.
 *
 * The *directory* is watched, not the file: a ConfigMap is swapped by renaming a link beside it, and a watch on the file
 * holds on to the old inode, so that it sees the first swap and no other. What kind of event arrives is ignored, since
 * file systems differ in that; some send none at all, hence the poll. Whatever wakes us, contents decide: they are read
 * whole, compared, and only then delivered, good or bad. The receiver keeps what it has when they are bad.
 */
import { createHash } from "node:crypto";
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { loadTexts } from "../files.ts";
import type { Surroundings } from "../route-rules.ts";
import type { Loaded } from "../snapshot.ts";
import { readRouteTexts } from "./route-files.ts";

export interface FileSourceOptions {
  /** A route file, or a directory of them. */
  readonly path: string;
  readonly around: Surroundings;
  readonly clock: Clock;
  /** Quiet time before contents are read. Default 100: an editor or a swap takes several steps within that. */
  readonly debounceMs?: number;
  /** Longest wait while events keep coming. Default 2 000: a busy directory must not keep a change out for ever. */
  readonly longestDebounceMs?: number;
  /** How often contents are compared without any event. Default 10 000. */
  readonly pollMs?: number;
}

/** Reads `options.path` once; nothing is watched. */
export async function loadPath(path: string, around: Surroundings): Promise<Loaded> {
  return (await readPath(path, around)).loaded;
}

/**
 * Reads the routes, then tells `deliver` of each change: once per change, in order, good or bad; not where the new
 * contents mean the same routes as those in force.
 */
export async function openFileSource(
  options: FileSourceOptions,
  deliver: (loaded: Loaded) => void,
): Promise<FileSource> {
  const source = new FileSource(options, deliver);
  await source.open();
  return source;
}

export class FileSource {
  readonly #options: Required<FileSourceOptions>;
  readonly #deliver: (loaded: Loaded) => void;
  #first: Loaded | undefined;
  #fingerprint: string | undefined;
  /** Version of the last delivery, undefined where that was a bad one. */
  #version: string | undefined;
  #watcher: FSWatcher | undefined;
  #watched: number | undefined;
  #cancelDebounce: (() => void) | undefined;
  #quietByMs: number | undefined;
  #cancelPoll: (() => void) | undefined;
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #closed = false;

  constructor(options: FileSourceOptions, deliver: (loaded: Loaded) => void) {
    this.#options = { debounceMs: 100, longestDebounceMs: 2_000, pollMs: 10_000, ...options };
    this.#deliver = deliver;
  }

  /** What was there when the source was opened. */
  get first(): Loaded {
    if (this.#first === undefined) throw new Error("the source is not open");
    return this.#first;
  }

  /** Watches first and reads then: what changes in between is seen. */
  async open(): Promise<void> {
    this.#watch();
    const { fingerprint, loaded } = await readPath(this.#options.path, this.#options.around);
    this.#fingerprint = fingerprint;
    this.#version = loaded.ok ? loaded.value.version : undefined;
    this.#first = loaded;
    this.#schedulePoll();
  }

  /** Stops watching; nothing is delivered afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    this.#cancelDebounce?.();
    this.#cancelPoll?.();
    await this.settled();
  }

  /** Resolves once nothing is being read. */
  async settled(): Promise<void> {
    await this.#reading;
  }

  #watch(): void {
    const { path } = this.#options;
    try {
      const stats = statSync(path, { throwIfNoEntry: false });
      const directory = stats?.isDirectory() === true ? path : dirname(path);
      const inode = statSync(directory).ino;
      if (this.#watcher !== undefined && inode === this.#watched) return;
      this.#watcher?.close();
      this.#watcher = watch(directory, { persistent: false }, () => this.#changed());
      this.#watcher.on("error", () => this.#unwatch());
      this.#watched = inode;
    } catch {
      // No such directory now, or no watch left to be had: the poll finds changes, and tries to watch again.
      this.#unwatch();
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #changed(): void {
    if (this.#closed) return;
    const { clock, debounceMs, longestDebounceMs } = this.#options;
    const nowMs = clock.nowMs();
    this.#quietByMs ??= nowMs + longestDebounceMs;
    this.#cancelDebounce?.();
    this.#cancelDebounce = clock.after(Math.min(debounceMs, this.#quietByMs - nowMs), () => {
      this.#quietByMs = undefined;
      this.#read();
    });
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.#options.clock.after(this.#options.pollMs, () => {
      this.#watch();
      this.#read();
      this.#schedulePoll();
    });
  }

  /** One read at a time: they would overtake each other. */
  #read(): void {
    this.#readAgain = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
  }

  async #readAll(): Promise<void> {
    while (this.#readAgain && !this.#closed) {
      this.#readAgain = false;
      const { fingerprint, loaded } = await readPath(this.#options.path, this.#options.around);
      if (this.#closed || fingerprint === this.#fingerprint) continue;
      this.#fingerprint = fingerprint;
      const version = loaded.ok ? loaded.value.version : undefined;
      const same = version !== undefined && version === this.#version;
      this.#version = version;
      if (!same) this.#deliver(loaded);
    }
  }
}

async function readPath(path: string, around: Surroundings): Promise<{ fingerprint: string; loaded: Loaded }> {
  const texts = await readRouteTexts(path);
  const hash = createHash("sha256").update(JSON.stringify(texts));
  const loaded: Loaded = texts.ok ? loadTexts(`file:${path}`, texts.value, around) : { ...texts, warnings: [] };
  return { fingerprint: hash.digest("base64"), loaded };
}
