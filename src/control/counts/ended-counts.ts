/**
 * What processes counted that are over, summed up: what is left of their reports once there are too many to keep each.
 *
 * Who is in a sum can't be told from it, so two replicas that summed up for themselves could never put their sums together: whoever
 * is in both would count twice. So what is summed up is in the store, in batches, each written once under a number of its own by
 * whichever replica needs room, on top of all that were before it. Every replica follows them, drops the reports of those who are in
 * a batch at the moment at which it has the batch, and takes none of them again, whoever tells it. So all have the same sums
 * whenever they began, and a replica that dies in between has done all of it or nothing.
 *
 * Of those who are in later batches it is known who they are, by a hash. The oldest batches go into one sum, and who was in it is
 * known no more; by then they have been over for as long as it took so many others to end.
 */
import { hash } from "node:crypto";
import { durationMs, type ReportRequest } from "../../api/messages.ts";
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import type { Change, Store } from "../store.ts";
import { Sums } from "./sums.ts";

export interface EndedOptions {
  /** Processes that are known to be in the sums. Default 262,144: a fleet of 100,000 that was replaced twice. */
  readonly names?: number;
  /** Batches that are kept apart; default 128. */
  readonly batches?: number;
}

export interface EndedPorts {
  readonly store: Store;
  readonly clock: Clock;
  /** These are in the sums from now on. */
  ended(ids: readonly string[]): void;
  /** What is in the store was not written by us, and is left out; the store can't be followed for now. */
  failed(why: string): void;
}

/** A process: an instance that starts anew under the same name is another one. By a hash: names have 253 characters, and are remembered long. */
export function processId({ instance, startedAt }: Pick<ReportRequest, "instance" | "startedAt">): string {
  const name = `${instance}@${durationMs(startedAt) ?? 0}`;
  return hash("sha256", name, "buffer").subarray(0, 12).toString("base64url");
}
const idLength = 16;

/** Processes that go into a batch at most; with what they counted it has to fit into a commit. */
export const batchSize = 4_096;
/** Of the sums in a batch, and in the sum of the oldest: well within a value of a store, and both within a commit. */
const sumsBytes = 262_144;
const oldestBytes = 458_752;

const keys = {
  all: "counts/",
  /** Number of the last batch; whoever writes one changes it. */
  head: "counts/head",
  oldest: "counts/oldest",
  batches: "counts/batches/",
} as const;

const batchKey = (number: number): string => `${keys.batches}${String(number).padStart(15, "0")}`;

interface Batch {
  readonly ids: readonly string[];
  /** Processes in it. */
  readonly size: number;
  readonly sums: Sums;
}

const nothing: Batch = { ids: [], size: 0, sums: new Sums() };
/** After the store could not be read. */
const retryMs = 1_000;

