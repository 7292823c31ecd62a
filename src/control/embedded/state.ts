/**
 * What the store holds, and what commits that are not on disk yet would make of it.
 *
 * The two are apart so that memory never has what the disk lacks: a group of commits is worked out in a draft, each upon the
 * last, then written, and only then does the draft become the state. Where writing fails it is thrown away.
 *
 * Keys of a lease are here like others, but what goes to disk of them is their absence.
 */
import type { Change, Commit, Entry } from "../store.ts";

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
  #revision: number;

  constructor(revision: number, entries: Iterable<Entry>) {
    this.#revision = revision;
    this.#held = new Map();
    for (const { key, value, revision } of entries) this.#held.set(key, { value, revision, lease: undefined });
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
  entries(prefix: string): Entry[] {
    const found: Entry[] = [];
    for (const [key, { value, revision }] of this.#held)
      if (key.startsWith(prefix)) found.push({ key, value, revision });
    return found.sort((one, other) => compareKeys(one.key, other.key));
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
      if (held === undefined) this.#held.delete(key);
      else this.#held.set(key, held);
    }
    this.#revision = draft.revision;
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
