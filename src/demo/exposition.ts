/**
 * Reads what the sidecar's /metrics says, so that the demo shows the sidecar's own figures and not a second opinion.
 *
 * Prometheus text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), as far as it holds samples:
 * comments, help and types are skipped.
 */

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A histogram's rows: how many values fell into each bucket, not cumulative. */
export interface Histogram {
  /** Upper bounds, ascending; the last is Infinity. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const labelPair = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Every sample of a scrape. Lines that are none are left out: a scrape is shown as far as it can be read. */
export function parseExposition(text: string): MetricSample[] {
  const samples: MetricSample[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const [, name, labels, value] = sampleLine.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    samples.push({ name, labels: parseLabels(labels ?? ""), value: parseNumber(value) });
  }
  return samples;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(labelPair)) {
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
  }
  return labels;
}

function parseNumber(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}

/** Samples of one metric whose labels have all of these values. */
export function select(
  samples: readonly MetricSample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): MetricSample[] {
  const wanted = Object.entries(labels);
  return samples.filter((s) => s.name === name && wanted.every(([label, value]) => s.labels[label] === value));
}

export function total(samples: readonly MetricSample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0);
}

/** One histogram made of all that the labels select (several outcomes, say, with the same bounds); empty where nothing is. */
export function selectHistogram(
  samples: readonly MetricSample[],
  name: string,
  labels: Readonly<Record<string, string>>,
): Histogram {
  const cumulative = new Map<number, number>();
  for (const { labels: own, value } of select(samples, `${name}_bucket`, labels)) {
    const bound = parseNumber(own.le ?? "");
    cumulative.set(bound, (cumulative.get(bound) ?? 0) + value);
  }
  const bounds = [...cumulative.keys()].sort((a, b) => a - b);
  return {
    bounds,
    counts: bounds.map((bound, i) => (cumulative.get(bound) ?? 0) - (cumulative.get(bounds[i - 1] ?? Number.NaN) ?? 0)),
    sum: total(select(samples, `${name}_sum`, labels)),
    count: total(select(samples, `${name}_count`, labels)),
  };
}

/**
 * Estimate of a quantile, straight between a bucket's bounds as PromQL's `histogram_quantile` has it; values beyond the
 * last bound count as that bound. Undefined for an empty histogram.
 */
export function quantile({ bounds, counts, count }: Histogram, q: number): number | undefined {
  if (count === 0) return undefined;
  let before = 0;
  for (const [i, inside] of counts.entries()) {
    const low = bounds[i - 1] ?? 0;
    const high = bounds[i] ?? low;
    if (inside > 0 && before + inside >= q * count) {
      return high === Number.POSITIVE_INFINITY ? low : low + ((high - low) * (q * count - before)) / inside;
    }
    before += inside;
  }
  return undefined;
}
