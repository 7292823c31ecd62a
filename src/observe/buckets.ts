/** Bounds of the histograms, and why these. */

/**
 * Upper bounds of the latency histograms, in seconds.
 *
 * Each bound costs a series per variant, kind of traffic and outcome, twice over: twenty keep a route of three variants
 * within its 2,500 series. Below 1 ms they are six, because a proxy adds tens to hundreds of microseconds and small
 * models answer in less than a millisecond; from 1 ms on they are the steps 1, 2.5, 5 that objectives are written in,
 * and a rule "slower than 50 ms" is exact only on a bound; 10 s to 60 s tell a slow batch from a stuck call.
 */
export const latencyBucketsSeconds: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10, 60,
];

/** Equal bins are what a population stability index is computed over; twenty halve the usual ten without thin bins. */
const scoreBins = 20;

/**
 * Default bounds of a score histogram: twenty equal bins over the range, and the range's lower end as a bound of its
 * own, so that scores at or below it (an exact 0 is often "no answer") can be told from the first bin.
 */
export function defaultScoreBuckets([low, high]: readonly [number, number] = [0, 1]): readonly number[] {
  const width = (high - low) / scoreBins;
  const bounds = Array.from({ length: scoreBins + 1 }, (_, i) => low + i * width);
  // Twelve digits: 0.15000000000000002 is a label nobody can type.
  return [...new Set(bounds.map((bound) => Number(bound.toPrecision(12))))];
}
