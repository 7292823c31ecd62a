/**
 * Whether files are being written just now. Whoever writes a file in its place, in steps with pauses (`scp`, an editor over a network,
 * `cat >>`), leaves half a document between two of them, and half may be a good one: some of the routes, some of the rights. So what
 * was written in place is read once its size and time have stood still for a while.
 *
 * What was replaced has no halves, and waits for nothing: a link that is new was put there when all behind it was, as a ConfigMap's
 * are, and so was a file that was renamed over another. That one is another file (inode), as is one that is written where the old one was
 * removed (`tar`, `cp --remove-destination`). Only its age tells them apart: another file waits too, until it was not written to for as
 * long. So who renames what they have just written waits a second at most.
 */
import { lstat, stat } from "node:fs/promises";
import type { Clock } from "../../base/clock.ts";
import { routeFileNames } from "./route-files.ts";

export interface StillnessOptions {
  /** How long a file that is written in place must stand still. Default 1 000: what pauses for longer can't be told from what is done. */
  readonly stillMs?: number;
  /** Longest wait for that. Default 10 000: a file that something writes to without end must not keep changes out for ever. */
  readonly longestStillMs?: number;
}

interface Seen {
  readonly inode: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly link: boolean;
}

type Files = ReadonlyMap<string, Seen>;

export class Stillness {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #longestMs: number;
  readonly #stillMs: number;
  /** As they were when they were read last; undefined before the first time. */
  #read: Files | undefined;
  /** As they were when one of them was found to be written; when they were that first, and when the first was. */
  #moving: { readonly files: Files; readonly sinceMs: number; readonly firstMs: number } | undefined;

  constructor(path: string, clock: Clock, { stillMs = 1_000, longestStillMs = 10_000 }: StillnessOptions = {}) {
    this.#path = path;
    this.#clock = clock;
    this.#stillMs = stillMs;
    this.#longestMs = longestStillMs;
  }

  /** @returns how long until they are to be looked at again; 0 where they may be read now, and then they are taken for read. */
  async leftMs(): Promise<number> {
    const files = await seenAt(this.#path);
    const nowMs = this.#clock.nowMs();
    const before = this.#moving;
    if (this.#read !== undefined && this.#written(files, this.#read)) {
      const sinceMs = before !== undefined && same(files, before.files) ? before.sinceMs : nowMs;
      const firstMs = before?.firstMs ?? nowMs;
      this.#moving = { files, sinceMs, firstMs };
      const untilMs = Math.min(sinceMs + this.#stillMs, firstMs + this.#longestMs);
      if (untilMs > nowMs) return untilMs - nowMs;
    }
    this.#read = files;
    this.#moving = undefined;
    return 0;
  }

  /** Whether some of them may be half of what they are to be. */
  #written(files: Files, before: Files): boolean {
    // By two clocks, which may differ where files are on another machine: what is from the future is young.
    const youngMs = this.#clock.wallMs() - this.#stillMs;
    for (const [name, seen] of files) {
      const known = before.get(name);
      if (seen.link && known?.inode !== seen.inode) continue;
      if (known?.inode === seen.inode ? !alike(seen, known) : known === undefined || seen.mtimeMs > youngMs)
        return true;
    }
    return false;
  }
}

async function seenAt(path: string): Promise<Files> {
  const names = await routeFileNames(path).catch(() => []);
  const found = await Promise.all(names.map(async (name) => [name, await seen(name)] as const));
  return new Map(found.flatMap(([name, each]) => (each === undefined ? [] : [[name, each] as const])));
}

/** Undefined where there is no such file; whoever reads it says why. */
async function seen(name: string): Promise<Seen | undefined> {
  try {
    const [{ ino, size, mtimeMs }, itself] = await Promise.all([stat(name), lstat(name)]);
    return { inode: ino, size, mtimeMs, link: itself.isSymbolicLink() };
  } catch {
    return undefined;
  }
}

function same(files: Files, others: Files): boolean {
  return files.size === others.size && [...files].every(([name, seen]) => alike(seen, others.get(name)));
}

const alike = (one: Seen, other: Seen | undefined): boolean =>
  one.inode === other?.inode && one.mtimeMs === other.mtimeMs && one.size === other.size;
