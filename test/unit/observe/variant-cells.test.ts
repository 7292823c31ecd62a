import assert from "node:assert/strict";
import { outcomeIndex, scoreInvalidIndex, trafficIndex } from "../../../src/observe/labels.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import type { TrafficSnapshot, VariantSnapshot } from "../../../src/observe/snapshot.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { routeSpec } from "../../support/routes.ts";

const { live, shadow } = trafficIndex;
const { ok, error } = outcomeIndex;
const score = { output: "scores", reduce: "element", index: 0, range: [0, 1], buckets: [0.5, 1] } as const;

function setUp() {
  const metrics = new Metrics({ clock: new ManualClock(), version: "0", node: "v24" });
  const cells = metrics.routeVariant(routeSpec({ score }), "v41");
  const variant = (): VariantSnapshot => {
    const [first] = metrics.snapshot().variants;
    assert.ok(first);
    return first;
  };
  const traffic = (): TrafficSnapshot => variant().traffic.live;
  return { metrics, cells, variant, traffic };
}

describe("a variant's cells", () => {
  it("count a call under its kind of traffic, method, code and outcome, with both durations in seconds", () => {
    const { metrics, cells, variant } = setUp();
    cells.request(shadow, metrics.methodIndex("Predict"), 14, error, 250, 20);
    const { live: untouched, shadow: counted } = variant().traffic;
    assert.equal(untouched.requests, 0);
    assert.deepEqual([counted.requests, counted.byCode, counted.byMethod], [1, { UNAVAILABLE: 1 }, { Predict: 1 }]);
    assert.deepEqual([counted.durations.error.sum, counted.upstreamDurations.error.sum], [0.25, 0.02]);
    assert.deepEqual([counted.durations.ok.count, counted.upstreamDurations.ok.count], [0, 0]);
  });

  it("record no upstream duration for a call that never went upstream", () => {
    const { cells, traffic } = setUp();
    cells.request(live, 0, 14, error, 1, -1);
    assert.deepEqual([traffic().durations.error.count, traffic().upstreamDurations.error.count], [1, 0]);
  });

  it("count a call whose clock went wrong, without spoiling the sum", () => {
    const { cells, traffic } = setUp();
    for (const ms of [Number.NaN, -5, Number.POSITIVE_INFINITY]) cells.request(live, 0, 0, ok, ms, ms);
    assert.deepEqual([traffic().durations.ok.count, traffic().durations.ok.sum], [3, 0]);
    assert.equal(traffic().upstreamDurations.ok.count, 0);
  });

  it("count a status code outside 0 to 16 as UNKNOWN", () => {
    const { cells, traffic } = setUp();
    for (const code of [17, -1, Number.NaN]) cells.request(live, 0, code, error, 1, 1);
    assert.deepEqual(traffic().byCode, { UNKNOWN: 3 });
  });

  it("tell seven methods apart and count every further one as other", () => {
    const { metrics, cells, traffic } = setUp();
    for (let i = 0; i < 20; i++) cells.request(live, metrics.methodIndex(`M${i}`), 0, ok, 1, 1);
    const named = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`M${i}`, 1]));
    assert.deepEqual(traffic().byMethod, { ...named, other: 13 });
  });

  it("keep a place for the methods that gates watch, whatever else is called first", () => {
    const metrics = new Metrics({ clock: new ManualClock(), version: "0", node: "v24" });
    const cells = metrics.routeVariant(routeSpec(), "v41", ["Predict"]);
    for (let i = 0; i < 20; i++) cells.request(live, metrics.methodIndex(`M${i}`), 0, ok, 1, 1);
    cells.request(live, metrics.methodIndex("Predict"), 0, ok, 1, 1);
    assert.equal(metrics.snapshot().variants[0]?.traffic.live.byMethod.Predict, 1);
  });

  it("count a method number that nobody was given as other", () => {
    const { cells, traffic } = setUp();
    for (const method of [127, 4000, -1, Number.NaN]) cells.request(live, method, 0, ok, 1, 1);
    assert.deepEqual(traffic().byMethod, { other: 4 });
  });

  it("put scores into their kind of traffic's histogram, a score of 0 into a bucket of its own", () => {
    const { cells, variant } = setUp();
    for (const value of [0, 0.2, 0.5, 3]) cells.score(live, value);
    cells.score(shadow, 0.9);
    const { live: lived, shadow: shadowed } = variant().traffic;
    assert.deepEqual(lived.score, { bounds: [0, 0.5, 1], counts: [1, 2, 0, 1], sum: 3.7, count: 4 });
    assert.deepEqual(shadowed.score?.counts, [0, 0, 1, 0]);
  });

  it("count NaN and the infinities as invalid scores and keep them out of the histogram", () => {
    const { cells, traffic } = setUp();
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) cells.score(live, value);
    assert.deepEqual([traffic().score?.count, traffic().score?.sum], [0, 0]);
    assert.deepEqual(traffic().scoreInvalid, { nan: 1, infinite: 2 });
  });

  it("keep invalid scores of live and shadow traffic apart", () => {
    const { cells, variant } = setUp();
    cells.scoreInvalid(shadow, scoreInvalidIndex.missing_output);
    assert.deepEqual(variant().traffic.shadow.scoreInvalid, { missing_output: 1 });
    assert.deepEqual(variant().traffic.live.scoreInvalid, {});
  });

  it("take a score on a route without a score rule without a word", () => {
    const metrics = new Metrics({ clock: new ManualClock(), version: "0", node: "v24" });
    metrics.routeVariant(routeSpec(), "v41").score(live, 0.5);
    assert.equal(metrics.snapshot().variants[0]?.traffic.live.score, undefined);
  });

  it("never throw, whatever number they get", () => {
    const { cells, traffic } = setUp();
    for (const wrong of [-1, 1.5, 1e9, Number.NaN]) {
      cells.request(wrong, wrong, wrong, wrong, wrong, wrong);
      cells.scoreInvalid(wrong, wrong);
      cells.score(wrong, wrong);
      cells.assigned(wrong);
      cells.shadowDropped(wrong);
      cells.fallback(wrong);
    }
    assert.equal(traffic().requests, 0);
  });

  it("allocate no object for a call, at most a box for each fraction handed in", () => {
    const { metrics, cells } = setUp();
    const method = metrics.methodIndex("Predict");
    const calls = 50_000;
    const bytesPerCall = (): number => {
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < calls; i++) {
        cells.request(live, method, 0, ok, i / 100, i / 200);
        cells.score(live, (i % 1000) / 1000);
        cells.assigned(0);
      }
      return (process.memoryUsage().heapUsed - before) / calls;
    };
    // Three fractions at 16 bytes, which the engine boxes where it does not inline the call; a label object alone is more
    // than the rest. The least of some rounds: the first are not compiled yet, a collection makes one negative.
    const rounds = Array.from({ length: 8 }, bytesPerCall).filter((bytes) => bytes >= 0);
    assert.ok(Math.min(...rounds) < 3 * 16 + 8, `${rounds} bytes a call`);
  });
});
