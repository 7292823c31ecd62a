/** What a config service shows to a scraper: few numbers, read from their owners at scrape. */
import { Registry } from "prom-client";
import { catalogue, type MetricDefinition } from "./catalogue.ts";
import { type Labels, registerCollected } from "./exposition.ts";
import { collectProcessMetrics } from "./process-metrics.ts";

export const controlCatalogue = {
  contender_control_sidecars: {
    type: "gauge",
    labels: ["state"],
    help: "Sidecars that this replica knows of, by how they stand.",
  },
  contender_control_routes: { type: "gauge", labels: [], help: "Routes in force." },
  contender_control_revision: { type: "gauge", labels: [], help: "Changes of routes that the store has seen." },
  contender_control_store_damaged: {
    type: "gauge",
    labels: [],
    help: "1 while the store holds what can't be served, and the routes before it stay in force.",
  },
  contender_control_snapshots_total: {
    type: "counter",
    labels: ["kind"],
    help: "Messages to sidecars: whole snapshots, or names of what they had.",
  },
  contender_control_answers_total: {
    type: "counter",
    labels: ["result"],
    help: "Answers of sidecars to them.",
  },
  contender_control_reports_total: {
    type: "counter",
    labels: ["result"],
    help: "Reports of sidecars, by what they changed.",
  },
  contender_control_store_claims_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Sidecars that said that they have a later revision of the store than there is, by what became of it.",
  },
  contender_control_series_left_out_total: {
    type: "counter",
    labels: ["reason"],
    help: "Series of reports that were not summed up, each time that they came, by why.",
  },
  contender_control_leader: { type: "gauge", labels: [], help: "1 where this replica leads." },
  contender_control_replicas: {
    type: "gauge",
    labels: [],
    help: "Replicas that share the store, this one among them.",
  },
} satisfies Record<string, MetricDefinition>;

export type ControlMetricName = keyof typeof controlCatalogue;

/** Label values in the order of the catalogue, with a value. */
export type ControlRow = readonly [labels: readonly string[], value: number];

export class ControlMetrics {
  readonly #registry = new Registry();

  /** @param read gives a metric's rows */
  constructor(version: string, node: string, read: Readonly<Record<ControlMetricName, () => readonly ControlRow[]>>) {
    const kept = new Map<string, Labels>();
    for (const [name, definition] of Object.entries<MetricDefinition>(controlCatalogue)) {
      registerCollected(this.#registry, name, definition, (samples) => {
        for (const [values, value] of read[name as ControlMetricName]()) {
          const key = JSON.stringify([name, values]);
          const labels =
            kept.get(key) ?? Object.fromEntries(definition.labels.map((label, i) => [label, values[i] ?? ""]));
          kept.set(key, labels);
          samples.add(labels, value);
        }
      });
    }
    const build = { version, node };
    registerCollected(this.#registry, "contender_build_info", catalogue.contender_build_info, (samples) =>
      samples.add(build, 1),
    );
    collectProcessMetrics(this.#registry);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  exposition(): Promise<string> {
    return this.#registry.metrics();
  }
}
