/**
 * One exposition for a primary and its workers, as one process alone would give it.
 *
 * Counters and histograms are added up, and those of workers that have ended stay in the sum as they were last seen, so
 * that no counter goes backwards; what such a worker counted after the last scrape is lost, as it is with a process that
 * is killed alone. Gauges are added up, or the greatest or the least counts, or only the primary knows.
 *
 * prom-client has an aggregator of its own: it belongs to Node's cluster module, forgets workers that have ended, and
 * takes each worker's whole registry as objects in one go, on the event loop of the data path.
 */
import {
  type Exposition,
  type Family,
  histogramBounds,
  histogramSeries,
  readExposition,
  withLabel,
  writeExposition,
} from "./exposition-text.ts";

/** How the workers' values of a metric become one. `primary`: they don't, it knows best. */
export type MergeRule = "sum" | "max" | "min" | "primary";

/** Of every gauge. Counters and histograms are added up, but for those named here. */
export const mergeRules: Readonly<Record<string, MergeRule>> = {
  contender_breaker_open: "primary",
  contender_variant_info: "primary",
  contender_route_weight_ratio: "primary",
  contender_streams_active: "sum",
  contender_connections_active: "sum",
  contender_pool_connections: "sum",
  contender_pool_addresses: "max",
  contender_warmup_remaining_copies: "max",
  contender_queue_calls: "sum",
  contender_buffered_bytes: "sum",
  contender_tls_certificate_not_after_timestamp_seconds: "min",
  contender_overload_level: "max",
  contender_overload_pressure_ratio: "max",
  contender_config_info: "primary",
  contender_config_rejected_total: "primary",
  contender_config_last_success_timestamp_seconds: "primary",
  contender_config_source_connected: "primary",
  contender_config_source_contact_timestamp_seconds: "primary",
  contender_config_source_failures_total: "primary",
  contender_config_expired_routes: "primary",
  contender_config_last_good_writes_total: "primary",
  contender_build_info: "primary",
  contender_workers: "primary",
  contender_worker_restarts_total: "primary",
  process_start_time_seconds: "primary",
  process_resident_memory_bytes: "sum",
  process_virtual_memory_bytes: "sum",
  process_heap_bytes: "sum",
  process_open_fds: "sum",
  process_max_fds: "sum",
  nodejs_eventloop_lag_seconds: "max",
  nodejs_eventloop_lag_min_seconds: "max",
  nodejs_eventloop_lag_max_seconds: "max",
  nodejs_eventloop_lag_mean_seconds: "max",
  nodejs_eventloop_lag_stddev_seconds: "max",
  nodejs_eventloop_lag_p50_seconds: "max",
  nodejs_eventloop_lag_p90_seconds: "max",
  nodejs_eventloop_lag_p99_seconds: "max",
  nodejs_heap_size_total_bytes: "sum",
  nodejs_heap_size_used_bytes: "sum",
  nodejs_external_memory_bytes: "sum",
  nodejs_heap_space_size_total_bytes: "sum",
  nodejs_heap_space_size_used_bytes: "sum",
  nodejs_heap_space_size_available_bytes: "sum",
  nodejs_version_info: "primary",
};

/**
 * Lines of ended workers that are kept at most; beyond it, those go that no living worker has any more. As many as forty
 * routes of three variants have when everything has happened to them.
 */
const maxEndedLines = 100_000;

export class GroupExposition {
  /** What each living worker said last. */
  readonly #last = new Map<number, Exposition>();
  /** Those that did not answer when they were asked last: of them only what can't go backwards is told. */
  readonly #silent = new Set<number>();
  /** What ended workers counted. */
  readonly #ended: Exposition = new Map();

  /** A worker's exposition. */
  note(worker: number, text: string): void {
    this.#last.set(worker, readExposition(text));
    this.#silent.delete(worker);
  }

  /** The worker did not answer: its counters stay as they were. */
  missed(worker: number): void {
    this.#silent.add(worker);
  }

