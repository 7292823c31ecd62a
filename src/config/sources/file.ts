/**
 * Routes from a file or a directory, watched.
 *
 * Whatever wakes us (`path-watch.ts`), contents decide: they are read whole, once nobody is writing them (`stillness.ts`), compared, and only then delivered, good or
 * bad. The receiver keeps what it has when they are bad. Contents that are good and that it does not take all the same are
 * delivered again at each look: what they name, certificates say, may come later than they do.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { loadTexts } from "../files.ts";
import type { Surroundings } from "../route-rules.ts";
import type { Loaded } from "../snapshot.ts";
import { PathWatch, type PathWatchOptions } from "./path-watch.ts";
import { readRouteTexts } from "./route-files.ts";
import { Stillness, type StillnessOptions } from "./stillness.ts";

export interface FileSourceOptions extends PathWatchOptions, StillnessOptions {
  /** A route file, or a directory of them. */
  readonly path: string;
  readonly around: Surroundings;
  readonly clock: Clock;
}

/** @returns whether it is in force now. */
export type Deliver = (loaded: Loaded) => boolean | Promise<boolean>;

/** Reads `options.path` once; nothing is watched. */
export async function loadPath(path: string, around: Surroundings): Promise<Loaded> {
  return (await readPath(path, around)).loaded;
}

/**
 * Reads the routes, then tells `deliver` of each change: once per change, in order, good or bad, the next when it
 * is done with the one before; not where the new contents mean the same routes as those in force.
 */
export async function openFileSource(options: FileSourceOptions, deliver: Deliver): Promise<FileSource> {
  const source = new FileSource(options, deliver);
  await source.open();
  return source;
}

export class FileSource {
  readonly #options: FileSourceOptions;
  readonly #deliver: Deliver;
  #first: Loaded | undefined;
  #fingerprint: string | undefined;
  /** Version of the last delivery, undefined where that was a bad one, or was not taken. */
  #version: string | undefined;
  #watch: PathWatch | undefined;
  readonly #stillness: Stillness;
  #cancelLook: () => void = () => undefined;
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #closed = false;

  constructor(options: FileSourceOptions, deliver: Deliver) {
    this.#options = options;
    this.#deliver = deliver;
    this.#stillness = new Stillness(options.path, options.clock, options);
  }

  /** What was there when the source was opened. */
  get first(): Loaded {
    if (this.#first === undefined) throw new Error("the source is not open");
    return this.#first;
  }

  /** Watches first and reads then: what changes in between is seen. */
  async open(): Promise<void> {
    const { path, clock } = this.#options;
    this.#watch = new PathWatch([path], clock, () => this.#read(), this.#options);
    await this.#stillness.leftMs();
    const { fingerprint, loaded } = await readPath(this.#options.path, this.#options.around);
    this.#fingerprint = fingerprint;
    this.#version = loaded.ok ? loaded.value.version : undefined;
    this.#first = loaded;
  }

  /** Stops watching; nothing is delivered afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.close();
    this.#cancelLook();
    await this.settled();
  }

  /** Resolves once nothing is being read. */
  async settled(): Promise<void> {
    await this.#reading;
  }

  /** One read at a time: they would overtake each other. */
  #read(): void {
    this.#readAgain = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
  }

  #lookAgain(afterMs: number): void {
    this.#cancelLook();
    if (!this.#closed) this.#cancelLook = this.#options.clock.after(afterMs, () => this.#read());
  }

  async #readAll(): Promise<void> {
    while (this.#readAgain && !this.#closed) {
      this.#readAgain = false;
      const leftMs = await this.#stillness.leftMs();
      if (leftMs > 0) {
        this.#lookAgain(leftMs);
        continue;
      }
      const { fingerprint, loaded } = await readPath(this.#options.path, this.#options.around);
      if (this.#closed || fingerprint === this.#fingerprint) continue;
      this.#fingerprint = fingerprint;
      const version = loaded.ok ? loaded.value.version : undefined;
      const same = version !== undefined && version === this.#version;
      this.#version = version;
      if (same || (await this.#deliver(loaded)) || !loaded.ok) continue;
      this.#fingerprint = undefined;
      this.#version = undefined;
    }
  }
}

async function readPath(path: string, around: Surroundings): Promise<{ fingerprint: string; loaded: Loaded }> {
  const texts = await readRouteTexts(path);
  const hash = createHash("sha256").update(JSON.stringify(texts));
  const loaded: Loaded = texts.ok ? loadTexts(`file:${path}`, texts.value, around) : { ...texts, warnings: [] };
  return { fingerprint: hash.digest("base64"), loaded };
}
