/** Is a line of samples flat? A straight line through the second half of them, and how far the noise leaves it open. */

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export interface Trend {
  /** Samples in the half that was looked at, and how long that was. */
  readonly samples: number;
  readonly hours: number;
  readonly mean: number;
  /** Slope of the least-squares line, per hour. */
  readonly perHour: number;
  /** Its standard error: two of them are what noise alone may add. */
  readonly errorPerHour: number;
}

const hourMs = 3_600_000;

/** The first half is left out: caches fill, code is compiled, pools grow to what the load needs. */
export function trendOf(samples: readonly Sample[]): Trend {
  const firstMs = samples[0]?.atMs ?? 0;
  const lastMs = samples.at(-1)?.atMs ?? 0;
  const half = samples.filter(({ atMs }) => atMs >= (firstMs + lastMs) / 2);
  const n = half.length;
  const meanAt = sum(half.map(({ atMs }) => atMs)) / n;
  const mean = sum(half.map(({ value }) => value)) / n;
  const spread = sum(half.map(({ atMs }) => (atMs - meanAt) ** 2));
  const slope = sum(half.map(({ atMs, value }) => (atMs - meanAt) * (value - mean))) / spread;
  const rest = sum(half.map(({ atMs, value }) => (value - mean - slope * (atMs - meanAt)) ** 2));
  const error = Math.sqrt(rest / Math.max(1, n - 2) / spread);
  const hours = (lastMs - firstMs) / 2 / hourMs;
  return { samples: n, hours, mean, perHour: slope * hourMs, errorPerHour: error * hourMs };
}

export interface Bound {
  readonly perHour: number;
  /** Growth within the half that always passes: a process goes on warming up for a minute or two. */
  readonly atLeast: number;
}

/**
 * Whether it grows by no more than its bound, or by more only as far as the noise of the samples explains it: a soak of a
 * minute finds large leaks, one of an hour small ones, and neither cries wolf.
 */
export function isFlat(trend: Trend, bound: Bound): boolean {
  return canTell(trend) && trend.perHour - 2 * trend.errorPerHour <= boundPerHour(trend, bound);
}

/** Four samples are the fewest that a line and its error can be told from. */
export function canTell({ samples }: Trend): boolean {
  return samples >= 4;
}

/** The bound that a trend is held to, per hour. */
export function boundPerHour({ hours }: Trend, { perHour, atLeast }: Bound): number {
  return Math.max(perHour, atLeast / hours);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
