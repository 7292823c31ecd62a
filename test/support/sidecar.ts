/**
 * A real sidecar within the test's process: the listener on a free port of 127.0.0.1, its routes read by the decoder
 * that reads people's files, its counts at hand.
 */
import assert from "node:assert/strict";
import { type Address, readAddress } from "../../src/base/address.ts";
import { type Chance, systemChance } from "../../src/base/chance.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { problemLine } from "../../src/base/parsed.ts";
import { readNetworks, trusts } from "../../src/base/trust.ts";
import { environmentSnapshot } from "../../src/config/environment-route.ts";
import { loadTexts } from "../../src/config/files.ts";
import { parseSettings, type Strings } from "../../src/config/settings.ts";
import { pemFiles } from "../../src/config/sources/pem-files.ts";
import type { Snapshot } from "../../src/model/route.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { ReportStore } from "../../src/observe/report-store.ts";
import type { TrafficSnapshot, VariantSnapshot } from "../../src/observe/snapshot.ts";
import type { CallRecords } from "../../src/proxy/ports.ts";
import type { SidecarEvent } from "../../src/runtime/events.ts";
import type { Machine } from "../../src/runtime/machine.ts";
import { Sidecar, type SidecarLimits } from "../../src/runtime/sidecar.ts";
import type { ListenerTlsSpec } from "../../src/runtime/sidecar-tls.ts";
import { type ExposedMetric, parseExposition } from "./exposition.ts";
import { routeDocument } from "./route-document.ts";
import { until } from "./until.ts";

/** The `spec` of a route file, as one writes it. */
export interface RouteSource {
  readonly name?: string;
  /** Variants by name; a bare text is the address. */
  readonly variants: Readonly<Record<string, string | Readonly<Record<string, unknown>>>>;
  /** By default the first of the variants. */
  readonly champion?: string;
  readonly [key: string]: unknown;
}

export interface SidecarOptions {
  readonly clock?: Clock;
  readonly chance?: Chance;
  readonly limits?: SidecarLimits;
  /** As in CONTENDER_TRUST_HOP. */
  readonly trustHop?: string;
  /** The pod's own model server. */
  readonly local?: string;
  /** As in CONTENDER_NON_GRPC. */
  readonly nonGrpc?: "refuse" | "forward";
  /** Where memory is read; without it nothing watches for an overload. */
  readonly machine?: Machine;
  /** File descriptors that the process may have. */
  readonly descriptors?: number;
  /** Where to listen, if not on a free port. */
  readonly at?: Address;
  /** Files of the listener's certificate. */
  readonly tls?: ListenerTlsSpec;
  /** What is counted for a config service. */
  readonly counts?: ReportStore;
  /** Makes whoever records calls. */
  readonly records?: (metrics: Metrics) => CallRecords | undefined;
}

/** Reads routes as a route file says them. */
export function snapshotOf(...routes: readonly RouteSource[]): Snapshot {
  const texts = routes.map(({ name = "fraud", variants, ...spec }) => {
    const full = Object.entries(variants).map(([variant, given]) => [
      variant,
      typeof given === "string" ? { address: given } : given,
    ]);
    const whole = { champion: Object.keys(variants)[0], ...spec, variants: Object.fromEntries(full) };
    return { name: `${name}.json`, text: routeDocument(name, whole) };
  });
  const loaded = loadTexts("test", texts, { local: "127.0.0.1:8500" });
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.problems.map(problemLine).join("\n"));
  return loaded.value;
}

/** Reads the route that an environment describes. */
export function snapshotOfEnvironment(env: Strings): Snapshot {
  const settings = parseSettings(env);
  assert.ok(settings.ok, settings.ok ? "" : settings.problems.map(problemLine).join("\n"));
  const loaded = environmentSnapshot(settings.value);
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.problems.map(problemLine).join("\n"));
  return loaded.value;
}

