/**
 * The history of routes: what is kept of it, and how it is read.
 *
 * An entry has a document twice and may have 256 KiB, and a route has a thousand of them: to read all of it for each change, or for the
 * last entry, costs hundreds of milliseconds. So it is known here which entries there are and how long each is, from one reading at the
 * start and from what the watch has told since. What is read then is what is wanted, a few entries at a time, the newest first, with
 * turns for others in between.
 *
 * What is known here says where to begin to read, and never what there is: a replica that is behind reads more than it wanted, and misses
 * nothing. The same with what goes: that is old, whatever has come since.
 */
import type { Clock } from "../../base/clock.ts";
import type { Change, Store } from "../store.ts";
import { Turns } from "../turns.ts";
import { type HistoryRecord, historyKey, historyPrefix, keys, readRecord } from "./records.ts";

export interface HistoryBounds {
  /** Changes that are kept of a route. */
  readonly entries: number;
  /** Bytes of them. */
  readonly routeBytes: number;
  /** Bytes of those of all routes. */
  readonly bytes: number;
  /** Routes that are not there any more, whose history is kept. */
  readonly deleted: number;
}

export interface HistoryPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly bounds: HistoryBounds;
}

/** After a failed reading of the store. */
const retryMs = 1_000;
/** Entries that are read at once: what is asked for is most often the last one, which needs the one before it. */
const pages = { first: 4, largest: 64, bytes: 1_048_576 } as const;

interface Known {
  /** Bytes of each entry, by its revision in ascending order. */
  readonly entries: Map<number, number>;
  bytes: number;
}

