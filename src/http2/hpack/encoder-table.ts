/**
 * The encoder's dynamic table, and how it is searched.
 *
 * Insertions are numbered, 1, 2, 3 and so on. An entry's age is how many came after it, and it lives while its age is
 * below the count of entries, because the oldest always go first. Whatever remembers a number (a bucket, a chain, a
 * name, a cache line) can therefore tell by itself whether the entry is still there, and eviction has nothing to tidy.
 *
 * A field is looked for by identity first: one that a decoder's table hands out is the same object call after call.
 * Then by name and value, hashing the value's length and a few of its characters instead of all of them: to hash a
 * token of 600 bytes takes longer than to compare it. Values made to collide end the search early and are sent as literals.
 */
import type { HeaderField } from "../header-block.ts";
import { ringSlots } from "./dynamic-table.ts";
import type { NamePolicy } from "./name-policy.ts";
import { firstDynamicIndex } from "./static-table.ts";

/** Ages are never negative. */
export const notFound = -1;

/** Entries compared in one search at most. */
const longestSearch = 16;

/** Lines of the cache by identity: a few connections' worth of repeated fields. */
const lines = 128;

/**
 * Fields get their number (`HeaderField.ref`) when the first encoder takes them in, and bear it in all encoders. The
 * counter is the process's, and never comes round: at a million a second it is exact for 285 years.
 */
let nextRef = firstDynamicIndex;

export class EncoderTable {
  /** Entries alive. */
  count = 0;
  size = 0;
  maxSize: number;
  /** Insertions ever, which is also the newest entry's number. */
  #inserted: number;
  readonly #mask: number;
  readonly #fields: (HeaderField | undefined)[];
  readonly #names: (NamePolicy | undefined)[];
  /** By slot: whether the entry was ever referred to. */
  readonly #used: Uint8Array;
  /** By slot: the number of the bucket's next older entry. Numbers are cut to 32 bits, which ages survive. */
  readonly #older: Int32Array;
  /** By hash: the number of the newest entry. */
  readonly #buckets: Int32Array;
  /** By line: whose it is, and the number of the entry that this field equals. */
  readonly #lineRefs = new Float64Array(lines);
  readonly #lineNumbers = new Float64Array(lines);

  /** `largest`: the most that `resize` will ever be asked for. `inserted`: where numbers begin. */
  constructor(largest: number, maxSize = largest, inserted = 0) {
    const slots = ringSlots(largest);
    this.maxSize = maxSize;
    this.#inserted = inserted;
    this.#mask = slots - 1;
    this.#fields = new Array<HeaderField | undefined>(slots).fill(undefined);
    this.#names = new Array<NamePolicy | undefined>(slots).fill(undefined);
    this.#used = new Uint8Array(slots);
    this.#older = new Int32Array(slots);
    this.#buckets = new Int32Array(slots);
  }

  /** The age of the entry with this number, or `notFound` where it is gone. */
  ageOf(number: number): number {
    const age = this.#inserted - number;
    return age < this.count ? age : notFound;
  }

  /** Whether the entry with this number is still there. */
  holds(number: number): boolean {
    return this.#inserted - number < this.count;
  }

  /** The age of the entry that `field` is known to equal, or `notFound`. */
  recall(field: HeaderField): number {
    const line = field.ref & (lines - 1);
    if (this.#lineRefs[line] !== field.ref) return notFound;
    const age = this.ageOf(this.#lineNumbers[line]!);
    if (age !== notFound) this.#use(age);
    return age;
  }

  /** The age of the entry with this name and the field's value, or `notFound`. */
  find(name: NamePolicy, field: HeaderField): number {
    const value = field.value;
    let number = this.#buckets[this.#bucketOf(name, value)]!;
    for (let left = longestSearch; left > 0; left--) {
      const age = (this.#inserted - number) | 0;
      if (age < 0 || age >= this.count) return notFound;
      const slot = number & this.#mask;
      if (this.#names[slot] === name && this.#fields[slot]!.value === value) {
        this.#remember(field, this.#inserted - age);
        this.#use(age);
        return age;
      }
      number = this.#older[slot]!;
    }
    return notFound;
  }

  /** Makes `field`, which is not larger than the table, its newest entry. */
  insert(name: NamePolicy, field: HeaderField): void {
    this.#evict(this.maxSize - field.size);
    const number = ++this.#inserted;
    const slot = number & this.#mask;
    const bucket = this.#bucketOf(name, field.value);
    this.#fields[slot] = field;
    this.#names[slot] = name;
    this.#used[slot] = 0;
    this.#older[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = number;
    this.count++;
    this.size += field.size;
    name.newest = number;
    this.#remember(field, number);
  }

  resize(maxSize: number): void {
    this.#evict(maxSize);
    this.maxSize = maxSize;
  }

  /** Evicts the oldest entries until the rest takes at most `room` bytes. Empties slots: a ghost would pin strings. */
  #evict(room: number): void {
    while (this.size > room) {
      const oldest = (this.#inserted - this.count + 1) & this.#mask;
      this.size -= this.#fields[oldest]!.size;
      this.#fields[oldest] = undefined;
      this.#names[oldest] = undefined;
      this.count--;
    }
  }

  #use(age: number): void {
    const slot = (this.#inserted - age) & this.#mask;
    if (this.#used[slot] !== 0) return;
    this.#used[slot] = 1;
    this.#names[slot]!.repaid(this.#fields[slot]!);
  }

  #remember(field: HeaderField, number: number): void {
    if (field.ref === 0) field.ref = nextRef++;
    const line = field.ref & (lines - 1);
    this.#lineRefs[line] = field.ref;
    this.#lineNumbers[line] = number;
  }

  #bucketOf(name: NamePolicy, value: string): number {
    const length = value.length;
    let hash = Math.imul(name.seed, 31) + length;
    if (length > 0) {
      // Ids and tokens differ at their ends, paths and addresses in the middle.
      hash = Math.imul(hash, 31) + value.charCodeAt(0);
      hash = Math.imul(hash, 31) + value.charCodeAt(length >> 2);
      hash = Math.imul(hash, 31) + value.charCodeAt(length >> 1);
      hash = Math.imul(hash, 31) + value.charCodeAt(length - (length >> 2) - 1);
      hash = Math.imul(hash, 31) + value.charCodeAt(length - 1);
    }
    return (hash ^ (hash >>> 7) ^ (hash >>> 14)) & this.#mask;
  }
}
