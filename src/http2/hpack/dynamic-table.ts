/**
 * The decoder's dynamic table (RFC 7541, 2.3.2 and 4).
 *
 * A ring: inserting and evicting move a number each, whatever the table holds. Entries are the very objects that blocks
 * are made of, so that a field that a peer refers to by index costs no allocation.
 */
import type { HeaderField } from "../header-block.ts";

/** RFC 7541, 4.1: what every entry counts beyond its strings; so a table of n bytes holds at most n / 32 entries. */
const entryOverhead = 32;

/** What both sides start with (RFC 9113, 6.5.2). */
export const defaultTableSize = 4096;

/** Slots of a ring for a table of so many bytes: a power of two, so that positions wrap by a mask. */
export function ringSlots(tableSize: number): number {
  let slots = 1;
  while (slots * entryOverhead < tableSize) slots *= 2;
  return slots;
}

export class DynamicTable {
  #slots: (HeaderField | undefined)[] = [];
  #mask = 0;
  #newest = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
    this.#allot(ringSlots(maxSize));
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  get size(): number {
    return this.#size;
  }

  get count(): number {
    return this.#count;
  }

  /** The entry that so many newer ones follow, 0 being the newest; undefined beyond the oldest. */
  at(age: number): HeaderField | undefined {
    return age < this.#count ? this.#slots[(this.#newest - age) & this.#mask] : undefined;
  }

  /** Evicts what must go; a field larger than the table empties it and is not kept (RFC 7541, 4.4). */
  insert(field: HeaderField): void {
    const size = field.size;
    if (this.#size + size > this.#maxSize) {
      this.#evict(this.#maxSize - size);
      if (size > this.#maxSize) return;
    }
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#slots[this.#newest] = field;
    this.#count++;
    this.#size += size;
  }

  resize(maxSize: number): void {
    this.#evict(maxSize);
    this.#maxSize = maxSize;
    const slots = ringSlots(maxSize);
    if (slots > this.#mask + 1) this.#allot(slots);
  }

  /** Evicts the oldest entries until the rest takes at most `room` bytes. Empties slots: a ghost would pin strings. */
  #evict(room: number): void {
    while (this.#count > 0 && this.#size > room) {
      const oldest = (this.#newest - this.#count + 1) & this.#mask;
      this.#size -= this.#slots[oldest]!.size;
      this.#slots[oldest] = undefined;
      this.#count--;
    }
  }

  #allot(length: number): void {
    const slots = new Array<HeaderField | undefined>(length).fill(undefined);
    for (let age = 0; age < this.#count; age++) slots[this.#count - 1 - age] = this.at(age);
    this.#slots = slots;
    this.#mask = length - 1;
    this.#newest = (this.#count - 1) & this.#mask;
  }
}
