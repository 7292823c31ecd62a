import assert from "node:assert/strict";
import { fits, type Labels, narrowness, place, select } from "../../../../src/control/routes/selection.ts";
import type { SelectorSpec } from "../../../../src/model/route.ts";
import { models, names, nobody, route } from "../../../support/selected-routes.ts";

const labels = (given: Partial<Labels>): Labels => ({ ...nobody, ...given });

describe("a route's selector", () => {
  const cases: readonly (readonly [string, Partial<SelectorSpec>, Partial<Labels>, boolean])[] = [
    ["takes every sidecar where it says nothing", {}, {}, true],
    ["takes the namespace that it names", { namespace: "ml" }, { namespace: "ml", workload: "x" }, true],
    ["leaves others out", { namespace: "ml" }, { namespace: "shop" }, false],
    ["leaves out who has no such label", { workload: "fraud" }, { namespace: "ml" }, false],
    ["wants all that it names", { namespace: "ml", pod: "fraud-0" }, { namespace: "ml", pod: "fraud-1" }, false],
  ];
  for (const [what, wanted, has, fitting] of cases) {
    it(what, () => assert.equal(fits(route("r", wanted).spec, labels(has)), fitting));
  }

  it("is for the route's own namespace where it names none", () => {
    const { spec } = route("r", {}, { namespace: "ml" });
    assert.equal(fits(spec, labels({ namespace: "ml" })), true);
    assert.equal(fits(spec, labels({ namespace: "shop" })), false);
    assert.equal(fits(spec, nobody), false);
  });
});

describe("a share of sidecars", () => {
  const pods = Array.from({ length: 2_000 }, (_, i) => labels({ pod: `fraud-${i}` }));
  const within = (name: string, percent: number) =>
    pods.filter((pod) => select([route(name, { percent })], pod, "", () => false).length > 0);

  it("is about as large as it says", () => {
    // Four standard deviations of 2,000 draws at 25 %.
    assert.ok(Math.abs(within("r", 25).length - 500) < 78, String(within("r", 25).length));
    assert.equal(within("r", 0).length, 0);
    assert.equal(within("r", 100).length, pods.length);
  });

  it("lies within a larger one", () => {
    const larger = new Set(within("r", 30));
    assert.ok(within("r", 10).every((pod) => larger.has(pod)));
  });

  it("is another for another route", () => {
    const other = new Set(within("other", 25));
    const both = within("r", 25).filter((pod) => other.has(pod)).length;
    assert.ok(both > 70 && both < 190, String(both));
  });

  it("has a pod's place whatever process runs in it", () => {
    const { spec } = route("r");
    assert.equal(place(spec, labels({ pod: "p" }), "a"), place(spec, labels({ pod: "p" }), "b"));
    assert.notEqual(place(spec, nobody, "a"), place(spec, nobody, "b"));
  });

  it("has a place for each of two pods of one name in two namespaces", () => {
    const { spec } = route("r");
    const [a, b] = ["a", "b"].map((namespace) => place(spec, labels({ namespace, pod: "p" }), "i"));
    assert.notEqual(a, b);
    assert.notEqual(a, place(spec, nobody, "a/p"));
  });
});

describe("routes for a sidecar", () => {
  it("are those that fit", () => {
    const routes = [
      route("a", {}, models("a")),
      route("b", { namespace: "ml" }, models("b")),
      route("c", { namespace: "x" }, models("c")),
    ];
    assert.deepEqual(names(select(routes, labels({ namespace: "ml" }), "", () => false)), ["a", "b"]);
  });

  it("have the narrower of two that take the same calls", () => {
    const routes = [route("wide"), route("narrow", { namespace: "ml" }), route("pod", { namespace: "ml", pod: "p" })];
    assert.deepEqual(names(select(routes, nobody, "", () => false)), ["wide"]);
    assert.deepEqual(names(select(routes, labels({ namespace: "ml" }), "", () => false)), ["narrow"]);
    assert.deepEqual(names(select(routes, labels({ namespace: "ml", pod: "p" }), "", () => false)), ["pod"]);
  });

  it("keep a wider one for other calls", () => {
    const routes = [route("wide", {}, models("a")), route("narrow", { namespace: "ml" }, models("b"))];
    assert.deepEqual(names(select(routes, labels({ namespace: "ml" }), "", () => false)), ["wide", "narrow"]);
  });

  it("have that of the first ones where the fleet says it is among them", () => {
    const routes = [route("all"), route("few", { first: 2 })];
    assert.deepEqual(names(select(routes, nobody, "i", () => false)), ["all"]);
    assert.deepEqual(names(select(routes, nobody, "i", () => true)), ["few"]);
  });

  it("rank a subset above every label, and a pod above a workload above a namespace", () => {
    const ranks = [{}, { namespace: "n" }, { workload: "w" }, { pod: "p" }, { first: 1 }].map((each) =>
      narrowness(route("r", each).spec),
    );
    assert.deepEqual(
      [...ranks].sort((a, b) => a - b),
      ranks,
    );
    assert.equal(new Set(ranks).size, ranks.length);
  });
});
