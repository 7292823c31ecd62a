import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { outcomeIndex, scoreInvalidIndex, trafficIndex } from "../../../src/observe/labels.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import type { TrafficSnapshot, VariantSnapshot } from "../../../src/observe/snapshot.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { routeSpec } from "../../support/routes.ts";

const run = promisify(execFile);
const source = (path: string): string => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);

/** Holds all rounds, so that no collection gives back what one of them took. */
const roomyHeap = "--min-semi-space-size=128";

/** Prints the bytes that each of some rounds of calls took from the heap, per call. */
const allocation = `
  import { Metrics } from ${source("src/observe/metrics.ts")};
  import { ManualClock } from ${source("test/support/manual-clock.ts")};
  import { routeSpec } from ${source("test/support/routes.ts")};
  const score = { output: "scores", reduce: "element", index: 0, range: [0, 1], buckets: [0.5, 1] };
  const metrics = new Metrics({ clock: new ManualClock(), version: "0", node: "v24" });
  const cells = metrics.routeVariant(routeSpec({ score }), "v41");
  const method = metrics.methodIndex("Predict");
  const record = () => {
    for (let i = 0; i < 50_000; i++) {
      cells.request(0, method, 0, 0, i / 100, i / 200);
      cells.score(0, (i % 1000) / 1000);
      cells.assigned(0);
    }
  };
  const rounds = Array.from({ length: 12 }, () => {
    const before = process.memoryUsage().heapUsed;
    record();
    return (process.memoryUsage().heapUsed - before) / 50_000;
  });
  console.log(rounds.join(" "));
`;

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

  it("allocate no object for a call", async () => {
    // In a process of its own: here other tests have handed in what no caller does, and spoilt the compiled code.
    const { stdout } = await run(process.execPath, [roomyHeap, "--input-type=module", "--eval", allocation], {
      timeout: 8_000,
    });
    // The engine boxes a fraction, in 16 bytes, where it does not inline the call that takes it: three of them at most,
    // and not one object. The least of some rounds, as the first are not compiled yet.
    const rounds = stdout.trim().split(" ").map(Number);
    assert.ok(
      rounds.every((bytes) => bytes >= 0),
      `a collection in between: ${rounds}`,
    );
    assert.ok(Math.min(...rounds) <= 3 * 16, `${rounds} bytes a call`);
  });
});
