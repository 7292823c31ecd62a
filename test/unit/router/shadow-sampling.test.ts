import assert from "node:assert/strict";
import fc from "fast-check";
import { murmur3Text } from "../../../src/base/hash.ts";
import { ShadowSampling, shadowProblems } from "../../../src/router/shadow-sampling.ts";
import { saltSeed, slotOf } from "../../../src/router/slot-table.ts";
import { chiSquare, chiSquareLimit } from "../../support/chi-square.ts";
import { shadowSpec } from "../../support/routes.ts";
import { constantChance, ScriptedChance } from "../../support/scripted-chance.ts";

const keys = Array.from({ length: 100_000 }, (_, i) => `user-${i + 1}`);
const noChance = new ScriptedChance();

function sampled(percents: readonly number[], key: string, salt = "fraud"): boolean[] {
  const shadows = percents.map((percent, i) => shadowSpec(`s${i}`, percent));
  const sampling = new ShadowSampling(salt, shadows);
  const draw = sampling.draw(key, noChance);
  return percents.map((_, i) => sampling.includes(i, draw));
}

describe("shadow sampling", () => {
  it("takes the first so many percent of the hash space under the route's salt and /shadow", () => {
    const hash = murmur3Text("user-1", murmur3Text("fraud/shadow", 0));
    const percent = (hash / 2 ** 32) * 100;
    assert.deepEqual(sampled([percent - 1e-6, percent + 1e-6], "user-1"), [false, true]);
  });

  it("nests: who is in a smaller sample is in every larger one, on this route", () => {
    const percent = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), percent, percent, (key, salt, a, b) => {
        const [small, large] = sampled([Math.min(a, b), Math.max(a, b)], key, salt);
        assert.ok(!small || large);
      }),
    );
  });

  it("takes its percentage of keys, also a fraction of one", () => {
    const percents = [0.5, 5, 25];
    const sampling = new ShadowSampling(
      "fraud",
      percents.map((percent, i) => shadowSpec(`s${i}`, percent)),
    );
    for (const [i, percent] of percents.entries()) {
      const hits = keys.filter((key) => sampling.includes(i, sampling.draw(key, noChance))).length;
      const due = (percent / 100) * keys.length;
      assert.ok(chiSquare([hits, keys.length - hits], [due, keys.length - due]) < chiSquareLimit(1, 4), `${hits} hits`);
    }
  });

  it("takes every key at 100 and none at 0, to the last of the hash space", () => {
    const sampling = new ShadowSampling("fraud", [shadowSpec("all", 100), shadowSpec("none", 0)]);
    for (const draw of [0, 2 ** 31, 2 ** 32 - 1]) {
      assert.equal(sampling.includes(0, draw), true);
      assert.equal(sampling.includes(1, draw), false);
    }
  });

  it("is independent of the split, so that a sample is not one variant's users", () => {
    const sampling = new ShadowSampling("fraud", [shadowSpec("s", 25)]);
    const seed = saltSeed("fraud");
    const bins = new Array<number>(16).fill(0);
    for (const key of keys) {
      const bin = slotOf(seed, key) >> 12;
      if (sampling.includes(0, sampling.draw(key, noChance))) bins[bin] = (bins[bin] ?? 0) + 1;
    }
    const hits = bins.reduce((a, b) => a + b);
    assert.ok(chiSquare(bins, new Array<number>(16).fill(hits / 16)) < chiSquareLimit(15, 4));
  });

  it("draws one place for a call without a key, which all shadows share", () => {
    const sampling = new ShadowSampling("fraud", [shadowSpec("a", 24), shadowSpec("b", 26)]);
    for (const key of [undefined, ""]) {
      const draw = sampling.draw(key, constantChance(0.25));
      assert.deepEqual([sampling.includes(0, draw), sampling.includes(1, draw)], [false, true]);
    }
  });

  it("copies nothing to a shadow that the route hasn't got", () => {
    assert.equal(new ShadowSampling("fraud", []).includes(0, 0), false);
    assert.equal(new ShadowSampling("fraud", []).count, 0);
  });

  it("is refused with what is no percentage, for each shadow", () => {
    const shadows = [-1, 101, Number.NaN, 0, 100].map((percent) => shadowSpec(`p${percent}`, percent));
    assert.deepEqual(
      shadowProblems(shadows).map(({ path }) => path),
      ["shadows.p-1.percent", "shadows.p101.percent", "shadows.pNaN.percent"],
    );
  });
});
