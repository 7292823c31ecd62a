/**
 * All that a sidecar counts, and its exposition.
 *
 * The data path holds `VariantCells` and positions; this class makes them when a generation is built, reads at scrape
 * what others keep (pools, budgets, breakers), and registers everything of the catalogue with one registry of its own:
 * two sidecars in one process, as in tests, share nothing.
 */
import { Registry } from "prom-client";
import type { Clock } from "../base/clock.ts";
import {
  type ConnectionFault,
  connectionFaults,
  type Retirement,
  retirements,
  type StreamFault,
  streamFaults,
} from "../base/connection-ends.ts";
import { type LocalReplyReason, localReplyReasons, type ShedResource, shedResources } from "../model/call.ts";
import type { RouteSpec, Snapshot } from "../model/route.ts";
import { latencyBucketsSeconds, scoreBounds } from "./buckets.ts";
import { catalogue, type MetricName, type ScrapedName } from "./catalogue.ts";
import { registerCollected, type Samples } from "./exposition.ts";
import { type GenerationInfo, generationInfo } from "./generation-info.ts";
import {
  type GoawayDirection,
  goawayDirections,
  type Hook,
  hooks,
  otherMethod,
  overloadEntries,
  plainStatuses,
  plainStatusIndex,
  type Side,
  sides,
} from "./labels.ts";
import { type ScrapedRow, ScrapedValues } from "./scraped-values.ts";
import { SeriesStore } from "./series-store.ts";
import { type MetricsSnapshot, snapshotOf } from "./snapshot.ts";
import { bump, maxMethods, VariantCells } from "./variant-cells.ts";
import { type VariantCollector, variantCollectors } from "./variant-samples.ts";

/** Characters of exposition made in one go: some 500 lines, about a millisecond; a scrape of one route is not cut. */
const maxTextPerTurn = 65_536;

export interface MetricsOptions {
  readonly clock: Clock;
  /** Contender's version, as `contender_build_info` shows it. */
  readonly version: string;
  /** Node's version, likewise: `process.version`. */
  readonly node: string;
  /** Upper bounds of the latency histograms in seconds, ascending. Default: see `latencyBucketsSeconds`. */
  readonly latencyBucketsSeconds?: readonly number[];
}

export class Metrics {
  /** For what exposes itself by prom-client, such as the process' own metrics. */
  readonly registry = new Registry();
  readonly #clock: Clock;
  readonly #store: SeriesStore;
  readonly #methods = new Map<string, number>([[otherMethod, 0]]);
  readonly #methodNames: string[] = [otherMethod];
  readonly #localReplies = new Float64Array(localReplyReasons.length);
  readonly #plainRequests = new Float64Array(plainStatuses.length);
  readonly #goaways = new Float64Array(sides.length * goawayDirections.length);
  readonly #faults = sides.map(() => new Float64Array(connectionFaults.length));
  readonly #streamFaults = sides.map(() => new Float64Array(streamFaults.length));
  readonly #retired = new Float64Array(retirements.length);
  readonly #hookFailures = new Float64Array(hooks.length);
  readonly #scraped: ScrapedValues;
  readonly #shed = new Float64Array(shedResources.length);
  readonly #entered = new Float64Array(overloadEntries.length * shedResources.length);
  #connectionsRefused = 0;
  #configsRejected = 0;
  #generation: GenerationInfo | undefined;
  #scrape: Promise<string> | undefined;

