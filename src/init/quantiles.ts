/** Quantiles of a few measurements. */

/** The q-quantile by nearest rank: the smallest value that a share of at least `q` of all does not exceed. NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