  /** The worker has ended. */
  end(worker: number): void {
    const last = this.#last.get(worker);
    this.#last.delete(worker);
    this.#silent.delete(worker);
    if (last === undefined) return;
    for (const [name, family] of last) {
      if (!isCumulative(family) || mergeRules[name] === "primary") continue;
      add(familyOf(this.#ended, name, family), family, "sum", "newer");
    }
    this.#prune();
  }

  /** All in one. @param own the primary's, which names the metrics and their order. */
  together(own: string): string {
    const merged = readExposition(own);
    for (const [worker, exposition] of this.#last) {
      for (const [name, family] of this.#told(worker, exposition)) {
        const rule = mergeRules[name] ?? "sum";
        if (rule === "primary") continue;
        add(familyOf(merged, name, family), family, rule, "older");
      }
    }
    for (const [name, family] of this.#ended) add(familyOf(merged, name, family), family, "sum", "older");
    return writeExposition(merged);
  }

  /** Each process' own figures, by the label `worker`; ended workers are `ended`. */
  apart(own: string): string {
    const merged: Exposition = new Map();
    const all: [string, Iterable<[string, Family]>][] = [["primary", readExposition(own)]];
    for (const [worker, exposition] of this.#last) all.push([String(worker), this.#told(worker, exposition)]);
    all.push(["ended", this.#ended]);
    for (const [worker, exposition] of all) {
      for (const [name, family] of exposition) {
        const target = familyOf(merged, name, family);
        for (const [line, value] of family.samples) target.samples.set(withLabel(line, "worker", worker), value);
      }
    }
    return writeExposition(merged);
  }

  /** What of a worker's last word still holds. */
  *#told(worker: number, exposition: Exposition): Iterable<[string, Family]> {
    const silent = this.#silent.has(worker);
    for (const each of exposition) if (!silent || isCumulative(each[1])) yield each;
  }

  #prune(): void {
    let lines = 0;
    for (const { samples } of this.#ended.values()) lines += samples.size;
    if (lines <= maxEndedLines) return;
    for (const [name, { samples }] of this.#ended) {
      const living = [...this.#last.values()].map((exposition) => exposition.get(name)?.samples);
      for (const line of samples.keys()) {
        if (!living.some((each) => each?.has(line) === true)) samples.delete(line);
      }
    }
  }
}

const isCumulative = ({ type }: Family): boolean => type === "counter" || type === "histogram";

function familyOf(families: Exposition, name: string, like: Family): Family {
  const known = families.get(name);
  if (known !== undefined) return known;
  const made = { ...like, samples: new Map<string, number>() };
  families.set(name, made);
  return made;
}

/**
 * Adds one family to another.
 *
 * @param wins where both have a histogram of the same labels over other bounds, as a changed rule leaves behind: which
 *   of the two stays, since together they are none
 */
function add(target: Family, { type, samples }: Family, rule: MergeRule, wins: "older" | "newer"): void {
  const unlike = type === "histogram" ? seriesOfOtherBounds(target, samples) : noSeries;
  if (unlike.size > 0 && wins === "newer") {
    for (const line of target.samples.keys()) if (unlike.has(histogramSeries(line))) target.samples.delete(line);
  }
  for (const [line, value] of samples) {
    if (unlike.size > 0 && wins === "older" && unlike.has(histogramSeries(line))) continue;
    const there = target.samples.get(line);
    if (there === undefined || Number.isNaN(there)) target.samples.set(line, value);
    else if (!Number.isNaN(value)) target.samples.set(line, merge[rule](there, value));
  }
}

const sum = (a: number, b: number): number => a + b;
/** Two values made one. What is the primary's is not merged, and added up where a worker alone tells it. */
const merge: Readonly<Record<MergeRule, (a: number, b: number) => number>> = {
  sum,
  max: Math.max,
  min: Math.min,
  primary: sum,
};

const noSeries: ReadonlySet<string> = new Set();

function seriesOfOtherBounds(target: Family, samples: Family["samples"]): ReadonlySet<string> {
  const ours = histogramBounds(target);
  const theirs = histogramBounds({ ...target, samples });
  return new Set([...theirs].filter(([series, bounds]) => (ours.get(series) ?? bounds) !== bounds).map(([key]) => key));
}
