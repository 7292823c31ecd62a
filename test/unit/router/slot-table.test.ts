import assert from "node:assert/strict";
import fc from "fast-check";
import { murmur3Latin1 } from "../../../src/base/hash.ts";
import { type SlotRange, slotCount } from "../../../src/model/slots.ts";
import { assign, SlotTable, saltSeed, slotOf } from "../../../src/router/slot-table.ts";
import { chiSquare, chiSquareLimit } from "../../support/chi-square.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

const variants = ["v41", "v42"];
const range = (from: number, to: number, variant: string): SlotRange => ({ from, to, variant });

/** Ranges without neighbours of one variant, as `ranges()` gives them. */
const anyRanges = fc
  .uniqueArray(fc.integer({ min: 1, max: slotCount - 1 }), { maxLength: 40, size: "max" })
  .map((cuts) => [0, ...cuts.sort((a, b) => a - b), slotCount])
  .map((cuts) => cuts.slice(1).map((to, i) => range(cuts[i] ?? 0, to, variants[i % 2] ?? "")));

describe("a slot table from ranges", () => {
  it("gives them back as they were, and each slot its variant", () => {
    fc.assert(
      fc.property(anyRanges, fc.nat(slotCount - 1), (ranges, slot) => {
        const table = parsedValue(SlotTable.fromRanges(variants, ranges));
        assert.deepEqual(table.ranges(), ranges);
        const owner = ranges.find(({ from, to }) => from <= slot && slot < to)?.variant;
        assert.equal(variants[table.slots[slot] ?? -1], owner);
      }),
    );
  });

  it("counts the slots of each variant", () => {
    const table = parsedValue(
      SlotTable.fromRanges(variants, [range(0, 60_000, "v41"), range(60_000, slotCount, "v42")]),
    );
    assert.deepEqual(table.counts(), [60_000, 5536]);
  });

  it("joins neighbours that have the same variant", () => {
    const table = parsedValue(SlotTable.fromRanges(variants, [range(0, 5, "v42"), range(5, slotCount, "v42")]));
    assert.deepEqual(table.ranges(), [range(0, slotCount, "v42")]);
  });

  const rows: { what: string; ranges: SlotRange[]; want: string[] }[] = [
    { what: "none", ranges: [], want: ["slots: want ranges up to 65536, got them up to 0"] },
    {
      what: "a late beginning",
      ranges: [range(1, slotCount, "v41")],
      want: ["slots[0].from: want 0, where the range before ends, got 1"],
    },
    {
      what: "an early end",
      ranges: [range(0, 9, "v41")],
      want: ["slots: want ranges up to 65536, got them up to 9"],
    },
    {
      what: "a gap",
      ranges: [range(0, 10, "v41"), range(11, slotCount, "v42")],
      want: ["slots[1].from: want 10, where the range before ends, got 11"],
    },
    {
      what: "an overlap",
      ranges: [range(0, 10, "v41"), range(9, slotCount, "v42")],
      want: ["slots[1].from: want 10, where the range before ends, got 9"],
    },
    {
      what: "an end beyond the table",
      ranges: [range(0, slotCount + 1, "v41")],
      want: ["slots[0].to: want a whole number above 0, at most 65536, got 65537"],
    },
    {
      what: "an empty range, once and not again for the next",
      ranges: [range(0, 0, "v41"), range(0, slotCount, "v42")],
      want: ["slots[0].to: want a whole number above 0, at most 65536, got 0"],
    },
    {
      what: "a fraction",
      ranges: [range(0, 0.5, "v41"), range(0.5, slotCount, "v42")],
      want: ["slots[0].to: want a whole number above 0, at most 65536, got 0.5"],
    },
    {
      what: "a NaN",
      ranges: [range(Number.NaN, slotCount, "v41")],
      want: [
        "slots[0].from: want 0, where the range before ends, got NaN",
        "slots[0].to: want a whole number above NaN, at most 65536, got 65536",
      ],
    },
    {
      what: "an unknown variant and an early end, both at once",
      ranges: [range(0, 9, "v40")],
      want: [
        'slots[0].variant: want a variant of the route, got "v40"',
        "slots: want ranges up to 65536, got them up to 9",
      ],
    },
  ];
  for (const { what, ranges, want } of rows) {
    it(`is refused with ${what}`, () => assert.deepEqual(problemLinesOf(SlotTable.fromRanges(variants, ranges)), want));
  }

  it("is refused with more variants than a byte can name", () => {
    const names = Array.from({ length: 257 }, (_, i) => `v${i}`);
    assert.deepEqual(problemLinesOf(SlotTable.fromRanges(names, [range(0, slotCount, "v0")])), [
      "variants: want at most 256 variants, got 257",
    ]);
  });
});

describe("assignment by slots", () => {
  it("is one hash and one look-up", () => {
    const table = parsedValue(
      SlotTable.fromRanges(variants, [range(0, 30_000, "v41"), range(30_000, slotCount, "v42")]),
    );
    const seed = saltSeed("fraud");
    fc.assert(
      fc.property(fc.string(), (key) => {
        const slot = Math.floor(murmur3Latin1(key, seed) / 65_536);
        assert.equal(slotOf(seed, key), slot);
        assert.equal(assign(table, seed, key), slot < 30_000 ? 0 : 1);
      }),
    );
  });

  const families: { name: string; keys: string[] }[] = [
    { name: "sequential keys", keys: Array.from({ length: 100_000 }, (_, i) => `user-${i + 1}`) },
    { name: "bare numbers", keys: Array.from({ length: 100_000 }, (_, i) => String(i)) },
    {
      name: "keys that differ in their first characters",
      keys: Array.from({ length: 65_536 }, (_, i) => `${i}@example.org`),
    },
    {
      name: "keys of two characters",
      keys: Array.from({ length: 65_536 }, (_, i) => String.fromCharCode(i >> 8, i & 0xff)),
    },
  ];
  for (const { name, keys } of families) {
    for (const salt of ["fraud", "a", ""]) {
      it(`spreads ${name} evenly over the table under salt ${JSON.stringify(salt)}`, () => {
        const seed = saltSeed(salt);
        const high = new Array<number>(256).fill(0);
        const low = new Array<number>(256).fill(0);
        for (const key of keys) {
          const slot = slotOf(seed, key);
          high[slot >> 8] = (high[slot >> 8] ?? 0) + 1;
          low[slot & 0xff] = (low[slot & 0xff] ?? 0) + 1;
        }
        const even = new Array<number>(256).fill(keys.length / 256);
        assert.ok(chiSquare(high, even) < chiSquareLimit(255, 4));
        assert.ok(chiSquare(low, even) < chiSquareLimit(255, 4));
      });
    }
  }

  const pairs = [
    ["fraud", "fraud2"],
    ["a", "b"],
    ["rollout-1", "rollout-2"],
    ["fraud", "fraud/shadow"],
  ] as const;
  for (const [one, other] of pairs) {
    it(`is independent under salts ${JSON.stringify(one)} and ${JSON.stringify(other)}`, () => {
      const cells = new Array<number>(256).fill(0);
      const [seed, otherSeed] = [saltSeed(one), saltSeed(other)];
      for (let i = 1; i <= 100_000; i++) {
        const key = `user-${i}`;
        const cell = ((slotOf(seed, key) >> 12) << 4) | (slotOf(otherSeed, key) >> 12);
        cells[cell] = (cells[cell] ?? 0) + 1;
      }
      assert.ok(chiSquare(cells, new Array<number>(256).fill(100_000 / 256)) < chiSquareLimit(255, 4));
    });
  }
});