export class EndedCounts {
  readonly #ports: EndedPorts;
  readonly #options: Required<EndedOptions>;
  /** Oldest first, as their keys are in order. */
  #batches = new Map<string, Batch>();
  /** Of all that are in them. */
  readonly #ids = new Set<string>();
  #oldest = nothing;
  #last = 0;
  #headRevision = 0;
  /** As of this revision of the store. */
  #seen = 0;
  /** Something in the store can't be read: what is based on it must not be written. */
  #damaged = false;
  #watch: { close(): void } | undefined = undefined;
  #closed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(ports: EndedPorts, { names = 262_144, batches = 128 }: EndedOptions = {}) {
    this.#ports = ports;
    this.#options = { names, batches };
  }

  /** Reads what there is, and follows it. @throws ContenderError STORE_UNAVAILABLE. */
  async open(): Promise<void> {
    const { revision, entries } = await this.#ports.store.get(keys.all);
    if (this.#closed) return;
    this.#watch?.close();
    this.#begin();
    this.#take(revision, entries);
    this.#watch = this.#ports.store.watch(keys.all, revision, {
      changed: (at, changes) => this.#take(at, changes),
      lost: (why) => void this.#openAgain(why),
      resumed: () => void this.#refresh().catch((reason) => this.#openAgain(String(reason))),
    });
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#cancelRetry();
  }

  /** Whether what this process counted is in the sums, for all that is known. */
  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Processes that are in the sums. */
  get size(): number {
    let size = this.#oldest.size;
    for (const batch of this.#batches.values()) size += batch.size;
    return size;
  }

  /** A copy of the sums of a route. */
  of(route: string): Sums {
    const sums = new Sums();
    for (const batch of [this.#oldest, ...this.#batches.values()]) {
      for (const sum of batch.sums.all()) if (sum.route === route) sums.add([sum]);
    }
    return sums;
  }

  /**
   * Puts processes into the sums, for every replica and for good.
   * @param ids of processes that report no more, at most `batchSize`
   * @param sums what they counted
   * @returns false where another replica was faster: what it did is known by now.
   * @throws ContenderError STORE_UNAVAILABLE, STORE_DAMAGED.
   */
  async put(ids: readonly string[], sums: Sums): Promise<boolean> {
    if (this.#damaged) throw new ContenderError("STORE_DAMAGED", `${keys.all}: somebody else wrote there`);
    const number = this.#last + 1;
    const value = JSON.stringify({ ids: ids.join(""), size: ids.length, sums: sums.written(sumsBytes) });
    const changes: Change[] = [
      { key: keys.head, value: JSON.stringify({ last: number }) },
      { key: batchKey(number), value },
      ...this.#room(ids.length),
    ];
    const committed = await this.#ports.store.commit({
      when: [{ key: keys.head, revision: this.#headRevision }],
      changes,
    });
    if (committed.ok) this.#take(committed.revision, changes);
    else await this.#refresh();
    return committed.ok;
  }

  /** The oldest batches go into one sum, as far as there would be too many of them. */
  #room(more: number): Change[] {
    let names = more;
    for (const { size } of this.#batches.values()) names += size;
    let left = this.#batches.size + 1;
    const gone: Batch[] = [];
    const changes: Change[] = [];
    for (const [key, batch] of this.#batches) {
      if ((names <= this.#options.names && left <= this.#options.batches) || gone.length === 8) break;
      names -= batch.size;
      left--;
      gone.push(batch);
      changes.push({ key, value: undefined });
    }
    if (gone.length === 0) return [];
    const sums = this.#oldest.sums.withoutVersions();
    for (const batch of gone) sums.add(batch.sums.withoutVersions().all());
    const size = gone.reduce((sum, batch) => sum + batch.size, this.#oldest.size);
    return [
      ...changes,
      { key: keys.oldest, value: JSON.stringify({ ids: "", size, sums: sums.written(oldestBytes) }) },
    ];
  }

  #begin(): void {
    this.#batches = new Map();
    this.#ids.clear();
    this.#oldest = nothing;
    this.#last = 0;
    this.#headRevision = 0;
    this.#seen = 0;
    this.#damaged = false;
  }

  /** Our own commits come twice: from here, and by the watch. */
  #take(revision: number, changes: readonly (Change & { readonly revision?: number })[]): void {
    if (this.#closed || revision <= this.#seen) return;
    this.#seen = revision;
    for (const { key, value, revision: at = revision } of changes) {
      if (key === keys.head) {
        this.#headRevision = value === undefined ? 0 : at;
        this.#last = this.#readHead(value);
      } else if (key === keys.oldest) this.#oldest = this.#read(key, value);
      else if (!key.startsWith(keys.batches)) continue;
      else this.#takeBatch(key, value);
    }
  }

  #takeBatch(key: string, value: string | undefined): void {
    if (value === undefined) {
      for (const id of this.#batches.get(key)?.ids ?? []) this.#ids.delete(id);
      this.#batches.delete(key);
      return;
    }
    const batch = this.#read(key, value);
    this.#batches.set(key, batch);
    for (const id of batch.ids) this.#ids.add(id);
    this.#ports.ended(batch.ids);
  }

  #readHead(text: string | undefined): number {
    const { last } = (text === undefined ? { last: 0 } : (readJson(text) ?? {})) as { last?: unknown };
    if (Number.isSafeInteger(last)) return last as number;
    this.#tell(keys.head);
    return 0;
  }

  #read(key: string, text: string | undefined): Batch {
    if (text === undefined) return nothing;
    const { ids, size, sums: rows } = (readJson(text) ?? {}) as { ids?: unknown; size?: unknown; sums?: unknown };
    const sums = Sums.read(rows);
    if (typeof ids === "string" && ids.length % idLength === 0 && Number.isSafeInteger(size) && sums !== undefined) {
      const each = Array.from({ length: ids.length / idLength }, (_, at) =>
        ids.slice(at * idLength, (at + 1) * idLength),
      );
      return { ids: each, size: size as number, sums };
    }
    this.#tell(key);
    return nothing;
  }

  #tell(key: string): void {
    this.#damaged = true;
    this.#ports.failed(`${key}: somebody else wrote it, and what was counted there is left out`);
  }

  async #refresh(): Promise<void> {
    const { revision, entries } = await this.#ports.store.get(keys.all);
    if (this.#closed || revision === this.#seen) return;
    // The watch was faster, or the store was put back: from there it tells what comes after it.
    if (revision < this.#seen) return await this.open();
    this.#begin();
    this.#take(revision, entries);
  }

  async #openAgain(why: string): Promise<void> {
    this.#ports.failed(why);
    try {
      await this.open();
    } catch (reason) {
      const text = String(reason);
      if (!this.#closed) this.#cancelRetry = this.#ports.clock.after(retryMs, () => void this.#openAgain(text));
    }
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
