import assert from "node:assert/strict";
import { olderVersions } from "../../../src/model/counts.ts";
import { CountedSums, callsOf } from "../../../src/observe/counted-sums.ts";
import { countedSeries } from "../../support/counted.ts";

describe("sums of counts", () => {
  it("add what is of the same calls, and change none of what they were given", () => {
    const sums = new CountedSums();
    const one = Object.freeze(countedSeries(1, { invalidScores: 1 }));
    sums.add([one, countedSeries(3, { invalidScores: 4 }), countedSeries(2, { keyed: false })]);
    const [first, second, ...more] = sums.all();
    assert.deepEqual(
      [first, more],
      [countedSeries(4, { invalidScores: 5, latency: { bounds: [0.1, 1], counts: [4, 0, 0], sum: 0.2 } }), []],
    );
    assert.deepEqual(second, countedSeries(2, { keyed: false }));
    assert.equal(callsOf([one]), 1);
  });

  it("put versions together as one without a name", () => {
    const sums = new CountedSums();
    sums.addOlder([countedSeries(1, { version: "1" }), countedSeries(2, { version: "2" })]);
    sums.addOlder([countedSeries(3, { version: olderVersions })]);
    const all = [...sums.all()];
    assert.deepEqual([all.length, all[0]?.version, callsOf(all)], [1, olderVersions, 6]);
  });

  it("have the later of two histograms of scores over other bounds, or the one that there is", () => {
    const sums = new CountedSums();
    const later = { bounds: [5], counts: [1, 0], sum: 3 };
    sums.addOlder([countedSeries(1)]);
    sums.addOlder([countedSeries(1, { score: later })]);
    sums.addOlder([countedSeries(1, { score: undefined })]);
    const [only] = sums.all();
    assert.deepEqual([only?.score, only && callsOf([only])], [later, 3]);
  });

  it("of older versions are bounded: those that were added to last stay", () => {
    const sums = new CountedSums();
    sums.addOlder([countedSeries(1, { variant: "kept" })]);
    for (let i = 0; i < 2_000; i++) {
      sums.addOlder([countedSeries(1, { variant: `v${i}` }), countedSeries(1, { variant: "kept" })]);
    }
    const all = [...sums.all()];
    assert.deepEqual([all.length, callsOf(all.slice(-1)), all[0]?.variant], [1_024, 2_001, "v977"]);
  });
});
