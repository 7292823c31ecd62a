/** Counts for tests of what is made of them: plain, so that a test names only what it is about. */
import type { CountedSeries, CountsReading } from "../../src/model/counts.ts";

/** @param calls that ended well, each in 50 ms with a score of 0.5 */
export function countedSeries(calls: number, given: Partial<CountedSeries> = {}): CountedSeries {
  return {
    route: "fraud",
    variant: "v41",
    traffic: "live",
    version: "1",
    keyed: true,
    codes: Array.from({ length: 17 }, (_, code) => (code === 0 ? calls : 0)),
    latency: { bounds: [0.1, 1], counts: [calls, 0, 0], sum: calls * 0.05 },
    score: { bounds: [0, 1], counts: [0, calls, 0], sum: calls * 0.5 },
    invalidScores: 0,
    ...given,
  };
}

/** A reading of these series and no other versions. */
export function countsReading(id: number, ...series: readonly CountedSeries[]): CountsReading {
  return { id, versions: [...new Set(series.map(({ version }) => version))], series };
}
