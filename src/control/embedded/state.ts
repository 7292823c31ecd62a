/**
 * What the store holds, and what commits that are not on disk yet would make of it.
 *
 * The two are apart so that memory never has what the disk lacks: a group of commits is worked out in a draft, each upon the
 * last, then written, and only then does the draft become the state. Where writing fails it is thrown away.
 *
 * Keys of a lease are here like others, but what goes to disk of them is their absence.
 */
import type { Change, Commit, Entry, Part } from "../store.ts";

/** By identity: which lease a key goes with. */
export type LeaseToken = object;

export interface Held {
  readonly value: string;
  readonly revision: number;
  readonly lease: LeaseToken | undefined;
}

/** One commit as it took effect. */
export interface Effect {
  readonly revision: number;
  readonly changes: readonly Change[];
  /** What a reader of the disk must know of it: where it touched leases alone, only that its revision is used up. */
  readonly lasting: readonly Change[];
}

export class State {
  readonly #held: Map<string, Held>;
  /** In order, so that what is read costs what is found, however much else there is. */
  readonly #keys: string[];
  #revision: number;

  constructor(revision: number, entries: Iterable<Entry>) {
    this.#revision = revision;
    this.#held = new Map();
    for (const { key, value, revision } of entries) this.#held.set(key, { value, revision, lease: undefined });
    this.#keys = [...this.#held.keys()].sort(compareKeys);
  }

  get revision(): number {
    return this.#revision;
  }

  held(key: string): Held | undefined {
    return this.#held.get(key);
  }

  keysOf(lease: LeaseToken): string[] {
    return [...this.#held].filter(([, held]) => held.lease === lease).map(([key]) => key);
  }

  /** By code point, as etcd orders the bytes of UTF-8; the language's own order puts surrogates before what lies above them. */
  entries(prefix: string, { from = prefix, below, limit = Number.POSITIVE_INFINITY }: Part = {}): Entry[] {
    const found: Entry[] = [];
    // Of keys under a prefix the prefix is the first, and they stand together.
    for (let at = this.#place(compareKeys(from, prefix) > 0 ? from : prefix); found.length < limit; at++) {
      const key = this.#keys[at];
      const held = key === undefined ? undefined : this.#held.get(key);
      if (key === undefined || held === undefined || !key.startsWith(prefix)) break;
      if (below !== undefined && compareKeys(key, below) >= 0) break;
      found.push({ key, value: held.value, revision: held.revision });
    }
    return found;
  }

  /** What outlives the process. */
  *lasting(): Iterable<Entry> {
    for (const [key, { value, revision, lease }] of this.#held) if (lease === undefined) yield { key, value, revision };
  }

  get lastingCount(): number {
    let count = 0;
    for (const { lease } of this.#held.values()) if (lease === undefined) count++;
    return count;
  }

  apply(draft: Draft): void {
    for (const [key, held] of draft.touched) {
      const was = this.#held.has(key);
      if (held === undefined) this.#held.delete(key);
      else this.#held.set(key, held);
      if (was !== (held !== undefined)) this.#keys.splice(this.#place(key), was ? 1 : 0, ...(was ? [] : [key]));
    }
    this.#revision = draft.revision;
  }

  /** Where a key is, or would be. */
  #place(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeys(this.#keys[middle] ?? "", key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class Draft {
  readonly touched = new Map<string, Held | undefined>();
  readonly effects: Effect[] = [];
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  get revision(): number {
    return this.effects.at(-1)?.revision ?? this.#state.revision;
  }

  held(key: string): Held | undefined {
    return this.touched.has(key) ? this.touched.get(key) : this.#state.held(key);
  }

  /** Also those that it got within this draft. */
  keysOf(lease: LeaseToken): string[] {
    const keys = new Set([...this.#state.keysOf(lease), ...this.touched.keys()]);
    return [...keys].filter((key) => this.held(key)?.lease === lease);
  }

  /** @returns the revision afterwards, or undefined where a condition does not hold and nothing was done. */
  commit({ when, changes }: Commit, lease: LeaseToken | undefined): number | undefined {
    if (when.some(({ key, revision }) => (this.held(key)?.revision ?? 0) !== revision)) return undefined;
    const effective = changes.filter(({ key, value }) => value !== undefined || this.held(key) !== undefined);
    if (effective.length === 0) return this.revision;
    const revision = this.revision + 1;
    const lasting: Change[] = [];
    for (const { key, value } of effective) {
      const onDisk = this.held(key);
      if (value !== undefined && lease === undefined) lasting.push({ key, value });
      else if (onDisk !== undefined && onDisk.lease === undefined) lasting.push({ key, value: undefined });
      this.touched.set(key, value === undefined ? undefined : { value, revision, lease });
    }
    this.effects.push({ revision, changes: effective, lasting });
    return revision;
  }
}

export function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const a = one.charCodeAt(at);
    const b = other.charCodeAt(at);
    // Where both are surrogates or neither is, units are in the order of code points; else the surrogate is the larger.
    if (a !== b) return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1;
  }
  return one.length - other.length;
}

const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
