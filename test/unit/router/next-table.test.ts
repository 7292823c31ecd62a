import assert from "node:assert/strict";
import fc from "fast-check";
import { type SlotRange, slotCount } from "../../../src/model/slots.ts";
import { movedSlots } from "../../../src/router/moved-slots.ts";
import { nextRanges } from "../../../src/router/next-table.ts";
import { SlotTable } from "../../../src/router/slot-table.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

type Weights = Readonly<Record<string, number>>;

const range = (from: number, to: number, variant: string): SlotRange => ({ from, to, variant });
const next = (before: readonly SlotRange[] | undefined, weights: Weights, variants = Object.keys(weights)) =>
  parsedValue(nextRanges(before, variants, weights));

/** Slots by name, whether the route has the name or not. */
function countsOf(ranges: readonly SlotRange[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { from, to, variant } of ranges) counts.set(variant, (counts.get(variant) ?? 0) + to - from);
  return counts;
}

/** As `2*a 3*b`, which is easier on the eye than slots. */
const sizes = (ranges: readonly SlotRange[]): string =>
  ranges.map(({ from, to, variant }) => `${to - from}*${variant}`).join(" ");

const names = ["v41", "v42", "v43", "v44", "v45", "v46"];

/** Weights of some of six variants: whole, fractions, none, tiny ones. */
const anyWeights: fc.Arbitrary<Weights> = fc
  .uniqueArray(fc.constantFrom(...names), { minLength: 1 })
  .chain((chosen) =>
    fc.record(
      Object.fromEntries(
        chosen.map((name) => [
          name,
          fc.oneof(fc.nat(100), fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true }), fc.constant(1e-7)),
        ]),
      ),
    ),
  )
  .filter((weights) => Object.values(weights).some((weight) => weight > 0));

/** A table with a past: what some changes left, with or without one at random before them. */
const anyTable: fc.Arbitrary<readonly SlotRange[]> = fc
  .record({
    start: fc.option(
      fc
        .uniqueArray(fc.integer({ min: 1, max: slotCount - 1 }), { maxLength: 60, size: "max" })
        .map((cuts) =>
          [...cuts.sort((a, b) => a - b), slotCount].map((to, i, all) =>
            range(all[i - 1] ?? 0, to, names[to % 5] ?? ""),
          ),
        ),
      { nil: undefined },
    ),
    past: fc.array(anyWeights, { minLength: 1, maxLength: 6 }),
  })
  .map(
    ({ start, past }) =>
      past.reduce<readonly SlotRange[] | undefined>((table, weights) => next(table, weights), start) ?? [],
  );

