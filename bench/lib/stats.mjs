/** Small statistics over rounds. */

/** Middle value, the mean of the two middle ones for an even number; NaN without values. */
export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median with the least and the greatest value. */
export function spread(values) {
  const finite = values.filter(Number.isFinite);
  return { median: median(finite), least: Math.min(...finite), most: Math.max(...finite), rounds: finite.length };
}
