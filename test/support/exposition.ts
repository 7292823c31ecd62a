/** Reads Prometheus' text format strictly, as its parser does: a line that is no sample is an error, not left out. */
import assert from "node:assert/strict";

export interface ExposedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ExposedMetric {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly ExposedSample[];
}

const samplePattern = /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
const labelPattern = /(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>(?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Metrics by name; the samples of a histogram are under the histogram's name. Fails on two samples with equal labels. */
export function parseExposition(text: string): Map<string, ExposedMetric> {
  const metrics = new Map<string, { type: string; help: string; samples: ExposedSample[] }>();
  const seen = new Set<string>();
  let current = { type: "", help: "", samples: [] as ExposedSample[] };
  let help = "";
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (keyword === "HELP") help = rest;
    else if (keyword === "TYPE") {
      current = { type: rest, help, samples: [] };
      metrics.set(name, current);
    } else {
      const sample = parseSample(line);
      const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      assert.ok(!seen.has(identity), `exposed twice: ${line}`);
      seen.add(identity);
      current.samples.push(sample);
    }
  }
  return metrics;
}

function parseSample(line: string): ExposedSample {
  const { name = "", labels = "", value = "" } = samplePattern.exec(line)?.groups ?? {};
  assert.ok(name !== "", `no sample: ${line}`);
  return {
    name,
    labels: parseLabels(labels, line),
    value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value),
  };
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  let end = 0;
  while (end < text.length) {
    const { name = "", value = "" } = labelPattern.exec(text)?.groups ?? {};
    assert.ok(name !== "" && !Object.hasOwn(labels, name), `labels of: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
    end = labelPattern.lastIndex;
  }
  return labels;
}

/** The one value of a metric whose labels include these; undefined where there is none. */
export function valueAt(
  metrics: ReadonlyMap<string, ExposedMetric>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = samplesOf(metrics, name, labels);
  assert.ok(found.length <= 1, `${found.length} samples of ${name} match ${JSON.stringify(labels)}`);
  return found[0]?.value;
}

/** Every sample of this very name (`x_bucket`, `x_sum`, `x_count` for a histogram) whose labels include these. */
export function samplesOf(
  metrics: ReadonlyMap<string, ExposedMetric>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): ExposedSample[] {
  const family = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ""));
  const wanted = Object.entries(labels);
  return (family?.samples ?? []).filter(
    (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
  );
}