export function addressOf(text: string): Address {
  const reading = readAddress(text);
  assert.ok(reading.ok, text);
  return reading.value;
}

export class TestSidecar {
  readonly sidecar: Sidecar;
  readonly metrics: Metrics;
  readonly events: SidecarEvent[] = [];
  /** Where it listens, `127.0.0.1:PORT` where the test says nothing else. */
  address = "";

  private constructor(options: SidecarOptions) {
    const clock = options.clock ?? systemClock;
    this.metrics = new Metrics({ clock, version: "0.0.0-test", node: process.version });
    const networks = readNetworks(options.trustHop ?? "private");
    assert.ok(networks.ok);
    this.sidecar = new Sidecar({
      clock,
      chance: options.chance ?? systemChance,
      metrics: this.metrics,
      local: addressOf(options.local ?? "127.0.0.1:8500"),
      trustsHop: trusts(networks.value),
      records: options.records?.(this.metrics),
      counts: options.counts,
      onEvent: (event) => this.events.push(event),
      nonGrpc: options.nonGrpc ?? "refuse",
      openPem: pemFiles(clock),
      limits: options.limits ?? {},
      machine: options.machine,
      descriptors: options.descriptors,
    });
  }

  /** Starts one that is not connected to its variants yet. */
  static async listen(snapshot: Snapshot, options: SidecarOptions = {}): Promise<TestSidecar> {
    const started = new TestSidecar(options);
    started.apply(snapshot);
    if (options.tls !== undefined) started.secure(options.tls);
    started.address = await started.sidecar.listen(options.at ?? { kind: "tcp", host: "127.0.0.1", port: 0 });
    return started;
  }

  /** Starts one and waits until every variant's connection is there, so that what a test sends first waits for nothing. */
  static async start(snapshot: Snapshot, options: SidecarOptions = {}): Promise<TestSidecar> {
    const started = await TestSidecar.listen(snapshot, options);
    await started.connected();
    return started;
  }

  async connected(): Promise<void> {
    const { sidecar } = this;
    await until(
      () =>
        sidecar.generation?.routes.every(
          ({ variants, copies }) =>
            variants.every(({ pool }) => pool.ready) && copies.every(({ variant }) => variant.pool.ready),
        ) ?? false,
      "every variant is connected",
    );
  }

  apply(snapshot: Snapshot): void {
    const applied = this.sidecar.apply(snapshot);
    assert.ok(applied.ok, applied.ok ? "" : applied.problems.map(problemLine).join("\n"));
  }

  secure(tls: ListenerTlsSpec): void {
    const secured = this.sidecar.secure(tls);
    assert.ok(secured.ok, secured.ok ? "" : secured.problems.map(problemLine).join("\n"));
  }

  get port(): number {
    return Number(this.address.split(":").at(-1));
  }

  /** Counts of a variant; the route's name matters where there are several. */
  variant(name: string, route = "fraud"): VariantSnapshot {
    const found = this.metrics.snapshot().variants.find((each) => each.variant === name && each.route === route);
    assert.ok(found, `no counts of ${route}/${name}`);
    return found;
  }

  live(variant: string, route?: string): TrafficSnapshot {
    return this.variant(variant, route).traffic.live;
  }

  shadow(variant: string, route?: string): TrafficSnapshot {
    return this.variant(variant, route).traffic.shadow;
  }

  warmup(variant: string, route?: string): TrafficSnapshot {
    return this.variant(variant, route).traffic.warmup;
  }

  get localReplies(): Readonly<Record<string, number>> {
    return this.metrics.snapshot().localReplies;
  }

  /** What a scrape reads now. */
  async exposed(): Promise<ReadonlyMap<string, ExposedMetric>> {
    return parseExposition(await this.metrics.exposition());
  }

  async close(): Promise<void> {
    const drained = this.sidecar.drain(0, 0);
    this.sidecar.force();
    await drained;
  }
}
