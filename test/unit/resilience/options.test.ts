import assert from "node:assert/strict";
import { resolveBreakerOptions } from "../../../src/resilience/breaker.ts";
import { resolveFallbackBudgetOptions } from "../../../src/resilience/fallback-budget.ts";
import { resolveOptions } from "../../../src/resilience/options.ts";

const rules = {
  size: { default: 5, min: 1, max: 10, whole: true },
  ratio: { default: 0.5, min: 0, max: 1, whole: false },
} as const;

describe("options", () => {
  it("have defaults, and keep what is given", () => {
    assert.deepEqual(resolveOptions("thing", rules, {}), { size: 5, ratio: 0.5 });
    assert.deepEqual(resolveOptions("thing", rules, { ratio: 0 }), { size: 5, ratio: 0 });
  });

  it("are frozen, and leave the given ones as they were", () => {
    const given = Object.freeze({ size: 2 });
    assert.ok(Object.isFrozen(resolveOptions("thing", rules, given)));
    assert.deepEqual(given, { size: 2 });
  });

  it("are refused with every problem at once", () => {
    const given = { size: 1.5, ratio: 2, siez: 3 } as object;
    assert.throws(() => resolveOptions("thing", rules, given), {
      name: "RangeError",
      message:
        'unknown thing option "siez"; thing option "size": want a whole number from 1 to 10, got 1.5; ' +
        'thing option "ratio": want a number from 0 to 1, got 2',
    });
  });

  it("are refused where a number is none", () => {
    for (const size of [Number.NaN, "5", null, Number.POSITIVE_INFINITY]) {
      assert.throws(() => resolveOptions("thing", rules, { size } as object), /option "size": want a whole number/);
    }
  });

  it("take no name from the prototype for an option", () => {
    assert.throws(
      () => resolveOptions("thing", rules, { constructor: 1 } as object),
      /unknown thing option "constructor"/,
    );
  });
});

describe("the defaults of resilience", () => {
  it("are those of the documentation", () => {
    assert.deepEqual(resolveBreakerOptions(), {
      minCalls: 20,
      failurePercent: 50,
      windowMs: 10_000,
      resetMs: 5_000,
      probeTimeoutMs: 30_000,
    });
    assert.deepEqual(resolveFallbackBudgetOptions(), { ratio: 0.2, minPerSecond: 1, windowMs: 10_000 });
  });
});
