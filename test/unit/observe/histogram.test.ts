import assert from "node:assert/strict";
import fc from "fast-check";
import { latencyBucketsSeconds, scoreBounds } from "../../../src/observe/buckets.ts";
import { addHistograms, HistogramRows, type HistogramSnapshot, quantileOf } from "../../../src/observe/histogram.ts";

function snapshotOf(bounds: readonly number[], values: readonly number[]): HistogramSnapshot {
  const rows = new HistogramRows(1, bounds);
  for (const value of values) rows.observe(0, value);
  return rows.snapshot(0);
}

/** The definition, spelt out: a value belongs to the first bound that is not below it. */
function bucketByDefinition(bounds: readonly number[], value: number): number {
  const found = bounds.findIndex((bound) => value <= bound);
  return found < 0 ? bounds.length : found;
}

describe("histogram rows", () => {
  it("count a value on a bound in that bound's bucket, the next larger one in the next", () => {
    for (const [i, bound] of latencyBucketsSeconds.entries()) {
      const { counts } = snapshotOf(latencyBucketsSeconds, [bound, bound * (1 + Number.EPSILON)]);
      assert.deepEqual([counts[i], counts[i + 1]], [1, 1], `at ${bound}`);
    }
  });

  it("find the same bucket as the definition for any bounds and any value", () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const near = fc.double({ min: -12, max: 12, noNaN: true });
    const bounds = fc
      .oneof(fc.uniqueArray(near, { minLength: 1, maxLength: 40 }), fc.uniqueArray(number, { minLength: 1 }))
      .map((list) => list.map((bound) => bound + 0).sort((a, b) => a - b));
    fc.assert(
      fc.property(bounds, fc.array(fc.oneof(near, number), { minLength: 1 }), (sorted, values) => {
        for (const value of [...values, ...sorted]) {
          const { counts } = snapshotOf(sorted, [value]);
          assert.equal(counts.indexOf(1), bucketByDefinition(sorted, value), `${value} in ${sorted}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keep rows apart and count what lies above every bound", () => {
    const rows = new HistogramRows(2, [1, 2]);
    rows.observe(0, 1.5);
    rows.observe(1, 7);
    rows.observe(1, 0);
    assert.deepEqual(rows.snapshot(0), { bounds: [1, 2], counts: [0, 1, 0], sum: 1.5, count: 1 });
    assert.deepEqual(rows.snapshot(1), { bounds: [1, 2], counts: [1, 0, 1], sum: 7, count: 2 });
    assert.equal(rows.count(1), 2);
  });

  it("leave out a row that is not there", () => {
    const rows = new HistogramRows(1, [1]);
    rows.observe(1, 0.5);
    rows.observe(-1, 0.5);
    rows.observe(Number.NaN, 0.5);
    assert.deepEqual(rows.snapshot(0), { bounds: [1], counts: [0, 0], sum: 0, count: 0 });
  });

  it("give a snapshot that later values do not move", () => {
    const rows = new HistogramRows(1, [1]);
    const before = rows.snapshot(0);
    rows.observe(0, 0.5);
    assert.equal(before.count, 0);
  });
});

describe("latency buckets", () => {
  it("are about twenty, ascending, from 50 µs to 60 s, six of them below 1 ms", () => {
    assert.equal(latencyBucketsSeconds.length, 20);
    assert.deepEqual(
      latencyBucketsSeconds,
      latencyBucketsSeconds.toSorted((a, b) => a - b),
    );
    assert.deepEqual([latencyBucketsSeconds[0], latencyBucketsSeconds.at(-1)], [0.00005, 60]);
    assert.equal(latencyBucketsSeconds.filter((bound) => bound < 0.001).length, 6);
  });
});

describe("score bounds", () => {
  const spec = { output: "scores", reduce: "element", index: 1 } as const;

  it("begin with the lower end of the range, so that an exact 0 has its own bucket", () => {
    assert.deepEqual(scoreBounds({ ...spec, range: [0, 1], buckets: [0.5, 1] }), [0, 0.5, 1]);
  });

  it("are the route's own where the range is unknown or its lower end is already a bound", () => {
    assert.deepEqual(scoreBounds({ ...spec, range: undefined, buckets: [0.5, 1] }), [0.5, 1]);
    assert.deepEqual(scoreBounds({ ...spec, range: [0, 1], buckets: [0, 1] }), [0, 1]);
  });
});

describe("quantile of a histogram", () => {
  const rows: { what: string; bounds: number[]; values: number[]; q: number; want: number | undefined }[] = [
    {
      what: "half of four values in one bucket is its middle",
      bounds: [1, 2],
      values: [2, 2, 2, 2],
      q: 0.5,
      want: 1.5,
    },
    { what: "the first bucket begins at 0", bounds: [4, 8], values: [1, 1], q: 0.5, want: 2 },
    { what: "a first bucket at or below 0 is its bound", bounds: [-1, 1], values: [-5], q: 0.5, want: -1 },
    { what: "values above every bound are the last bound", bounds: [1, 2], values: [9, 9, 9], q: 0.5, want: 2 },
    { what: "an empty bucket in between is passed over", bounds: [1, 2, 3], values: [0.5, 2.5], q: 0.75, want: 2.5 },
    {
      what: "q = 1 is the upper bound of the last filled bucket",
      bounds: [1, 2, 3],
      values: [0.5, 1.5],
      q: 1,
      want: 2,
    },
    { what: "q beyond 1 is 1", bounds: [1, 2, 3], values: [0.5, 1.5], q: 7, want: 2 },
    { what: "an empty histogram has none", bounds: [1, 2], values: [], q: 0.5, want: undefined },
  ];
  for (const { what, bounds, values, q, want } of rows) {
    it(what, () => assert.equal(quantileOf(snapshotOf(bounds, values), q), want));
  }

  it("lies in the bucket of the true quantile", () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i + 1) / 1000);
    const p99 = quantileOf(snapshotOf(latencyBucketsSeconds, values), 0.99);
    assert.ok(p99 !== undefined && p99 > 0.5 && p99 <= 1, `p99 is ${p99}`);
  });
});

describe("adding histograms", () => {
  it("adds counts and sums", () => {
    const sum = addHistograms(snapshotOf([1, 2], [0.5, 3]), snapshotOf([1, 2], [1.5]));
    assert.deepEqual(sum, { bounds: [1, 2], counts: [1, 1, 1], sum: 5, count: 3 });
  });

  it("refuses other bounds", () => {
    assert.throws(() => addHistograms(snapshotOf([1, 2], []), snapshotOf([1, 3], [])), RangeError);
  });
});