export class History {
  readonly #ports: HistoryPorts;
  /** By route; undefined until all of it is known. */
  #routes: Map<string, Known> | undefined = undefined;
  #bytes = 0;
  #watch: { close(): void } | undefined = undefined;
  /** Which reading of the store is the last. */
  #reading = 0;
  #closed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(ports: HistoryPorts) {
    this.#ports = ports;
  }

  /** Reads which entries there are, and follows the store from there; until that is done nothing goes, and reading takes longer. */
  open(): Promise<void> {
    return this.#readAll();
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#cancelRetry();
  }

  /** Of all entries that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The newest first. @throws ContenderError STORE_UNAVAILABLE, STORE_DAMAGED. */
  async *records(name: string): AsyncGenerator<HistoryRecord> {
    const { store, clock } = this.#ports;
    const turns = new Turns(clock);
    const prefix = historyPrefix(name);
    let below: number | undefined;
    for (let count: number = pages.first; ; count = Math.min(count * 4, pages.largest)) {
      const from = this.#pageFrom(name, below, count);
      const { entries } = await store.get(prefix, {
        from: from === undefined ? undefined : historyKey(name, from),
        below: below === undefined ? undefined : historyKey(name, below),
      });
      for (const { key, value } of entries.toReversed()) {
        if (turns.over) await turns.next();
        yield readRecord(key, value);
      }
      if (from === undefined) return;
      below = from;
    }
  }

  /** Of one change; undefined where there is none. @throws ContenderError STORE_UNAVAILABLE, STORE_DAMAGED. */
  async record(name: string, revision: number): Promise<HistoryRecord | undefined> {
    const [found] = (await this.#ports.store.get(historyKey(name, revision))).entries;
    return found && readRecord(found.key, found.value);
  }

  /** Changes that are written. */
  take(changes: readonly Change[]): void {
    for (const { key, value } of changes) {
      if (!key.startsWith(keys.history)) continue;
      this.#note(key, value === undefined ? undefined : Buffer.byteLength(key) + Buffer.byteLength(value));
    }
  }

  /**
   * Entries that are to go with a change, as their keys: the oldest first, and never the newest of a route, unless that was deleted and many
   * have been since.
   *
   * @param coming the bytes of the entries that the change brings, by route
   * @param isThere whether a route is there after the change
   * @param most that there is room for; the next change makes up for it
   */
  outdated(coming: ReadonlyMap<string, number>, isThere: (name: string) => boolean, most: number): string[] {
    const { bounds } = this.#ports;
    const gone: string[] = [];
    /** How many of the oldest entries of a route go, and their bytes. */
    const going = new Map<string, { count: number; bytes: number }>();
    let total = this.#bytes;
    for (const bytes of coming.values()) total += bytes;
    const drop = (name: string, { entries }: Known): void => {
      const so = going.get(name) ?? { count: 0, bytes: 0 };
      const [revision = 0, bytes = 0] = nth(entries.entries(), so.count) ?? [];
      gone.push(historyKey(name, revision));
      going.set(name, { count: so.count + 1, bytes: so.bytes + bytes });
      total -= bytes;
    };
    for (const [name, bytes] of coming) {
      const known = this.#routes?.get(name);
      if (known === undefined) continue;
      for (;;) {
        const so = going.get(name) ?? { count: 0, bytes: 0 };
        const left = known.entries.size - so.count;
        const fits = left + 1 <= bounds.entries && known.bytes - so.bytes + bytes <= bounds.routeBytes;
        if (fits || left === 0 || gone.length >= most) break;
        drop(name, known);
      }
    }
    for (const [name, known] of this.#longDeleted(coming, isThere)) {
      while ((going.get(name)?.count ?? 0) < known.entries.size && gone.length < most) drop(name, known);
    }
    while (total > bounds.bytes && gone.length < most) {
      const oldest = this.#oldest((name) => going.get(name)?.count ?? 0, coming);
      if (oldest === undefined) break;
      drop(...oldest);
    }
    return gone;
  }

  /** Routes that were deleted before as many others as are kept. */
  #longDeleted(coming: ReadonlyMap<string, number>, isThere: (name: string) => boolean): [string, Known][] {
    const all = [...(this.#routes ?? [])].filter(([name]) => !isThere(name) && !coming.has(name));
    const now = [...coming.keys()].filter((name) => !isThere(name)).length;
    const over = all.length + now - this.#ports.bounds.deleted;
    if (over <= 0) return [];
    const last = ({ entries }: Known): number => [...entries.keys()].at(-1) ?? 0;
    const dated = all
      .map(([name, known]) => ({ name, known, at: last(known) }))
      .sort((one, other) => one.at - other.at);
    return dated.slice(0, over).map(({ name, known }) => [name, known]);
  }

  /** The route that has the oldest entry which is not its newest. @param gone how many of its oldest don't count any more */
  #oldest(gone: (name: string) => number, coming: ReadonlyMap<string, number>): [string, Known] | undefined {
    let oldest: [string, Known] | undefined;
    let oldestRevision = Number.POSITIVE_INFINITY;
    for (const [name, known] of this.#routes ?? []) {
      const count = gone(name);
      if (known.entries.size - count < (coming.has(name) ? 1 : 2)) continue;
      const revision = nth(known.entries.keys(), count) ?? Number.POSITIVE_INFINITY;
      if (revision >= oldestRevision) continue;
      oldest = [name, known];
      oldestRevision = revision;
    }
    return oldest;
  }

  /** The revision with which a page begins; undefined where it is to begin with the first entry. */
  #pageFrom(name: string, below: number | undefined, count: number): number | undefined {
    const known = [...(this.#routes?.get(name)?.entries ?? [])].filter(
      ([revision]) => revision < (below ?? Number.POSITIVE_INFINITY),
    );
    let bytes = 0;
    for (let taken = 1; taken < known.length; taken++) {
      const [revision = 0, own = 0] = known.at(-taken) ?? [];
      bytes += own;
      if (taken === count || bytes >= pages.bytes) return revision;
    }
    return undefined;
  }

  async #readAll(): Promise<void> {
    const { store, clock } = this.#ports;
    const reading = ++this.#reading;
    const current = (): boolean => !this.#closed && reading === this.#reading;
    this.#watch?.close();
    this.#routes = undefined;
    this.#bytes = 0;
    try {
      const lengths: [string, number][] = [];
      let first: number | undefined;
      let from: string | undefined;
      do {
        const { revision, entries } = await store.get(keys.history, { from, limit: pages.largest });
        if (!current()) return;
        // What has changed since the first page the watch tells.
        first ??= revision;
        for (const { key, value } of entries) {
          lengths.push([key, Buffer.byteLength(key) + Buffer.byteLength(value)]);
        }
        from = entries.length < pages.largest ? undefined : `${entries.at(-1)?.key}\0`;
      } while (from !== undefined);
      this.#routes = new Map();
      for (const each of lengths) this.#note(...each);
      this.#watch = store.watch(keys.history, first, {
        changed: (_, changes) => this.take(changes),
        lost: () => void this.#readAll(),
      });
    } catch {
      // Whoever needs the store is told; what is kept of history waits.
      if (current()) this.#cancelRetry = clock.after(retryMs, () => void this.#readAll());
    }
  }

  #note(key: string, bytes: number | undefined): void {
    const at = key.lastIndexOf("/");
    const name = key.slice(keys.history.length, at);
    const revision = Number(key.slice(at + 1));
    if (this.#routes === undefined || !Number.isSafeInteger(revision)) return;
    const known = this.#routes.get(name) ?? { entries: new Map<number, number>(), bytes: 0 };
    const change = (bytes ?? 0) - (known.entries.get(revision) ?? 0);
    known.bytes += change;
    this.#bytes += change;
    if (bytes === undefined) known.entries.delete(revision);
    else known.entries.set(revision, bytes);
    if (known.entries.size === 0) this.#routes.delete(name);
    else this.#routes.set(name, known);
  }
}

/** Of few that go: all others are not looked at. */
function nth<Each>(each: Iterator<Each>, index: number): Each | undefined {
  for (let at = 0; at < index; at++) each.next();
  const { value, done } = each.next();
  return done === true ? undefined : value;
}
