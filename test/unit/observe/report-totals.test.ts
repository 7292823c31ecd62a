import assert from "node:assert/strict";
import { keptVersions, maxVersions, olderVersions } from "../../../src/model/counts.ts";
import { callsOf } from "../../../src/observe/counted-sums.ts";
import { ReportTotals } from "../../../src/observe/report-totals.ts";
import { countedSeries, countsReading } from "../../support/counted.ts";

/** Calls by version. */
function told(totals: ReportTotals): Record<string, number> {
  const calls: Record<string, number> = {};
  for (const each of totals.read().series) calls[each.version] = (calls[each.version] ?? 0) + callsOf([each]);
  return calls;
}
const all = (totals: ReportTotals): number => callsOf(totals.read().series);
const report = (totals: ReportTotals): void => totals.acknowledge(totals.read().id);

describe("the counts of several workers", () => {
  it("are added up where they are of the same calls, and stand apart where they are not", () => {
    const totals = new ReportTotals();
    const shadow = countedSeries(1, { variant: "v42", traffic: "shadow" });
    totals.note(1, countsReading(1, countedSeries(2, { invalidScores: 1 }), shadow));
    totals.note(2, countsReading(1, countedSeries(3, { invalidScores: 2 }), countedSeries(4, { keyed: false })));
    assert.deepEqual(totals.read().series, [
      {
        ...countedSeries(5, { invalidScores: 3 }),
        latency: { bounds: [0.1, 1], counts: [5, 0, 0], sum: 0.1 + 0.15000000000000002 },
      },
      shadow,
      countedSeries(4, { keyed: false }),
    ]);
  });

  it("are each worker's latest, not all that it ever told", () => {
    const totals = new ReportTotals();
    for (const calls of [1, 5, 7]) totals.note(1, countsReading(calls, countedSeries(calls)));
    assert.equal(all(totals), 7);
  });

  it("keep those of workers that have ended, beside their successors'", () => {
    const totals = new ReportTotals();
    for (let life = 0; life < 3; life++) {
      totals.note(1, countsReading(1, countedSeries(5)));
      totals.end(1);
    }
    totals.note(1, countsReading(1, countedSeries(2)));
    totals.end(7);
    assert.equal(all(totals), 17);
  });

  it("lose nothing where one worker no longer tells a version apart that another does", () => {
    const totals = new ReportTotals();
    totals.note(1, countsReading(1, countedSeries(5)));
    totals.note(2, countsReading(1, countedSeries(5)));
    report(totals);
    totals.note(1, { id: 2, versions: ["2"], series: [countedSeries(5, { version: olderVersions })] });
    totals.note(2, countsReading(2, countedSeries(6)));
    assert.deepEqual(told(totals), { [olderVersions]: 5, 1: 6 });
    totals.end(1);
    totals.note(1, countsReading(1, countedSeries(1, { version: "2" })));
    assert.deepEqual(told(totals), { [olderVersions]: 5, 1: 6, 2: 1 });
  });

  it("tell a worker which of its readings has arrived, and a new one in its place nothing", () => {
    const totals = new ReportTotals();
    totals.note(1, countsReading(4, countedSeries(5)));
    assert.equal(totals.acknowledgedOf(1), 0);
    const { id } = totals.read();
    totals.note(1, countsReading(5, countedSeries(6)));
    totals.acknowledge(id);
    assert.equal(totals.acknowledgedOf(1), 4);
    totals.end(1);
    totals.note(1, countsReading(1, countedSeries(1)));
    assert.equal(totals.acknowledgedOf(1), 0);
  });

  it("of versions that no worker knows any more are put together once they are reported, the latest excepted", () => {
    const totals = new ReportTotals();
    const versions = Array.from({ length: 20 }, (_, i) => countedSeries(1, { version: `${i}` }));
    totals.note(1, countsReading(1, ...versions));
    totals.end(1);
    totals.note(1, countsReading(1, ...versions.slice(-1)));
    assert.equal(totals.read().versions.length, 20);
    report(totals);
    assert.deepEqual(
      totals.read().versions,
      Array.from({ length: keptVersions }, (_, i) => `${12 + i}`),
    );
    assert.equal(totals.lost, 0);
  });

  it("are not reported by a reading after which another has begun", () => {
    const totals = new ReportTotals();
    totals.note(1, countsReading(4, countedSeries(5)));
    const { id } = totals.read();
    totals.read();
    totals.acknowledge(id);
    assert.equal(totals.acknowledgedOf(1), 0);
  });

  it("of versions that a worker still knows stay apart", () => {
    const totals = new ReportTotals();
    totals.note(1, countsReading(1, countedSeries(1)));
    totals.note(2, countsReading(1, ...Array.from({ length: 20 }, (_, i) => countedSeries(1, { version: `v${i}` }))));
    totals.end(2);
    report(totals);
    assert.equal(totals.read().versions[0], "1");
  });

  it("of versions that have grown since the reading that arrived stay apart", () => {
    const totals = new ReportTotals();
    totals.note(1, countsReading(1, countedSeries(1)));
    totals.note(2, countsReading(1, ...Array.from({ length: 20 }, (_, i) => countedSeries(1, { version: `v${i}` }))));
    totals.end(2);
    const { id } = totals.read();
    totals.note(1, countsReading(2, countedSeries(2)));
    totals.end(1);
    totals.acknowledge(id);
    assert.deepEqual(totals.read().versions, ["1", ...Array.from({ length: keptVersions }, (_, i) => `v${12 + i}`)]);
  });

  it("of more versions than are told apart are put together, the oldest first, and that is counted", () => {
    const totals = new ReportTotals();
    for (let i = 0; i < maxVersions + 3; i++) {
      totals.note(1, countsReading(1, countedSeries(1, { version: `${i}` })));
      totals.end(1);
    }
    totals.note(1, countsReading(1, countedSeries(1, { version: "last" })));
    const { versions } = totals.read();
    assert.deepEqual([versions.length, versions[0], totals.lost], [maxVersions, "4", 4]);
    assert.deepEqual([told(totals)[olderVersions], all(totals)], [4, maxVersions + 4]);
  });
});
