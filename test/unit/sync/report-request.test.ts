import assert from "node:assert/strict";
import type { ReportRequest } from "../../../src/api/messages.ts";
import { messageType } from "../../../src/api/protos.ts";
import { reportRequest } from "../../../src/sync/report-request.ts";
import { countedSeries, countsReading } from "../../support/counted.ts";

const node = { instance: "i1", startedAtMs: 1_767_225_600_250, namespace: "ml", workload: "scorer" };
const moment = { sequence: 7, takenAtMs: 1_767_225_610_000, final: false };

describe("a report", () => {
  it("says whose counts it has, which they are, and of when", () => {
    const { bounds, series, ...rest } = reportRequest(node, countsReading(1), moment);
    assert.deepEqual(rest, {
      instance: "i1",
      startedAt: { seconds: 1_767_225_600, nanos: 250_000_000 },
      sequence: 7,
      takenAt: { seconds: 1_767_225_610, nanos: 0 },
      final: false,
      namespace: "ml",
      workload: "scorer",
    });
    assert.deepEqual([bounds, series], [[], []]);
  });

  it("has each list of bounds once, and histograms that refer to it", () => {
    const other = countedSeries(1, { route: "b", score: { bounds: [5, 10], counts: [1, 0, 0], sum: 3 } });
    const { bounds, series } = reportRequest(node, countsReading(1, countedSeries(1), other, countedSeries(2)), moment);
    assert.deepEqual(bounds, [{ upper: [0.1, 1] }, { upper: [0, 1] }, { upper: [5, 10] }]);
    const referred = series.map(({ latency, score }) => [latency?.bounds, score?.bounds]);
    assert.deepEqual(referred, [
      [0, 1],
      [0, 2],
      [0, 1],
    ]);
  });

  it("names only statuses that occurred, and no score where the route has none", () => {
    const codes = Array.from({ length: 17 }, (_, code) => (code === 14 ? 3 : 0));
    const { series } = reportRequest(node, countsReading(1, countedSeries(0, { codes, score: undefined })), moment);
    assert.deepEqual([series[0]?.codes, series[0]?.score], [[{ code: 14, count: 3 }], null]);
  });

  it("comes through the wire as it is", () => {
    const series = [
      countedSeries(2 ** 40, { traffic: "shadow", version: "0a1b2c3d4e5f-17-89abcdef", invalidScores: 4 }),
      countedSeries(3, { keyed: false, score: undefined }),
    ];
    const request = reportRequest(node, countsReading(1, ...series), { ...moment, final: true });
    const type = messageType<ReportRequest>("ReportRequest");
    assert.deepEqual(type.decode(type.encode(request)), request);
  });
});