describe("a table from its predecessor", () => {
  it("covers every slot, with no two ranges side by side that could be one", () => {
    fc.assert(
      fc.property(anyTable, anyWeights, (before, weights) => {
        const ranges = next(before, weights);
        const table = parsedValue(SlotTable.fromRanges(Object.keys(weights), ranges));
        assert.deepEqual(table.ranges(), ranges);
      }),
    );
  });

  it("gives each variant its share to the slot: the part before the point, or one more", () => {
    fc.assert(
      fc.property(anyTable, anyWeights, (before, weights) => {
        const counts = countsOf(next(before, weights));
        const sum = Object.values(weights).reduce((a, b) => a + b);
        for (const [name, weight] of Object.entries(weights)) {
          const due = (weight / sum) * slotCount;
          assert.ok(Math.abs((counts.get(name) ?? 0) - due) < 1 + 1e-6, `${name}: ${counts.get(name)} for ${due}`);
        }
      }),
    );
  });

  it("gives the same counts for the same weights, whatever was before and in whatever order they are declared", () => {
    fc.assert(
      fc.property(
        anyTable,
        anyWeights.chain((weights) =>
          fc.tuple(
            fc.constant(weights),
            fc.shuffledSubarray(Object.keys(weights), { minLength: Object.keys(weights).length }),
          ),
        ),
        (before, [weights, order]) => {
          const counts = countsOf(next(undefined, weights));
          assert.deepEqual(new Map([...countsOf(next(before, weights, order))].sort()), new Map([...counts].sort()));
        },
      ),
    );
  });

  it("is the same table in whatever order variants are declared", () => {
    fc.assert(
      fc.property(anyTable, anyWeights, (before, weights) => {
        assert.deepEqual(next(before, weights, Object.keys(weights).reverse()), next(before, weights));
      }),
    );
  });

  it("moves as many slots as losers have too many, from losers to gainers only", () => {
    fc.assert(
      fc.property(anyTable, anyWeights, (before, weights) => {
        const after = next(before, weights);
        const had = countsOf(before);
        const has = countsOf(after);
        const change = (name: string) => (has.get(name) ?? 0) - (had.get(name) ?? 0);
        const moved = movedSlots(before, after);
        for (const { from, to } of moved.moves) {
          assert.ok(change(from) < 0, `${from} gives and does not lose`);
          assert.ok(change(to) > 0, `${to} takes and does not gain`);
        }
        const losses = [...had.keys()].map((name) => Math.max(0, -change(name)));
        assert.equal(
          moved.slots,
          losses.reduce((a, b) => a + b),
        );
      }),
    );
  });

  it("moves nothing when the same weights are applied again", () => {
    fc.assert(
      fc.property(anyTable, anyWeights, (before, weights) => {
        const once = next(before, weights);
        assert.deepEqual(next(once, weights), once);
      }),
    );
  });

  it("cuts no more often than losers and gainers have to be matched", () => {
    fc.assert(
      fc.property(anyTable, anyWeights, (before, weights) => {
        const after = next(before, weights);
        const had = countsOf(before);
        const has = countsOf(after);
        const moving = new Set([...had.keys(), ...has.keys()].filter((name) => had.get(name) !== has.get(name)));
        assert.ok(after.length <= before.length + Math.max(0, moving.size - 1), `${before.length} to ${after.length}`);
      }),
    );
  });

  const rows: { what: string; before?: SlotRange[]; variants?: string[]; weights: Weights; want: string }[] = [
    {
      what: "follows the variants' order without a predecessor",
      variants: ["b", "a"],
      weights: { a: 3, b: 1 },
      want: "16384*b 49152*a",
    },
    { what: "is one range where one variant has all", weights: { a: 1, off: 0 }, want: "65536*a" },
    { what: "leaves out who has no weight", weights: { a: 1, off: 0, b: 1 }, want: "32768*a 32768*b" },
    { what: "gives the slot that is left to the largest remainder", weights: { a: 90, b: 10 }, want: "58982*a 6554*b" },
    {
      what: "gives a slot over which names are equal to the first name",
      variants: ["c", "b", "a"],
      weights: { a: 1, b: 1, c: 1 },
      want: "21845*c 21845*b 21846*a",
    },
    {
      what: "takes what is a tie on paper for one",
      weights: { a: 0.1, b: 0.4, c: 0.7 },
      want: "5462*a 21845*b 38229*c",
    },
    { what: "gives nothing for a weight under half a slot", weights: { a: 1e6, b: 1 }, want: "65536*a" },
    { what: "gives one slot for a weight over half a slot", weights: { a: 65_535.4, b: 0.6 }, want: "65535*a 1*b" },
    {
      what: "serves weights as far apart as numbers go",
      weights: { a: 1e308, b: 5e-324, c: 1e308 },
      want: "32768*a 32768*c",
    },
    {
      what: "takes no name from the prototype for a weight",
      variants: ["a", "constructor"],
      weights: { a: 1 },
      want: "65536*a",
    },
    {
      what: "is one range again when one variant has all",
      before: [range(0, 9, "a"), range(9, 20, "b"), range(20, slotCount, "a")],
      weights: { b: 1 },
      want: "65536*b",
    },
    {
      what: "takes everything from a variant that the route has no more",
      before: [range(0, 32_768, "old"), range(32_768, slotCount, "a")],
      weights: { a: 1, b: 1 },
      want: "32768*b 32768*a",
    },
    {
      what: "joins what a predecessor had apart",
      before: [range(0, 9, "a"), range(9, 32_768, "a"), range(32_768, slotCount, "b")],
      weights: { a: 1, b: 1 },
      want: "32768*a 32768*b",
    },
    {
      what: "moves a border where two variants touch",
      before: [range(0, 58_982, "a"), range(58_982, slotCount, "b")],
      weights: { a: 80, b: 20 },
      want: "52429*a 13107*b",
    },
    {
      what: "gives the crumbs between a gainer's ranges first",
      before: [
        range(0, 16_384, "a"),
        range(16_384, 32_768, "b"),
        range(32_768, 32_800, "a"),
        range(32_800, slotCount, "b"),
      ],
      weights: { a: 16_000, b: 49_536 },
      want: "16000*a 49536*b",
    },
    {
      what: "gives a crumb that touches nobody before it cuts",
      before: [range(0, 100, "a"), range(100, 40_000, "b"), range(40_000, slotCount, "a")],
      weights: { a: 25_536, b: 39_900, c: 100 },
      want: "100*c 39900*b 25536*a",
    },
    {
      what: "cuts an end where it has to",
      before: [range(0, 60_000, "a"), range(60_000, slotCount, "b")],
      weights: { a: 50_000, b: 5536, c: 10_000 },
      want: "50000*a 10000*c 5536*b",
    },
  ];
  for (const { what, before, variants, weights, want } of rows) {
    it(what, () => assert.equal(sizes(next(before, weights, variants)), want));
  }

  it("is refused, with every problem, where variants, weights or the predecessor are none", () => {
    const before = [range(0, 9, "a"), range(8, 8, "b"), range(8, 99, "c")];
    assert.deepEqual(problemLinesOf(nextRanges(before, ["a", "a"], { a: -1, b: 1 })), [
      'variants[1]: want each name once, got "a" again',
      "weights.a: want a finite number of at least 0, got -1",
      "weights.b: want a variant of the route",
      "before[1].from: want 9, where the range before ends, got 8",
      "before[1].to: want a whole number above 8, at most 65536, got 8",
      "before: want ranges up to 65536, got them up to 99",
    ]);
  });

  it("is refused where the predecessor is empty", () => {
    assert.deepEqual(problemLinesOf(nextRanges([], ["a"], { a: 1 })), [
      "before: want ranges up to 65536, got them up to 0",
    ]);
  });

  it("does not change its predecessor", () => {
    const before = Object.freeze([Object.freeze(range(0, 40_000, "a")), Object.freeze(range(40_000, slotCount, "b"))]);
    assert.equal(sizes(next(before, { a: 1, b: 2 })), "21845*a 43691*b");
    assert.equal(sizes(before), "40000*a 25536*b");
  });
});

