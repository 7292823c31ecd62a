import assert from "node:assert/strict";
import fc from "fast-check";
import { type SlotRange, slotCount } from "../../../src/model/slots.ts";
import { movedSlots } from "../../../src/router/moved-slots.ts";

const anyRanges = fc
  .uniqueArray(fc.integer({ min: 1, max: slotCount - 1 }), { maxLength: 20, size: "max" })
  .map((cuts): SlotRange[] =>
    [...cuts.sort((a, b) => a - b), slotCount].map((to, i, all) => ({
      from: all[i - 1] ?? 0,
      to,
      variant: `v${to % 3}`,
    })),
  );

const owners = (ranges: readonly SlotRange[]): string[] =>
  ranges.flatMap(({ from, to, variant }) => new Array<string>(to - from).fill(variant));

describe("moved slots", () => {
  it("are those that have another variant than before, slot by slot", () => {
    fc.assert(
      fc.property(anyRanges, anyRanges, (before, after) => {
        const found = new Map<string, number>();
        const now = owners(after);
        for (const [slot, from] of owners(before).entries()) {
          const pair = `${from}>${now[slot]}`;
          if (from !== now[slot]) found.set(pair, (found.get(pair) ?? 0) + 1);
        }
        const moved = movedSlots(before, after);
        assert.deepEqual(new Map(moved.moves.map(({ from, to, slots }) => [`${from}>${to}`, slots])), found);
        assert.equal(
          moved.slots,
          [...found.values()].reduce((a, b) => a + b, 0),
        );
      }),
      { numRuns: 15 },
    );
  });

  it("are none between equal tables, however they are cut", () => {
    const whole = [{ from: 0, to: slotCount, variant: "a" }];
    const cut = [
      { from: 0, to: 7, variant: "a" },
      { from: 7, to: slotCount, variant: "a" },
    ];
    assert.deepEqual(movedSlots(whole, cut), { slots: 0, moves: [] });
    assert.deepEqual(movedSlots(cut, whole), { slots: 0, moves: [] });
  });

  it("come with the most first, then by name", () => {
    const before = [
      { from: 0, to: 10, variant: "b" },
      { from: 10, to: 20, variant: "a" },
      { from: 20, to: slotCount, variant: "c" },
    ];
    assert.deepEqual(movedSlots(before, [{ from: 0, to: slotCount, variant: "d" }]).moves, [
      { from: "c", to: "d", slots: slotCount - 20 },
      { from: "a", to: "d", slots: 10 },
      { from: "b", to: "d", slots: 10 },
    ]);
  });
});
