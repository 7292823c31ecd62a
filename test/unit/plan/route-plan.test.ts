import assert from "node:assert/strict";
import type { RouteSpec } from "../../../src/model/route.ts";
import { planRoute, type RoutePlan } from "../../../src/plan/route-plan.ts";
import { parsedValue, problemsOf } from "../../support/parsed.ts";
import { routeSpec, shadowSpec, variantSpec } from "../../support/routes.ts";

function plan(given: Partial<RouteSpec> = {}): RoutePlan {
  return parsedValue(planRoute(routeSpec(given)));
}

const score: RouteSpec["score"] = {
  output: "scores",
  reduce: "element",
  index: 1,
  range: undefined,
  buckets: [0.5, 1],
};

describe("a route's plan", () => {
  it("has its variants in order, with their addresses read", () => {
    const made = plan({
      variants: [
        variantSpec("v41", { address: "127.0.0.1:8500" }),
        variantSpec("v42", { address: "dns:///fraud.ml:8500" }),
        variantSpec("v43", { address: "unix:/run/model.sock" }),
      ],
    });
    assert.deepEqual(
      made.variants.map(({ spec, index, address }) => [spec.name, index, address]),
      [
        ["v41", 0, { kind: "tcp", host: "127.0.0.1", port: 8500 }],
        ["v42", 1, { kind: "tcp", host: "fraud.ml", port: 8500 }],
        ["v43", 2, { kind: "unix", path: "/run/model.sock" }],
      ],
    );
  });

  it("refuses more shadows than a call can note", () => {
    const names = Array.from({ length: 31 }, (_, i) => `s${i}`);
    const given = routeSpec({
      variants: [variantSpec("v41"), ...names.map((name) => variantSpec(name))],
      champion: "v41",
      weights: { v41: 1 },
      shadows: names.map((variant) => shadowSpec(variant, 10)),
    });
    assert.deepEqual(problemsOf(planRoute(given)), [{ path: "shadows", message: "want at most 30, got 31" }]);
  });

  it("counts variants that are to be warmed up among them, since they get copies too", () => {
    const names = Array.from({ length: 29 }, (_, i) => `s${i}`);
    const warmup = { copies: 5, timeoutMs: 10_000 };
    const given = (warmed: number) =>
      routeSpec({
        variants: [
          variantSpec("v41"),
          ...names.map((name) => variantSpec(name)),
          ...["v42", "v43"].map((name, i) => variantSpec(name, i < warmed ? { warmup } : {})),
        ],
        champion: "v41",
        weights: { v41: 1 },
        shadows: names.map((variant) => shadowSpec(variant, 10)),
      });
    assert.equal(planRoute(given(1)).ok, true);
    assert.deepEqual(problemsOf(planRoute(given(2))), [
      { path: "variants", message: "want at most 30 shadows and variants with a warmup together, got 31" },
    ]);
  });

  it("overrides the model of variants that have another one, in every dialect", () => {
    const model = { name: "fraud", version: "43", label: undefined, restoreResponse: false };
    const [first, second] = plan({ variants: [variantSpec("v41"), variantSpec("v43", { model })] }).variants;
    assert.equal(first?.overrides.size, 0);
    assert.deepEqual([...(second?.overrides.keys() ?? [])], ["tensorflow-serving", "open-inference"]);
  });

  it("looks for a key in the order of the route, metadata in one step, the message in another", () => {
    const { keySteps } = plan({
      key: {
        from: [
          { kind: "metadata", name: "x-user" },
          { kind: "metadata", name: "x-session" },
          { kind: "input", name: "user_id" },
          { kind: "parameter", name: "user" },
          { kind: "metadata", name: "x-last" },
        ],
        ignore: [],
      },
    });
    assert.deepEqual(
      keySteps.map((step) => (step.kind === "metadata" ? step.names : [...step.readers.keys()])),
      [["x-user", "x-session"], ["tensorflow-serving", "open-inference"], ["x-last"]],
    );
  });

  it("looks at answers only where there is a score or a version to expect", () => {
    assert.equal(plan().scoreReaders.size, 0);
    assert.equal(plan({ score }).scoreReaders.size, 2);
    const variants = [variantSpec("v41", { expectVersion: "41" })];
    assert.equal(plan({ variants }).scoreReaders.size, 2);
  });

  for (const [what, given, chooses] of [
    ["one variant with weight", {}, false],
    ["a second variant without weight", { weights: { v41: 100, v42: 0 } }, false],
    ["two variants with weight", { weights: { v41: 90, v42: 10 } }, true],
    ["a shadow", { shadows: [shadowSpec("v43", 10)] }, true],
  ] as const) {
    it(`${chooses ? "has something" : "has nothing"} to choose with ${what}`, () => {
      assert.equal(plan(given).chooses, chooses);
    });
  }

  it("names every problem at once, addresses and weights", () => {
    const found = problemsOf(
      planRoute(
        routeSpec({
          assignment: "md5-100",
          variants: [variantSpec("v41", { address: "no port" }), variantSpec("v42", { address: "127.0.0.1:0" })],
          weights: { v41: 33.3, v42: 66.7 },
        }),
      ),
    );
    const paths = found.map(({ path }) => path);
    assert.ok(paths.includes("variants.v41.address"), String(paths));
    assert.ok(
      paths.some((path) => path.startsWith("weights")),
      String(paths),
    );
  });
});