  constructor(options: MetricsOptions) {
    this.#clock = options.clock;
    this.#store = new SeriesStore(options.latencyBucketsSeconds ?? latencyBucketsSeconds);
    this.#scraped = new ScrapedValues(() => this.hookFailed("scrape"));
    const collectors: Record<MetricName, (samples: Samples) => void> = {
      ...this.#perVariant(),
      ...this.#scraped.collectors(),
      contender_local_replies_total: (samples) => addCounted(samples, "reason", localReplyReasons, this.#localReplies),
      contender_plain_requests_total: (samples) => addCounted(samples, "status", plainStatuses, this.#plainRequests),
      contender_goaways_total: (samples) => {
        this.#scraped.collect("contender_goaways_total", samples, this.#goawayRows());
      },
      contender_connection_faults_total: (samples) => {
        for (const [s, side] of sides.entries()) {
          addCounted(samples, "fault", connectionFaults, this.#faults[s], { side });
        }
      },
      contender_stream_faults_total: (samples) => {
        for (const [s, side] of sides.entries()) {
          addCounted(samples, "fault", streamFaults, this.#streamFaults[s], { side });
        }
      },
      contender_connections_refused_total: (samples) => {
        if (this.#connectionsRefused > 0) samples.add({}, this.#connectionsRefused);
      },
      contender_overload_shed_total: (samples) => addCounted(samples, "resource", shedResources, this.#shed),
      contender_overload_entered_total: (samples) => this.#addEntered(samples),
      contender_connections_retired_total: (samples) => addCounted(samples, "reason", retirements, this.#retired),
      contender_hook_failures_total: (samples) => addCounted(samples, "hook", hooks, this.#hookFailures),
      contender_variant_info: (samples) => this.#generation?.addVariants(samples),
      contender_route_weight_ratio: (samples) => this.#generation?.addWeights(samples),
      contender_config_info: (samples) => this.#generation?.addConfig(samples),
      contender_config_last_success_timestamp_seconds: (samples) => this.#generation?.addAppliedAt(samples),
      contender_config_rejected_total: (samples) => samples.add({}, this.#configsRejected),
      contender_build_info: (samples) => samples.add({ version: options.version, node: options.node }, 1),
    };
    for (const [name, definition] of Object.entries(catalogue)) {
      registerCollected(this.registry, name, definition, collectors[name as MetricName]);
    }
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /**
   * The number of a method's short name, for `VariantCells.request`. Ask when a generation is built, and only for
   * names that a dialect knows; 0 is `other`, as is every name once 127 are known.
   */
  methodIndex(name: string): number {
    const known = this.#methods.get(name);
    if (known !== undefined) return known;
    if (this.#methodNames.length >= maxMethods) return 0;
    const index = this.#methodNames.push(name) - 1;
    this.#methods.set(name, index);
    return index;
  }

  /**
   * A generation's handle on a variant's series: those there are for this route and variant, or new ones.
   * @param predictMethods short names of the methods that gates watch: their successes are exposed from 0 on, so that
   *   the first call is an increase
   */
  routeVariant(route: RouteSpec, variant: string, predictMethods: readonly string[] = []): VariantCells {
    const series = this.#store.findOrCreate(route.name, variant);
    for (const method of predictMethods) series.watched.add(series.claim(this.methodIndex(method)));
    const { score } = route;
    if (score === undefined) return new VariantCells(series, undefined);
    return new VariantCells(series, series.scoreOf(score.output, scoreBounds(score)));
  }

  /** Says which configuration is in force from now on. Its handles may be made before or after. */
  setGeneration(snapshot: Snapshot): void {
    this.#generation = generationInfo(snapshot, this.#clock.wallMs());
    this.#store.setCurrent(this.#generation.variants);
  }

  configRejected(): void {
    this.#configsRejected++;
  }

  /** One call answered by ourselves. */
  localReply(reason: LocalReplyReason): void {
    bump(this.#localReplies, localReplyReasons.indexOf(reason));
  }

  /** One request that is no call ended: with this HTTP status, or 0 where there was no whole answer. */
  plainRequest(status: number): void {
    bump(this.#plainRequests, plainStatusIndex(status));
  }

  /** One call that was refused, or ended, for the lack of a resource. */
  shed(resource: ShedResource): void {
    bump(this.#shed, shedResources.indexOf(resource));
  }

  /** A step of an overload was taken. @param level 1 for the first */
  overloadEntered(level: number, resource: ShedResource): void {
    bump(this.#entered, (level - 1) * shedResources.length + shedResources.indexOf(resource));
  }

  /** One connection that was closed at once. */
  connectionRefused(): void {
    this.#connectionsRefused++;
  }

  goaway(side: Side, direction: GoawayDirection): void {
    bump(this.#goaways, sides.indexOf(side) * goawayDirections.length + goawayDirections.indexOf(direction));
  }

  /** A connection was ended for what its peer did. */
  connectionFault(side: Side, fault: ConnectionFault): void {
    const cells = this.#faults[sides.indexOf(side)];
    if (cells !== undefined) bump(cells, connectionFaults.indexOf(fault));
  }

  /** A stream was reset for what its peer did; the connection goes on. */
  streamFault(side: Side, fault: StreamFault): void {
    const cells = this.#streamFaults[sides.indexOf(side)];
    if (cells !== undefined) bump(cells, streamFaults.indexOf(fault));
  }

  /** A caller's connection was ended gracefully. */
  connectionRetired(why: Retirement): void {
    bump(this.#retired, retirements.indexOf(why));
  }

  /** Something beside a call failed; the call went on. */
  hookFailed(hook: Hook): void {
    bump(this.#hookFailures, hooks.indexOf(hook));
  }

  /**
   * Reads a metric's values at every scrape. Rows with the same labels are added up, also those of several readers, so
   * that each connection pool or listener may register its own. A reader that throws is counted as a failed `scrape`
   * hook. The returned function ends it.
   */
  register(name: ScrapedName, read: () => Iterable<ScrapedRow>): () => void {
    return this.#scraped.register(name, read);
  }

  /**
   * Everything in Prometheus' text format. A large one gives way to the event loop between metrics, so that no call
   * waits for longer than `maxTextPerTurn` or the largest metric takes; scrapes at the same time share one text.
   */
  exposition(): Promise<string> {
    this.#scrape ??= this.#expose().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  /** A copy of every variant's counts, for reports. */
  snapshot(): MetricsSnapshot {
    return snapshotOf(this.#store.all(), this.#methodNames, this.#generation?.version, this.#localReplies);
  }

  async #expose(): Promise<string> {
    const parts: string[] = [];
    let length = 0;
    for (const { name } of this.registry.getMetricsAsArray()) {
      const part = await this.registry.getSingleMetricAsString(name);
      parts.push(part);
      length += part.length;
      if (length < maxTextPerTurn) continue;
      length = 0;
      await new Promise<void>((resolve) => this.#clock.after(0, resolve));
    }
    return `${parts.join("\n\n")}\n`;
  }

  #perVariant(): Record<keyof typeof variantCollectors, (samples: Samples) => void> {
    const bind = (collect: VariantCollector) => (samples: Samples) => {
      for (const series of this.#store.all()) collect(samples, series, this.#methodNames);
    };
    const entries = Object.entries(variantCollectors).map(([name, collect]) => [name, bind(collect)] as const);
    return Object.fromEntries(entries) as Record<keyof typeof variantCollectors, (samples: Samples) => void>;
  }

  #addEntered(samples: Samples): void {
    for (const [s, step] of overloadEntries.entries()) {
      for (const [r, resource] of shedResources.entries()) {
        const value = this.#entered[s * shedResources.length + r] ?? 0;
        if (value > 0) samples.add({ step, resource }, value);
      }
    }
  }

  #goawayRows(): ScrapedRow[] {
    const rows = sides.flatMap((side, s) =>
      goawayDirections.map((direction, d) => ({
        labels: [side, direction],
        value: this.#goaways[s * goawayDirections.length + d] ?? 0,
      })),
    );
    return rows.filter(({ value }) => value > 0);
  }
}

/** The values of one set that were counted at least once. */
function addCounted(
  samples: Samples,
  label: string,
  words: readonly string[],
  cells: Float64Array | undefined,
  more: Readonly<Record<string, string>> = {},
): void {
  words.forEach((word, i) => {
    const value = cells?.[i] ?? 0;
    if (value > 0) samples.add({ ...more, [label]: word }, value);
  });
}
