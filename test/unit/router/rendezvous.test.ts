import assert from "node:assert/strict";
import fc from "fast-check";
import { slotCount } from "../../../src/model/slots.ts";
import { rendezvousTable } from "../../../src/router/rendezvous.ts";
import { chiSquare, chiSquareLimit } from "../../support/chi-square.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

type Weights = Readonly<Record<string, number>>;

/** Names by slot. */
function owners(weights: Weights, salt = "fraud", variants = Object.keys(weights)): string[] {
  const table = parsedValue(rendezvousTable(variants, weights, salt));
  return Array.from(table.slots, (index) => table.variants[index] ?? "");
}

function counts(weights: Weights, salt: string): number[] {
  return parsedValue(rendezvousTable(Object.keys(weights), weights, salt)).counts();
}

/** Slots that changed hands, as `from>to`, by how many. */
function moves(before: readonly string[], after: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const [slot, from] of before.entries()) {
    const to = after[slot] ?? "";
    if (from !== to) found.set(`${from}>${to}`, (found.get(`${from}>${to}`) ?? 0) + 1);
  }
  return found;
}

const names = ["v41", "v42", "v43", "v44"];
const anyWeights = fc
  .array(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 4 })
  .filter((list) => list.some((weight) => weight > 0))
  .map((list): Weights => Object.fromEntries(list.map((weight, i) => [names[i] ?? "", weight])));

describe("a table by rendezvous", () => {
  const splits: { weights: Weights; salts: number }[] = [
    { weights: { v41: 90, v42: 10 }, salts: 20 },
    { weights: { v41: 80, v42: 10, v43: 10 }, salts: 20 },
    { weights: { a: 1, b: 1, c: 1 }, salts: 20 },
    { weights: { x: 99.5, y: 0.5 }, salts: 10 },
    { weights: { A: 5, B: 4, C: 3, D: 2, E: 1 }, salts: 10 },
  ];
  for (const { weights, salts } of splits) {
    it(`splits its slots by ${JSON.stringify(weights)}, as draws do, under ${salts} salts`, () => {
      const sum = Object.values(weights).reduce((a, b) => a + b);
      const due = Object.values(weights).map((weight) => (weight / sum) * slotCount);
      const degrees = due.length - 1;
      let total = 0;
      for (let i = 0; i < salts; i++) {
        const found = chiSquare(counts(weights, `salt-${i}`), due);
        assert.ok(found < chiSquareLimit(degrees, 4.5), `salt-${i}: ${found}`);
        total += found;
      }
      // All of them together would show a lean that is too small for any one.
      assert.ok(total < chiSquareLimit(degrees * salts, 4), `together: ${total}`);
    });
  }

  it("is the same in whatever order the variants are declared", () => {
    fc.assert(
      fc.property(
        anyWeights.chain((weights) =>
          fc.record({
            weights: fc.constant(weights),
            order: fc.shuffledSubarray(Object.keys(weights), { minLength: Object.keys(weights).length }),
            salt: fc.string({ maxLength: 8 }),
          }),
        ),
        ({ weights, order, salt }) => {
          const shuffled = Object.fromEntries(order.map((name) => [name, weights[name] ?? 0]));
          assert.deepEqual(owners(shuffled, salt, order), owners(weights, salt));
        },
      ),
      { numRuns: 15 },
    );
  });

  it("depends on the ratio of weights, not on their size", () => {
    assert.deepEqual(owners({ v41: 0.9, v42: 0.1 }), owners({ v41: 900, v42: 100 }));
  });

  it("moves slots only to a variant whose weight is raised", () => {
    fc.assert(
      fc.property(anyWeights, fc.nat(3), fc.integer({ min: 1, max: 500 }), (weights, pick, more) => {
        const all = Object.keys(weights);
        const raised = all[pick % all.length] ?? "";
        const after = owners({ ...weights, [raised]: (weights[raised] ?? 0) + more });
        for (const move of moves(owners(weights), after).keys()) assert.match(move, new RegExp(`>${raised}$`));
      }),
      { numRuns: 25 },
    );
  });

  it("takes no slot from a challenger whose share grows with the other's, and moves no more than the share that moves", () => {
    const found = moves(owners({ v41: 90, v42: 5, v43: 5 }), owners({ v41: 80, v42: 10, v43: 10 }));
    assert.deepEqual([...found.keys()].sort(), ["v41>v42", "v41>v43"]);
    const moved = [...found.values()].reduce((a, b) => a + b);
    // 10 % of the slots, give or take five standard deviations of such a draw.
    assert.ok(Math.abs(moved / slotCount - 0.1) < 0.006, `${moved} slots moved`);
  });

  it("gives a variant without weight nothing, and a lone one everything", () => {
    assert.deepEqual(counts({ v41: 50, off: 0, v42: 50 }, "s")[1], 0);
    assert.deepEqual(counts({ off: 0, v41: 0.1 }, "s"), [0, slotCount]);
  });

  it("changes with the salt", () => {
    const found = moves(owners({ a: 1, b: 1 }, "one"), owners({ a: 1, b: 1 }, "two"));
    const moved = [...found.values()].reduce((a, b) => a + b);
    assert.ok(Math.abs(moved / slotCount - 0.5) < 0.01, `${moved} slots moved`);
  });

  it("draws names that differ in one character, or are only one, independently", () => {
    for (const list of [
      ["a", "b"],
      ["v1", "v2"],
      ["", "x"],
    ]) {
      // Against a third: were a and b alike, they would win the same slots and share them unevenly.
      const [a = 0, b = 0, c = 0] = counts(Object.fromEntries([...list, "third"].map((name) => [name, 1])), "salt");
      assert.ok(chiSquare([a, b, c], [slotCount / 3, slotCount / 3, slotCount / 3]) < chiSquareLimit(2, 4));
    }
  });

  it("serves weights as far apart as numbers go", () => {
    assert.deepEqual(counts({ v41: 1e308, v42: 5e-324 }, "s"), [slotCount, 0]);
    assert.ok((counts({ v41: 1e308, v42: 1e308 }, "s")[1] ?? 0) > 30_000);
  });

  it("is refused, with every problem, where weights or variants are none", () => {
    assert.deepEqual(problemLinesOf(rendezvousTable(["a", "a"], { a: 0, b: -1 }, "s")), [
      'variants[1]: want each name once, got "a" again',
      "weights.b: want a variant of the route",
      "weights.b: want a finite number of at least 0, got -1",
      "weights: want a weight above 0, got none",
    ]);
  });
});
