/** Bounds of the histograms, and why these. */
import type { ScoreSpec } from "../model/route.ts";

/**
 * Upper bounds of the latency histograms, in seconds.
 *
 * Each bound costs a series per variant, kind of traffic and outcome, twice over: twenty keep a route of three variants
 * within its 3,700 series. Below 1 ms they are six, because a proxy adds tens to hundreds of microseconds and small
 * models answer in less than a millisecond; from 1 ms on they are the steps 1, 2.5, 5 that objectives are written in,
 * and a rule "slower than 50 ms" is exact only on a bound; 10 s and 60 s tell a slow batch from a stuck call.
 */
export const latencyBucketsSeconds: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10, 60,
];

/**
 * Bounds of a route's score histogram: the route's, preceded by the lower end of its range (`le="0"` for probabilities),
 * so that scores on that very end, often a model's way to say nothing, are told apart from the first bin.
 */
export function scoreBounds({ buckets, range }: ScoreSpec): readonly number[] {
  const [first] = buckets;
  return range !== undefined && first !== undefined && range[0] < first ? [range[0], ...buckets] : buckets;
}
