/**
 * A route's assignment: which variant has each of 65,536 slots.
 *
 * One byte per slot rather than a search through ranges: a look-up is one load whatever the number of ranges, and
 * a table filled by rendezvous has tens of thousands of them. 64 KiB per route is the price. Slots are what makes shares
 * exact to 0.0015 % and lets a table change by moving as few users as the weights ask for.
 *
 * A table is immutable: what changes weights puts another in its place.
 */
import { murmur3Latin1, murmur3Text } from "../base/hash.ts";
import type { Parsed, Problem } from "../base/parsed.ts";
import { type SlotRange, slotCount } from "../model/slots.ts";
import { variantProblems } from "./weights.ts";

export class SlotTable {
  /** Names of the variants, which an index stands for. */
  readonly variants: readonly string[];
  /** Index of the variant that has each slot. */
  readonly slots: Uint8Array;

  /** For those who have checked both: every slot holds an index into `variants`. See `fromRanges` and `rendezvousTable`. */
  constructor(variants: readonly string[], slots: Uint8Array) {
    this.variants = variants;
    this.slots = slots;
  }

  /** The table that a snapshot's ranges describe. They must follow each other, cover every slot and name known variants. */
  static fromRanges(variants: readonly string[], ranges: readonly SlotRange[]): Parsed<SlotTable> {
    const problems = [...variantProblems(variants), ...rangeProblems(variants, ranges, "slots")];
    if (problems.length > 0) return { ok: false, problems };
    const indexes = new Map(variants.map((name, index) => [name, index]));
    const slots = new Uint8Array(slotCount);
    for (const { from, to, variant } of ranges) slots.fill(indexes.get(variant) ?? 0, from, to);
    return { ok: true, value: new SlotTable([...variants], slots) };
  }

  /** The table as ranges, as few as there can be. */
  ranges(): SlotRange[] {
    const ranges: SlotRange[] = [];
    let from = 0;
    for (let slot = 1; slot <= slotCount; slot++) {
      if (slot < slotCount && this.slots[slot] === this.slots[from]) continue;
      ranges.push({ from, to: slot, variant: this.variants[this.slots[from] ?? 0] ?? "" });
      from = slot;
    }
    return ranges;
  }

  /** Number of slots that each variant has, by its index. */
  counts(): number[] {
    return countPlaces(this.slots, this.variants.length);
  }
}

/** What is wrong with ranges that ought to be a table, under `path`: unknown names, gaps, overlaps, slots that nobody has. */
export function rangeProblems(variants: readonly string[], ranges: readonly SlotRange[], path: string): Problem[] {
  const problems: Problem[] = [];
  const known = new Set(variants);
  // Where the next range must begin; undefined after a range whose end can't be told, so that one slip is one problem.
  let due: number | undefined = 0;
  for (const [i, { from, to, variant }] of ranges.entries()) {
    const at = `${path}[${i}]`;
    if (!known.has(variant)) {
      problems.push({ path: `${at}.variant`, message: `want a variant of the route, got ${JSON.stringify(variant)}` });
    }
    if (from !== (due ?? from)) {
      problems.push({ path: `${at}.from`, message: `want ${due}, where the range before ends, got ${from}` });
    }
    const ends: boolean = Number.isInteger(to) && to > from && to <= slotCount;
    if (!ends) {
      problems.push({
        path: `${at}.to`,
        message: `want a whole number above ${from}, at most ${slotCount}, got ${to}`,
      });
    }
    due = ends ? to : undefined;
  }
  if (due !== undefined && due !== slotCount) {
    problems.push({ path, message: `want ranges up to ${slotCount}, got them up to ${due}` });
  }
  return problems;
}

/** How often each of `variants` indexes occurs. */
export function countPlaces(places: Uint8Array, variants: number): number[] {
  const counts = new Array<number>(variants).fill(0);
  for (const index of places) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

/** What keys are hashed with under a salt: the hash of the salt's own UTF-8, with seed 0. */
export function saltSeed(salt: string): number {
  return murmur3Text(salt, 0);
}

/** Slot of a key, which is its bytes in Latin-1: the top 16 bits of its hash. */
export function slotOf(seed: number, key: string): number {
  return murmur3Latin1(key, seed) >>> 16;
}

/** Index of the variant that has a key. */
export function assign(table: SlotTable, seed: number, key: string): number {
  return table.slots[slotOf(seed, key)] as number;
}
