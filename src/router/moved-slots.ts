/** What a change of tables does to users, before it is made: who changes hands, and from whom to whom. */
import type { SlotRange } from "../model/slots.ts";

export interface SlotMove {
  readonly from: string;
  readonly to: string;
  readonly slots: number;
}

export interface MovedSlots {
  /** Of 65,536. */
  readonly slots: number;
  /** The same by pair, the most slots first, then by name. */
  readonly moves: readonly SlotMove[];
}

/** For two tables, each of them whole. */
export function movedSlots(before: readonly SlotRange[], after: readonly SlotRange[]): MovedSlots {
  const pairs = new Map<string, Map<string, number>>();
  let total = 0;
  let i = 0;
  for (const { from, to, variant } of after) {
    // The ranges of `before` that this one lies over; the last of them may reach into the next.
    for (let at = from; at < to; ) {
      const old = before[i];
      if (old === undefined) break;
      const end = Math.min(to, old.to);
      if (old.variant !== variant) {
        const row = pairs.get(old.variant) ?? new Map<string, number>();
        pairs.set(old.variant, row.set(variant, (row.get(variant) ?? 0) + end - at));
        total += end - at;
      }
      if (old.to === end) i++;
      at = end;
    }
  }
  const moves = [...pairs].flatMap(([from, row]) => Array.from(row, ([to, slots]) => ({ from, to, slots })));
  return { slots: total, moves: moves.sort((a, b) => b.slots - a.slots || order(a.from, b.from) || order(a.to, b.to)) };
}

/** By UTF-16 code units, so that two machines with two languages say the same. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
