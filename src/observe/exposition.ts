/**
 * How our numbers reach prom-client: at scrape, never before. Format, escaping and content type are prom-client's.
 *
 * prom-client's own classes can't serve, as none lets a histogram's buckets be set. Its registry asks a metric for no
 * more than `name`, `get()`, `reset()` and, if there, `getForPromString()`, and that is what this class has. The last is
 * the way of prom-client's own histogram: labels that come as the same `sharedLabels` object at every scrape are
 * formatted once and remembered, which makes a scrape of thousands of series several times cheaper.
 */
import type { Metric, Registry } from "prom-client";
import type { MetricDefinition } from "./catalogue.ts";
import type { HistogramRows } from "./histogram.ts";

/** Label values by name. Keep the object and hand in the same one at every scrape: its text is cached by identity. */
export type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Labels;
  readonly value: number;
  readonly metricName?: string;
}

const noLabels = Object.freeze({});
const infinite = Object.freeze({ le: "+Inf" });

/** Longest label value: a name of the configuration should not make a scrape of megabytes. */
const maxLabelLength = 256;

/** Collects one metric's samples at one scrape. */
export class Samples {
  readonly list: Sample[] = [];
  readonly #bucketName: string;
  readonly #sumName: string;
  readonly #countName: string;

  constructor(name: string) {
    this.#bucketName = `${name}_bucket`;
    this.#sumName = `${name}_sum`;
    this.#countName = `${name}_count`;
  }

  add(sharedLabels: Labels, value: number): void {
    this.list.push({ labels: noLabels, sharedLabels, value });
  }

  /** A histogram's buckets (cumulative, as the format wants them), sum and count. */
  addHistogram(sharedLabels: Labels, rows: HistogramRows, row: number): void {
    const { bounds, counts, sum, count } = rows.snapshot(row);
    const metricName = this.#bucketName;
    let cumulative = 0;
    for (let i = 0; i < bounds.length; i++) {
      cumulative += counts[i] ?? 0;
      this.list.push({ labels: { le: bounds[i] as number }, sharedLabels, value: cumulative, metricName });
    }
    this.list.push({ labels: infinite, sharedLabels, value: count, metricName });
    this.list.push({ labels: noLabels, sharedLabels, value: sum, metricName: this.#sumName });
    this.list.push({ labels: noLabels, sharedLabels, value: count, metricName: this.#countName });
  }
}

/** A metric whose samples are gathered when asked for. */
class CollectedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator = "sum";
  readonly #collect: (samples: Samples) => void;

  constructor(name: string, definition: MetricDefinition, collect: (samples: Samples) => void) {
    this.name = name;
    this.help = definition.help;
    this.type = definition.type;
    this.#collect = collect;
  }

  /** For the registry's text. */
  getForPromString(): Promise<object> {
    return Promise.resolve(this.#with(this.#samples()));
  }

  /** For the registry's JSON, where each sample has all its labels. */
  get(): Promise<object> {
    const values = this.#samples().map(({ labels, sharedLabels, ...rest }) => {
      return { ...rest, labels: { ...sharedLabels, ...labels } };
    });
    return Promise.resolve(this.#with(values));
  }

  reset(): void {
    // The registry's `resetMetrics` is for tests of its users; our counters are not its to reset.
  }

  #samples(): readonly Sample[] {
    const samples = new Samples(this.name);
    this.#collect(samples);
    return samples.list;
  }

  #with(values: readonly object[]): object {
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }
}

/** Registers a metric of the catalogue. `collect` runs at every scrape and must not throw. */
export function registerCollected(
  registry: Registry,
  name: string,
  definition: MetricDefinition,
  collect: (samples: Samples) => void,
): void {
  // The declared parameter type names prom-client's own four classes; the registry itself needs no more than this.
  registry.registerMetric(new CollectedMetric(name, definition, collect) as unknown as Metric);
}

/** A label's value as it is exposed: long ones are cut. */
export function labelText(value: string): string {
  return value.length > maxLabelLength ? `${value.slice(0, maxLabelLength - 1)}…` : value;
}
