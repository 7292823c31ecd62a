import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../../../src/base/clock.ts";
import { written } from "../../../src/control/counts/counts.ts";
import { Turns } from "../../../src/control/turns.ts";
import { countsAlone } from "../../support/reports.ts";

const report = (instance: string) => ({
  instance,
  startedAt: { seconds: 1, nanos: 0 },
  sequence: 1,
  takenAt: { seconds: 1, nanos: 0 },
  final: false,
  bounds: [],
  namespace: "",
  workload: "",
  series: Array.from({ length: 20 }, (_, version) => ({
    route: "fraud",
    variant: "v41",
    traffic: "live",
    version: String(version),
    keyed: true,
    codes: [{ code: 0, count: 1 }],
    latency: null,
    score: null,
    invalidScores: 0,
  })),
});

describe("counts of a whole fleet", () => {
  it("are added up in turns, between which everybody else is served, as of when they were asked for", async () => {
    const counts = countsAlone();
    for (let i = 0; i < 10_000; i++) counts.take(written(report(String(i))));
    let turns = 0;
    let adding = true;
    const sums = counts.of("fraud", new Turns(systemClock)).finally(() => {
      adding = false;
    });
    counts.take(written(report("later")));
    while (adding) {
      turns++;
      await setTimeout(1);
    }
    const { series, instances } = (await sums) as { series: { requests: number }[]; instances: number };
    assert.deepEqual([instances, series.length, series[0]?.requests], [10_000, 20, 10_000]);
    assert.ok(turns >= 5, `${turns} turns of others`);
  });
});
