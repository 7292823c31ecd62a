import assert from "node:assert/strict";
import fc from "fast-check";
import { normalise, variantProblems, weightProblems } from "../../../src/router/weights.ts";

const paths = (problems: readonly { readonly path: string }[]): string[] => problems.map(({ path }) => path);

describe("weights", () => {
  it("become shares that add up to 1, whatever their sum", () => {
    assert.deepEqual([...normalise(["a", "b"], { a: 9, b: 1 })], [0.9, 0.1]);
    assert.deepEqual([...normalise(["a", "b", "c"], { c: 2, a: 2 })], [0.5, 0, 0.5]);
    const weight = fc.double({ min: 1e-9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 20 }), (list) => {
        const names = list.map((_, i) => `v${i}`);
        const sum = normalise(names, Object.fromEntries(names.map((name, i) => [name, list[i] ?? 0]))).reduce(
          (a, b) => a + b,
        );
        assert.ok(Math.abs(sum - 1) < 1e-12, `${sum}`);
      }),
    );
  });

  it("do not overflow at the largest numbers there are", () => {
    assert.deepEqual([...normalise(["a", "b"], { a: Number.MAX_VALUE, b: Number.MAX_VALUE })], [0.5, 0.5]);
  });

  it("do not take a name from the prototype for a weight", () => {
    assert.deepEqual([...normalise(["a", "constructor"], { a: 1 })], [1, 0]);
  });

  const rows = [
    { weights: {}, want: ["weights"], what: "none at all" },
    { weights: { a: 0, b: 0 }, want: ["weights"], what: "only zeros" },
    { weights: { a: -1, b: 2 }, want: ["weights.a"], what: "a negative one" },
    { weights: { a: Number.NaN, b: 2 }, want: ["weights.a"], what: "a NaN" },
    { weights: { a: Number.POSITIVE_INFINITY }, want: ["weights.a"], what: "an infinite one" },
    { weights: { a: "5", b: 1 } as unknown as Record<string, number>, want: ["weights.a"], what: "a text" },
    { weights: { a: 1, c: 1 }, want: ["weights.c"], what: "an unknown variant" },
    { weights: { c: -1 }, want: ["weights.c", "weights.c", "weights"], what: "everything wrong at once" },
  ];
  for (const { weights, want, what } of rows) {
    it(`are refused with ${what}`, () => {
      assert.deepEqual(paths(weightProblems(["a", "b"], weights)), want);
    });
  }

  it("are fine with zeros beside a positive one, and with any positive sum", () => {
    assert.deepEqual(weightProblems(["a", "b"], { a: 0, b: 0.001 }), []);
  });
});

describe("a list of variants", () => {
  it("names each once", () => {
    assert.deepEqual(paths(variantProblems(["a", "b", "a"])), ["variants[2]"]);
    assert.deepEqual(variantProblems(["a", "b"]), []);
  });

  it("holds 1 to 256 of them, as many as one byte tells apart", () => {
    const names = Array.from({ length: 257 }, (_, i) => `v${i}`);
    assert.deepEqual(paths(variantProblems([])), ["variants"]);
    assert.deepEqual(paths(variantProblems(names)), ["variants"]);
    assert.deepEqual(variantProblems(names.slice(1)), []);
  });
});
