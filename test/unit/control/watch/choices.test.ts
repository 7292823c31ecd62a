import assert from "node:assert/strict";
import { ownCapabilities } from "../../../../src/api/capabilities.ts";
import type { Labels } from "../../../../src/control/routes/selection.ts";
import { Choices, viewerOf } from "../../../../src/control/watch/choices.ts";
import { routeSet } from "../../../support/route-set.ts";

const nobody: Labels = { namespace: undefined, workload: undefined, pod: undefined };
const labels = (given: Partial<Labels>): Labels => ({ ...nobody, ...given });
const notFirst = () => false;

describe("the routes that a sidecar gets", () => {
  const set = routeSet({
    all: { default: true, ttl: "1h" },
    few: {
      selector: { workload: "fraud" },
      variants: { v41: { address: "10.0.0.1:8500", warmup: { copies: 5 } } },
      weights: { v41: 1 },
    },
  });
  const given = (choices: Choices, who: Partial<Labels>, capabilities: readonly string[]) =>
    choices.of(viewerOf(labels(who), "i", capabilities), notFirst).given.map(({ name }) => name);

  it("are not those of one before it that says all capabilities in one word, or other labels in one", () => {
    const choices = new Choices(set);
    assert.deepEqual(given(choices, {}, [[...ownCapabilities].sort().join()]), []);
    assert.deepEqual(given(choices, {}, ownCapabilities), ["all"]);
    assert.deepEqual(given(choices, { namespace: "ml\0fraud" }, ownCapabilities), ["all"]);
    assert.deepEqual(given(choices, { namespace: "ml", workload: "fraud" }, ownCapabilities), ["all", "few"]);
    assert.deepEqual(given(choices, { workload: "fraud" }, ["ttl", "x"]), ["all"]);
    assert.deepEqual(given(choices, { workload: "fraud" }, ["ttl,x"]), []);
  });

  it("are worked out once for all who get the same, whatever else they say of themselves", () => {
    const choices = new Choices(set);
    const one = choices.of(viewerOf(labels({ pod: "a" }), "a", [...ownCapabilities, "new"]), notFirst);
    const other = choices.of(viewerOf(labels({ namespace: "x", workload: "y" }), "b", ownCapabilities), notFirst);
    assert.deepEqual([one === other, choices.kinds], [true, 1]);
  });

  it("are worked out once also where a route takes a subset, for who is in it and for who is not", () => {
    const choices = new Choices(routeSet({ all: { default: true }, few: { selector: { first: 1 } } }));
    const of = (instance: string, first: boolean) =>
      choices.of(viewerOf(labels({ pod: instance }), instance, []), () => first);
    assert.equal(of("a", false), of("b", false));
    assert.equal(of("c", true), of("d", true));
    assert.equal(choices.kinds, 2);
    assert.deepEqual(
      [of("a", false), of("c", true)].map((choice) => choice.given.map(({ name }) => name)),
      [["all"], ["all", "few"]],
    );
  });

  it("leave nothing behind where they are asked for once", () => {
    const choices = new Choices(set);
    const viewer = viewerOf(nobody, "i", ownCapabilities);
    const asked = choices.once(viewer, notFirst);
    assert.equal(choices.kinds, 0);
    const kept = choices.of(viewer, notFirst);
    assert.notEqual(asked, kept);
    assert.deepEqual(asked, kept);
    assert.equal(choices.once(viewer, notFirst), kept);
  });
});
