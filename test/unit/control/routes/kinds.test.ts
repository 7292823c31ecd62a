import assert from "node:assert/strict";
import fc from "fast-check";
import { kindsOf } from "../../../../src/control/routes/kinds.ts";
import { type Labels, select } from "../../../../src/control/routes/selection.ts";
import { models, names, nobody, route } from "../../../support/selected-routes.ts";

describe("kinds of sidecars", () => {
  const kinds = (...routes: ReturnType<typeof route>[]) =>
    [...kindsOf(routes)].map(({ chosen }) => names(chosen).join(" "));

  it("are all that routes tell apart, and those with labels of two routes", () => {
    const all = [
      ...kindsOf([route("a", { namespace: "ml" }, models("x")), route("b", { workload: "w" }, models("y"))]),
    ];
    assert.deepEqual(
      all.map(({ labels: { namespace, workload } }) => [namespace, workload]),
      [
        [undefined, undefined],
        ["ml", undefined],
        ["ml", "w"],
        [undefined, "w"],
      ],
    );
  });

  it("are in each combination of subsets", () => {
    const all = kinds(
      route("all", {}, models("x")),
      route("few", { first: 1 }, models("y")),
      route("some", { percent: 5 }, models("z")),
    );
    assert.deepEqual(all, ["all", "all few", "all some", "all few some"]);
  });

  it("come once where several get the same routes", () => {
    assert.deepEqual(kinds(route("all"), route("few", { first: 1 })), ["all", "few"]);
  });

  it("are in any two of many subsets, in those that are no default, and in all", () => {
    const many = Array.from({ length: 8 }, (_, i) =>
      route(`r${i}`, { percent: 5 }, { ...models(`m${i}`), default: i < 2 }),
    );
    const all = kinds(...many);
    assert.equal(all.length, 1 + 8 + 28 + 2);
    assert.ok(all.includes("r3 r7"));
    assert.ok(all.includes("r2 r3 r4 r5 r6 r7"));
    assert.ok(all.includes("r0 r1 r2 r3 r4 r5 r6 r7"));
  });

  it("are those of any two routes' labels, and have the routes that such a sidecar is given", () => {
    const label = fc.record({
      namespace: fc.constantFrom(undefined, "n0", "n1"),
      workload: fc.constantFrom(undefined, "w0", "w1"),
      pod: fc.constantFrom(undefined, "p0"),
    });
    const written = fc.record({ label, model: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(written, { maxLength: 7 }), (given) => {
        const routes = given.map((each, i) => route(`r${i}`, each.label, models(`m${each.model}`)));
        const of = (labels: Labels): string => names(select(routes, labels, "i", () => false)).join(" ");
        const both = ({ label: a }: (typeof given)[0], { label: b }: (typeof given)[0]): Labels[] => {
          const parts = (["namespace", "workload", "pod"] as const).map((name) => [a[name], b[name]]);
          if (parts.some(([x, y]) => x !== undefined && y !== undefined && x !== y)) return [];
          const [namespace, workload, pod] = parts.map(([x, y]) => x ?? y);
          return [{ namespace, workload, pod }];
        };
        const pairs = given.flatMap((one) => given.flatMap((other) => both(one, other)));
        assert.deepEqual(new Set(kinds(...routes)), new Set([nobody, ...pairs].map(of)));
        for (const { labels, chosen } of kindsOf(routes)) assert.equal(names(chosen).join(" "), of(labels));
      }),
    );
  });

  it("are found in a fraction of a second where hundreds of workloads and pods have routes of their own", () => {
    const routes = Array.from({ length: 300 }, (_, i) =>
      route(`r${i}`, i % 2 === 0 ? { workload: `w${i}` } : { pod: `p${i}` }, models(`m${i}`)),
    );
    const begunMs = performance.now();
    assert.equal(kinds(...routes).length, 1 + 300 + 150 * 150);
    // A hundred milliseconds, unless every kind goes through all routes.
    assert.ok(performance.now() - begunMs < 5_000);
  });
});
