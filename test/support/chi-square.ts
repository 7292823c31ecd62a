/** Pearson's test, for what must fall as chance would have it. */

/** Sum of (seen - expected)² / expected. */
export function chiSquare(seen: readonly number[], expected: readonly number[]): number {
  if (seen.length !== expected.length) throw new RangeError("want as many expected counts as seen ones");
  return seen.reduce((sum, count, i) => {
    const due = expected[i] ?? Number.NaN;
    return sum + (count - due) ** 2 / due;
  }, 0);
}

/**
 * The value that chance exceeds with the one-sided probability of `z` standard deviations of the normal distribution.
 * E. B. Wilson, M. M. Hilferty, "The distribution of chi-square", PNAS 17(12), 1931; within a percent from 1 degree on,
 * where z is 3 to 5.
 */
export function chiSquareLimit(degrees: number, z: number): number {
  const spread = 2 / (9 * degrees);
  return degrees * (1 - spread + z * Math.sqrt(spread)) ** 3;
}
