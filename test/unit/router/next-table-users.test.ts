import assert from "node:assert/strict";
import { keyFromText } from "../../../src/base/hash.ts";
import { type SlotRange, slotCount } from "../../../src/model/slots.ts";
import { movedSlots } from "../../../src/router/moved-slots.ts";
import { nextRanges } from "../../../src/router/next-table.ts";
import { assign, SlotTable, saltSeed, slotOf } from "../../../src/router/slot-table.ts";
import { parsedValue } from "../../support/parsed.ts";

const seed = saltSeed("fraud");
const keys = Array.from({ length: 100_000 }, (_, i) => keyFromText(`user-${i}`));

const chains: { variants: string[]; weights: number[][] }[] = [
  {
    variants: ["v41", "v42", "v43"],
    weights: [
      [100, 0, 0],
      [99, 1, 0],
      [90, 10, 0],
      [80, 10, 10],
      [50, 25, 25],
      [60, 0, 40],
      [33, 33, 34],
      [0, 50, 50],
      [20, 30, 50],
      [5, 0, 95],
      [0, 0, 100],
    ],
  },
  {
    variants: ["a", "b", "c", "d", "e"],
    weights: [
      [1, 1, 1, 1, 1],
      [5, 4, 3, 2, 1],
      [1, 2, 3, 4, 5],
      [96, 1, 1, 1, 1],
      [20, 20, 20, 20, 20],
      [0, 50, 0, 50, 0],
      [10, 40, 10, 30, 10],
      [11, 39, 10, 30, 10],
      [40, 10, 30, 10, 10],
      [0.1, 0.2, 0.3, 0.2, 0.2],
      [7, 0, 60, 0, 33],
    ],
  },
];

describe("the users of a table", () => {
  for (const { variants, weights } of chains) {
    it(`of ${variants.length} variants move with their slots in ten changes, and nobody else does`, () => {
      const rangesOf = (before: readonly SlotRange[] | undefined, row: readonly number[]) =>
        parsedValue(nextRanges(before, variants, Object.fromEntries(variants.map((name, i) => [name, row[i] ?? 0]))));
      let before = rangesOf(undefined, weights[0] ?? []);
      assert.equal(weights.length, 11);
      for (const row of weights.slice(1)) {
        const after = rangesOf(before, row);
        checkMove(variants, before, after);
        before = after;
      }
    });
  }
});

function checkMove(variants: readonly string[], before: readonly SlotRange[], after: readonly SlotRange[]): void {
  const [old, now] = [before, after].map((ranges) => parsedValue(SlotTable.fromRanges(variants, ranges)));
  assert.ok(old !== undefined && now !== undefined);
  const counts = [old, now].map((table) => table.counts());
  const gain = (variant: number) => (counts[1]?.[variant] ?? 0) - (counts[0]?.[variant] ?? 0);
  let moved = 0;
  for (const key of keys) {
    const from = assign(old, seed, key);
    const to = assign(now, seed, key);
    const slot = slotOf(seed, key);
    assert.equal(from !== to, old.slots[slot] !== now.slots[slot]);
    if (from === to) continue;
    moved++;
    assert.equal(gain(from) < 0 && gain(to) > 0, true, `${key}: ${variants[from]} to ${variants[to]}`);
  }
  // What the weights ask for: half of what shares differ by, all together.
  const asked = variants.reduce((sum, _, i) => sum + Math.max(0, gain(i)), 0) / slotCount;
  assert.equal(movedSlots(before, after).slots, Math.round(asked * slotCount));
  const deviation = Math.sqrt(keys.length * asked * (1 - asked));
  assert.ok(Math.abs(moved - keys.length * asked) <= 5 * deviation, `${moved} users for ${asked}`);
}
