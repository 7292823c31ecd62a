/**
 * Where a process has its routes from, put together: the one place that knows both the sources which need a gRPC library and the
 * ones which don't. What only one source needs is loaded when that source is first asked, so that a sidecar serves its last good
 * routes before the library is there.
 */
import { hostname } from "node:os";
import type { Logger } from "pino";
import { ownCapabilities } from "../api/capabilities.ts";
import {
  durationMessage,
  durationMs,
  type NodeMessage,
  type ReportRequest,
  type ReportResponse,
  type SnapshotMessage,
} from "../api/messages.ts";
import { type Chance, systemChance } from "../base/chance.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { ContenderError } from "../base/errors.ts";
import { formatControl } from "../config/control-client.ts";
import { surroundings } from "../config/environment-route.ts";
import type { Apply, RouteSource } from "../config/route-source.ts";
import { routesOf } from "../config/routes.ts";
import type { Settings } from "../config/settings.ts";
import { type SourceEvent, SourceStatus } from "../config/source-status.ts";
import type { CountsSource } from "../model/counts.ts";
import type { Metrics } from "../observe/metrics.ts";
import { LastGoodFile } from "../sync/last-good.ts";
import { Reporter } from "../sync/reporter.ts";
import { ServiceSource } from "../sync/service-source.ts";
import { askedRoutes } from "./asked-routes.ts";
import { ControlLink, openChannel } from "./control-link.ts";

export interface RouteSourcePorts {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Contender's own. */
  readonly version: string;
  readonly apply: Apply;
  /** What is in force goes by another version from now on. */
  adopt(version: string): void;
  /** What is reported to a config service, where there is one. */
  readonly counts: CountsSource | undefined;
}

/** What is no trouble; everything else is. */
const news: ReadonlySet<string> = new Set<SourceEvent["kind"]>([
  "config_source_connected",
  "config_unexpired",
  "last_good_used",
]);

/** Nothing is read or asked before `open`. */
export function routeSource(settings: Settings, ports: RouteSourcePorts): RouteSource {
  const source = sourceOf(settings, ports);
  if (source.status !== undefined) registerStatus(source.status, ports.metrics);
  return source;
}

function sourceOf(settings: Settings, ports: RouteSourcePorts): RouteSource {
  const { controlClient, stateDir } = settings;
  const { adopt, log } = ports;
  const onEvent = ({ kind, ...event }: SourceEvent): void => {
    log[news.has(kind) ? "info" : "warn"]({ event: kind, ...event });
  };
  const shared = { clock: systemClock, chance: systemChance, onEvent };
  const fallback = (apply: Apply): RouteSource =>
    hasNothingElse(settings) ? nothingElse(settings) : routesOf(settings, { ...shared, apply }, askedRoutes(settings));
  if (controlClient === undefined) return fallback(ports.apply);
  const address = formatControl(controlClient.target);
  const node = nodeOf(settings, ports.version, systemClock, systemChance);
  const status = new SourceStatus(address, systemClock, onEvent);
  const link = new ControlLink(() => openChannel(controlClient));
  const owner = { service: address, namespace: node.namespace, workload: node.workload };
  const lastGood: LastGoodFile<SnapshotMessage> | undefined =
    stateDir === undefined
      ? undefined
      : new LastGoodFile<SnapshotMessage>(stateDir, owner, (version, failed) => {
          status.wrote(lastGood?.path ?? stateDir, version, failed);
        });
  const source = new ServiceSource({
    ...shared,
    status,
    open: async (listener) => {
      const channel = await link.channel();
      const { watchOver } = await import("../sync/watch-stream.ts");
      return await watchOver(channel)(listener);
    },
    node,
    around: { ...surroundings(settings), alone: false },
    apply: ports.apply,
    adopt,
    lastGood,
    fallback,
    waitMs: settings.controlWaitMs,
  });
  return reporting(source, link, node, ports);
}

/** A sidecar that is told nothing serves the model beside it; a gateway has none. */
const hasNothingElse = ({ local, config, champion }: Settings): boolean =>
  local === undefined && config === undefined && champion === undefined;

/** A restart may mend it, which whatever restarts a gateway learns by the exit code. */
function nothingElse({ controlClient, controlWaitMs }: Settings): RouteSource {
  const where = controlClient === undefined ? "" : formatControl(controlClient.target);
  const text = `${where} gave no routes within ${formatDuration(controlWaitMs)} that can be served, and a gateway has nothing else to serve. CONTENDER_CONTROL_WAIT waits longer, CONTENDER_STATE_DIR keeps the last good ones for the next start, CONTENDER_CONFIG names others`;
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    status: undefined,
    open: () => Promise.reject(new ContenderError("CONTROL_UNREACHABLE", text)),
    begin: nothing,
    close: nothing,
  };
}

/** As `source`; what was counted is reported over the same link from when calls are served, and once more at the end. */
function reporting(source: RouteSource, link: ControlLink, node: NodeMessage, ports: RouteSourcePorts): RouteSource {
  const { counts, metrics } = ports;
  const reporter = counts && reporterOf(counts, link, node);
  metrics.register("contender_reports_total", () =>
    reporter === undefined
      ? []
      : [
          { labels: ["taken"], value: reporter.taken },
          { labels: ["failed"], value: reporter.failed },
        ],
  );
  return {
    status: source.status,
    open: () => source.open(),
    begin: () => {
      source.begin();
      reporter?.start();
    },
    close: async () => {
      await reporter?.end();
      await source.close();
      await link.close();
    },
  };
}

function reporterOf(counts: CountsSource, link: ControlLink, node: NodeMessage): Reporter {
  const { instance, namespace, workload } = node;
  const startedAtMs = durationMs(node.startedAt) ?? 0;
  return new Reporter(
    { instance, startedAtMs, namespace, workload },
    {
      clock: systemClock,
      chance: systemChance,
      counts,
      send: async (request) => {
        const [channel, { method }] = await Promise.all([link.channel(), import("../api/protos.ts")]);
        return await channel.call(method<ReportRequest, ReportResponse>("ReportService", "Report"), request);
      },
    },
  );
}

/** Who this sidecar is, where nothing better says so. */
function nodeOf(
  { namespace = "", workload = "", pod }: Settings,
  release: string,
  clock: Clock,
  chance: Chance,
): NodeMessage {
  const digits = Array.from({ length: 16 }, () => Math.trunc(chance.next() * 16).toString(16));
  return {
    instance: digits.join(""),
    startedAt: durationMessage(clock.wallMs()),
    namespace,
    workload,
    pod: pod ?? hostname(),
    release,
    capabilities: ownCapabilities,
  };
}

function registerStatus(status: SourceStatus, metrics: Metrics): void {
  const one = (value: number) => [{ labels: [], value }];
  const counts = (map: ReadonlyMap<string, number>) => Array.from(map, ([word, value]) => ({ labels: [word], value }));
  metrics.register("contender_config_source_connected", () => one(status.connected ? 1 : 0));
  metrics.register("contender_config_source_contact_timestamp_seconds", () =>
    status.contactWallMs === undefined ? [] : one(status.contactWallMs / 1_000),
  );
  metrics.register("contender_config_source_failures_total", () => counts(status.failures));
  metrics.register("contender_config_expired_routes", () => one(status.expired.length));
  metrics.register("contender_config_last_good_writes_total", () => counts(status.writes));
}