/**
 * Word for word: a release that derived others from the same past would move users of every running rollout, and two controls
 * of different releases would not agree.
 */
describe("a chain of tables", () => {
  const chain: { weights: Weights; want: string }[] = [
    { weights: { v41: 1 }, want: "65536*v41" },
    { weights: { v41: 90, v42: 10 }, want: "58982*v41 6554*v42" },
    { weights: { v41: 80, v42: 20 }, want: "52429*v41 13107*v42" },
    { weights: { v41: 70, v42: 20, v43: 10 }, want: "45875*v41 6554*v43 13107*v42" },
    { weights: { v41: 72, v42: 5, v43: 23 }, want: "45875*v41 15073*v43 1311*v41 3277*v42" },
    { weights: { v41: 40, v42: 30, v43: 30 }, want: "26214*v41 15073*v42 19661*v43 4588*v42" },
    { weights: { v42: 30, v43: 30, v44: 40 }, want: "26214*v44 15073*v42 19661*v43 4588*v42" },
    { weights: { v42: 33, v43: 34, v44: 33 }, want: "21627*v44 2621*v43 17039*v42 19661*v43 4588*v42" },
    { weights: { v42: 10, v43: 80, v44: 5, v45: 5 }, want: "3277*v44 28180*v43 3277*v45 6553*v42 24249*v43" },
    {
      weights: { v41: 5, v42: 20, v43: 65, v44: 5, v45: 5 },
      want: "3277*v44 3277*v41 24903*v43 3277*v45 13107*v42 17695*v43",
    },
    {
      weights: { v41: 1, v42: 1, v43: 1, v44: 1, v45: 1 },
      want: "3277*v44 13108*v41 5242*v44 13107*v45 13107*v42 4588*v44 13107*v43",
    },
    { weights: { v43: 1 }, want: "65536*v43" },
  ];
  let table: readonly SlotRange[] | undefined;
  for (const { weights, want } of chain) {
    it(`goes on to ${want} with ${JSON.stringify(weights)}`, () => {
      table = next(table, weights);
      assert.equal(sizes(table), want);
    });
  }
});
