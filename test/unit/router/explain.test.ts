import assert from "node:assert/strict";
import fc from "fast-check";
import type { RouteSpec } from "../../../src/model/route.ts";
import { slotCount } from "../../../src/model/slots.ts";
import { explain } from "../../../src/router/explain.ts";
import { Assignment, compileAssigner } from "../../../src/router/route-assigner.ts";
import { saltSeed, slotOf } from "../../../src/router/slot-table.ts";
import { parsedValue } from "../../support/parsed.ts";
import { routeSpec, shadowSpec } from "../../support/routes.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";

const noChance = new ScriptedChance();

const anyRoute = fc
  .record({
    weights: fc.integer({ min: 0, max: 100 }).map((v42) => ({ v41: 100 - v42, v42 })),
    salt: fc.string({ maxLength: 6 }),
    assignment: fc.constantFrom("slots" as const, "md5-100" as const),
    shadows: fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 3 }),
  })
  .map(
    ({ shadows, ...rest }): RouteSpec =>
      routeSpec({ ...rest, shadows: shadows.map((percent, i) => shadowSpec(`s${i}`, percent)) }),
  );

describe("an explanation", () => {
  it("says what is decided for the key, and which shadows get its calls", () => {
    fc.assert(
      fc.property(anyRoute, fc.array(fc.string({ minLength: 1 }), { minLength: 20, maxLength: 20 }), (route, keys) => {
        const assigner = parsedValue(compileAssigner(route));
        const into = new Assignment();
        for (const key of keys) {
          const told = explain(assigner, key);
          assigner.decide(into, key, undefined, undefined, noChance);
          assert.equal(told.variant, route.variants[into.variant]?.name);
          assert.equal(told.slot, into.slot);
          assert.equal(told.reason, into.reason);
          const draw = assigner.shadows.draw(key, noChance);
          const copied = route.shadows.filter((_, i) => told.variant === "v41" && assigner.shadows.includes(i, draw));
          assert.deepEqual(
            told.shadows,
            copied.map(({ variant }) => variant),
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  it("tells the route's side of it", () => {
    const ranges = [
      { from: 0, to: 49_152, variant: "v41" },
      { from: 49_152, to: slotCount, variant: "v42" },
    ];
    const route = routeSpec({ weights: { v41: 3, v42: 1 }, salt: "rollout-7", shadows: [shadowSpec("v43", 100)] });
    const key = Array.from({ length: 100 }, (_, i) => `user-${i}`).find(
      (candidate) => slotOf(saltSeed("rollout-7"), candidate) < 49_152,
    );
    assert.deepEqual(explain(parsedValue(compileAssigner(route, ranges)), key), {
      route: "fraud",
      assignment: "slots",
      salt: "rollout-7",
      champion: "v41",
      reason: "weight",
      variant: "v41",
      slot: slotOf(saltSeed("rollout-7"), key ?? ""),
      weights: { v41: 0.75, v42: 0.25, v43: 0 },
      shares: { v41: 0.75, v42: 0.25, v43: 0 },
      shadows: ["v43"],
    });
  });

  it("names no shadow for a key that a challenger answers, since only the champion's calls are copied", () => {
    const route = routeSpec({ weights: { v42: 1 }, shadows: [shadowSpec("v43", 100)] });
    assert.deepEqual(explain(parsedValue(compileAssigner(route)), "user-1").shadows, []);
  });

  it("says that there is no key where it is absent, empty or ignored", () => {
    const route = routeSpec({ key: { from: [], ignore: ["anonymous"] }, shadows: [shadowSpec("v43", 100)] });
    const assigner = parsedValue(compileAssigner(route));
    for (const key of [undefined, "", "anonymous"]) {
      const { reason, variant, slot, shadows, shares } = explain(assigner, key);
      assert.deepEqual(
        { reason, variant, slot, shadows },
        { reason: "no_key", variant: undefined, slot: undefined, shadows: [] },
      );
      assert.deepEqual(shares, { v41: 1, v42: 0, v43: 0 });
    }
  });

  it("is a plain object that survives JSON", () => {
    const told = explain(parsedValue(compileAssigner(routeSpec())), "user-1");
    assert.deepEqual(JSON.parse(JSON.stringify(told)), told);
  });
});
