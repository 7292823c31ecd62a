/** A sidecar's metrics with every series there can be: the worst case for size, the full case for judges and documents. */
import type { Clock } from "../../src/base/clock.ts";
import { connectionFaults, retirements, streamFaults } from "../../src/base/connection-ends.ts";
import { tlsVersions } from "../../src/base/tls-versions.ts";
import { dropReasons } from "../../src/compare/drop-reason.ts";
import { lastGoodResults, sourceFailures } from "../../src/config/source-status.ts";
import {
  assignmentReasons,
  localReplyReasons,
  outcomes,
  scoreInvalidReasons,
  shadowDropReasons,
  shedResources,
  trafficKinds,
} from "../../src/model/call.ts";
import type { RouteSpec, Snapshot } from "../../src/model/route.ts";
import {
  fallbackResults,
  goawayDirections,
  grpcCodes,
  hooks,
  overloadEntries,
  reportResults,
  sides,
  trafficIndex,
} from "../../src/observe/labels.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { VariantCells } from "../../src/observe/variant-cells.ts";
import { watchedResources } from "../../src/resilience/overload.ts";
import { tlsFailures } from "../../src/transport/tls-failure.ts";
import { reloadResults } from "../../src/transport/tls-figures.ts";
import { routeSpec, shadowSpec } from "./routes.ts";

export interface FullOptions {
  readonly clock: Clock;
  readonly routes?: number;
  /** Bounds of the score histograms; the most that a route file may ask for by default. */
  readonly scoreBuckets?: number;
  /** Methods called, all of them known ones. */
  readonly methods?: number;
  /** Status codes seen. */
  readonly codes?: number;
  /** Kinds of traffic of each variant: both by default, or live alone. */
  readonly traffic?: "both" | "live";
}

/** More methods than any variant tells apart. */
const manyMethods = 20;

export function fullRoute(name: string, scoreBuckets: number): RouteSpec {
  return routeSpec({
    name,
    match: { dialect: "tensorflow-serving", models: ["fraud"], services: [] },
    weights: { v41: 90, v42: 10 },
    shadows: [shadowSpec("v43", 100)],
    score: {
      output: "scores",
      reduce: "element",
      index: 1,
      range: [0, 1],
      buckets: Array.from({ length: scoreBuckets }, (_, i) => (i + 1) / scoreBuckets),
    },
  });
}

/** Counts each thing that can be counted at least once, for every variant and both kinds of traffic. */
export function fullMetrics(options: FullOptions): { metrics: Metrics; snapshot: Snapshot; cells: VariantCells[] } {
  const metrics = new Metrics({ clock: options.clock, version: "0.1.0", node: "v24.0.0" });
  const names = Array.from({ length: options.routes ?? 1 }, (_, i) => `route-${i}`);
  const routes = names.map((name) => fullRoute(name, options.scoreBuckets ?? 60));
  const snapshot = { version: "7", source: "file:/etc/contender/routes", routes };
  const cells = routes.flatMap((route) => route.variants.map(({ name }) => metrics.routeVariant(route, name)));
  metrics.setGeneration(snapshot);
  const methods = Array.from({ length: options.methods ?? manyMethods }, (_, i) => metrics.methodIndex(`Method${i}`));
  const traffic = options.traffic === "live" ? [trafficIndex.live] : [...trafficKinds.keys()];
  for (const each of cells) fillVariant(each, traffic, methods, options.codes ?? grpcCodes.length);
  fillProcess(metrics);
  registerReaders(metrics, snapshot);
  return { metrics, snapshot, cells };
}

function fillVariant(cells: VariantCells, traffic: readonly number[], methods: readonly number[], codes: number): void {
  for (const t of traffic) {
    for (const [m, method] of [0, ...methods].entries()) {
      for (let code = 0; code < codes; code++) cells.request(t, method, code, (code + m) % outcomes.length, 3.5, 3);
    }
    cells.score(t, 0.42);
    for (const r of scoreInvalidReasons.keys()) cells.scoreInvalid(t, r);
  }
  for (const r of assignmentReasons.keys()) cells.assigned(r);
  for (const r of shadowDropReasons.keys()) cells.shadowDropped(r);
  for (const r of fallbackResults.keys()) cells.fallback(r);
  cells.versionMismatch();
  cells.resent();
}

function fillProcess(metrics: Metrics): void {
  for (const reason of localReplyReasons) metrics.localReply(reason);
  for (const status of [0, 200, 302, 404, 500]) metrics.plainRequest(status);
  for (const hook of hooks) metrics.hookFailed(hook);
  for (const side of sides) for (const direction of goawayDirections) metrics.goaway(side, direction);
  for (const side of sides) for (const fault of connectionFaults) metrics.connectionFault(side, fault);
  for (const side of sides) for (const fault of streamFaults) metrics.streamFault(side, fault);
  for (const why of retirements) metrics.connectionRetired(why);
  metrics.configRejected();
  metrics.connectionRefused();
  for (const resource of shedResources) {
    metrics.shed(resource);
    for (const step of overloadEntries.keys()) metrics.overloadEntered(step + 1, resource);
  }
}

function registerReaders(metrics: Metrics, snapshot: Snapshot): void {
  const variants = snapshot.routes.flatMap((route) => route.variants.map(({ name }) => [route.name, name]));
  const perVariant = (more: readonly string[]) => () =>
    variants.flatMap((pair) => more.map((last) => ({ labels: [...pair, last], value: 1 })));
  const perWord = (words: readonly string[]) => () => words.map((word) => ({ labels: [word], value: 1 }));
  metrics.register("contender_breaker_open", perVariant(trafficKinds));
  metrics.register("contender_pool_connections", perVariant(["ready", "connecting", "draining"]));
  metrics.register("contender_warmup_remaining_copies", () => variants.map((pair) => ({ labels: pair, value: 1 })));
  metrics.register("contender_pool_addresses", () => variants.map((pair) => ({ labels: pair, value: 1 })));
  metrics.register("contender_queue_calls", () => variants.map((pair) => ({ labels: pair, value: 1 })));
  metrics.register("contender_streams_active", perWord(sides));
  metrics.register("contender_connections_active", perWord(sides));
  metrics.register("contender_buffered_bytes", perWord(["received"]));
  metrics.register("contender_overload_level", () => [{ labels: [], value: 1 }]);
  metrics.register("contender_overload_stalled_seconds_total", () => [{ labels: [], value: 1 }]);
  metrics.register("contender_overload_pressure_ratio", perWord(watchedResources));
  metrics.register("contender_prediction_log_dropped_total", perWord(dropReasons));
  metrics.register("contender_reports_total", perWord(reportResults));
  for (const name of [
    "contender_config_source_connected",
    "contender_config_source_contact_timestamp_seconds",
    "contender_config_expired_routes",
  ] as const) {
    metrics.register(name, () => [{ labels: [], value: 1 }]);
  }
  metrics.register("contender_config_source_failures_total", perWord(sourceFailures));
  metrics.register("contender_config_last_good_writes_total", perWord(lastGoodResults));
  const perSide = (more: readonly (readonly string[])[]) => () =>
    sides.flatMap((side) => more.map((last) => ({ labels: [side, ...last], value: 1 })));
  metrics.register("contender_tls_handshakes_total", perSide(tlsVersions.map((version) => [version, "false"])));
  metrics.register("contender_tls_handshake_failures_total", perSide(tlsFailures.map((reason) => [reason])));
  metrics.register("contender_tls_reloads_total", perSide(reloadResults.map((result) => [result])));
  metrics.register("contender_tls_certificate_not_after_timestamp_seconds", perSide([["/tls/tls.crt"]]));
}
