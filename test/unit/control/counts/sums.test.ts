import assert from "node:assert/strict";
import type { SeriesMessage } from "../../../../src/api/messages.ts";
import { Sums } from "../../../../src/control/counts/sums.ts";

const histogram = (sum: number) => ({ schema: 0, counts: [1], sum });
const series = (seconds: number, score: number): SeriesMessage =>
  ({
    route: "fraud",
    variant: "v41",
    traffic: "live",
    version: "v",
    keyed: true,
    codes: [{ code: 0, count: 1 }],
    latency: histogram(seconds),
    score: histogram(score),
  }) as unknown as SeriesMessage;

describe("sums of what sidecars counted", () => {
  const told = (sums: Sums) => [...sums.all()].map(({ requests, seconds, scoreSum }) => [requests, seconds, scoreSum]);

  it("stay numbers whatever one of the sidecars tells", () => {
    const sums = new Sums();
    for (const each of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) sums.count(series(each, each));
    sums.count(series(2, 0.5));
    assert.deepEqual(told(sums), [[4, 2, 0.5]]);
  });

  it("are read as they were written, also where they are larger than numbers get", () => {
    const sums = new Sums();
    for (const part of [0.5, 1]) sums.count(series(part * Number.MAX_VALUE, -Number.MAX_VALUE));
    const read = Sums.read(JSON.parse(JSON.stringify(sums.written(1_000))));
    assert.ok(read !== undefined);
    assert.deepEqual(told(read), [[2, Number.MAX_VALUE, -Number.MAX_VALUE]]);
    read.add(sums.all());
    assert.deepEqual(told(read), [[4, Number.MAX_VALUE, -Number.MAX_VALUE]]);
  });
});
