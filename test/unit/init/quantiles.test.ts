import assert from "node:assert/strict";
import { quantile } from "../../../src/init/quantiles.ts";

describe("quantiles", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  for (const { values, q, is } of [
    { values: [3, 1, 2], q: 0.5, is: 2 },
    { values: [4, 1, 3, 2], q: 0.5, is: 2 },
    { values: hundred, q: 0.99, is: 99 },
    { values: [5, 9], q: 0.99, is: 9 },
    { values: [7], q: 0.5, is: 7 },
    { values: [-2, -10, 11], q: 0.5, is: -2 },
  ]) {
    it(`of ${values.length} values at ${q}: ${is}`, () => {
      assert.equal(quantile(values, q), is);
    });
  }

  it("of nothing are no number", () => {
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });

  it("leave the values in their order", () => {
    const values = [3, 1, 2];
    quantile(values, 0.5);
    assert.deepEqual(values, [3, 1, 2]);
  });
});
