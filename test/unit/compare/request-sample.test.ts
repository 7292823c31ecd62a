import assert from "node:assert/strict";
import { murmur3Text, murmur3Word } from "../../../src/base/hash.ts";
import { RequestSample } from "../../../src/compare/request-sample.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";

/** Fails at the first draw. */
const noChance = new ScriptedChance();
const seed = murmur3Text("contender/prediction-log", 0);
const ids = Array.from({ length: 10_000 }, (_, i) => `request-${i}`);
const traceOf = (i: number): string => `00-${i.toString(16).padStart(32, "0")}-00f067aa0ba902b7-01`;

describe("the sample of requests", () => {
  for (const ratio of [0.01, 0.05, 0.5]) {
    it(`takes ${ratio} of all request ids and of all traces, within four standard deviations`, () => {
      const sample = new RequestSample(ratio, noChance);
      const deviation = Math.sqrt(10_000 * ratio * (1 - ratio));
      const byId = ids.filter((id) => sample.includes(id, undefined)).length;
      const byTrace = ids.filter((_, i) => sample.includes(undefined, traceOf(i + 1))).length;
      for (const taken of [byId, byTrace]) {
        assert.ok(Math.abs(taken - 10_000 * ratio) < 4 * deviation, `${taken} of 10,000`);
      }
    });
  }

  it("is the same in every sidecar, and within every larger one", () => {
    const taken = (ratio: number) => ids.filter((id) => new RequestSample(ratio, noChance).includes(id, undefined));
    const small = taken(0.01);
    const large = new Set(taken(0.05));
    assert.deepEqual(taken(0.01), small);
    assert.ok(small.length > 0 && small.every((id) => large.has(id)));
  });

  it("goes by the request id where there is one, whatever the trace", () => {
    const sample = new RequestSample(0.5, noChance);
    for (const id of ids.slice(0, 50)) {
      const taken = new Set([undefined, traceOf(1), traceOf(2), traceOf(3)].map((trace) => sample.includes(id, trace)));
      assert.equal(taken.size, 1);
    }
  });

  it("goes by chance where there is neither, nor a legal trace", () => {
    const sample = new RequestSample(0.25, new ScriptedChance(0.24, 0.25, 0.24, 0.25));
    const taken = [undefined, undefined, "00-x", "00-x"].map((trace) => sample.includes(undefined, trace));
    assert.deepEqual(taken, [true, false, true, false]);
  });

  it("is everything at 1 and nothing at 0", () => {
    const all = new RequestSample(1, new ScriptedChance(0.999_999));
    const none = new RequestSample(0, new ScriptedChance(0));
    assert.deepEqual([all.includes(undefined, undefined), none.includes(undefined, undefined)], [true, false]);
    assert.ok(ids.every((id) => all.includes(id, undefined) && !none.includes(id, undefined)));
  });

  it("is what docs/prediction-log.md says, for whoever computes it elsewhere", () => {
    const trace = 0x00c0ffee;
    const hash = [0, 0, 0, trace].reduce((before, word) => murmur3Word(word, before), seed);
    const taken = [hash / 2 ** 32, (hash + 1) / 2 ** 32].map((ratio) =>
      new RequestSample(ratio, noChance).includes(undefined, traceOf(trace)),
    );
    assert.deepEqual(taken, [false, true]);
    const id = murmur3Text("5f0c", seed);
    const byId = [id / 2 ** 32, (id + 1) / 2 ** 32].map((ratio) =>
      new RequestSample(ratio, noChance).includes("5f0c", undefined),
    );
    assert.deepEqual(byId, [false, true]);
  });
});
