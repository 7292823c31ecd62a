/** A data plane with all that it reports to: log, metrics, records of calls. The same in a lone process and in a worker. */
import type { Logger } from "pino";
import type { Address } from "../base/address.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { trusts } from "../base/trust.ts";
import type { LineWriter } from "../compare/line-writer.ts";
import { Metrics } from "../observe/metrics.ts";
import { collectProcessMetrics } from "../observe/process-metrics.ts";
import { resolveOverloadOptions } from "../resilience/overload-options.ts";
import { openRecords, type Records, type RecordsEvent, type RecordsOptions } from "../runtime/records.ts";
import { Sidecar, type SidecarLimits, type SidecarPorts } from "../runtime/sidecar.ts";
import type { ProcessPorts } from "./ports.ts";
import { levelOf, openProcessLog } from "./process-log.ts";
import { thisMachine } from "./this-machine.ts";
import { openPem } from "./tls.ts";

/** Where a process tells what happens. */
export interface Reports {
  /** Standard output, for lines besides the log's own. */
  readonly stdout: LineWriter;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface DataPlane extends Reports {
  readonly records: Records;
  readonly sidecar: Sidecar;
}

export interface DataPlaneSettings extends RecordsOptions {
  readonly logLevel: string;
  readonly local: Address | undefined;
  readonly trustHop: readonly string[];
  readonly nonGrpc: "refuse" | "forward";
  /** Divided already, where they are for several workers together. */
  readonly limits: SidecarLimits;
  /** How many processes serve calls. */
  readonly workers: number;
}

/** @param base fields that each log line has. */
export function openReports(
  logLevel: string,
  base: Readonly<Record<string, unknown>> | null,
  { version, nodeVersion: node }: ProcessPorts,
): Reports {
  const metrics = new Metrics({ clock: systemClock, version, node });
  collectProcessMetrics(metrics.registry);
  return { ...openProcessLog(logLevel, base, () => metrics.hookFailed("log")), metrics };
}

/** Logs what the prediction log's file has to say. */
export function tellRecords(log: Logger): (event: RecordsEvent) => void {
  return ({ kind, ...event }) => {
    const level = kind === "prediction_log_failing" ? "warn" : "info";
    log[level]({ event: kind, ...event });
  };
}

/** @param more what this kind of process adds. */
export function openDataPlane(
  settings: DataPlaneSettings,
  base: Readonly<Record<string, unknown>> | null,
  ports: ProcessPorts,
  more: Partial<SidecarPorts>,
): DataPlane {
  const reports = openReports(settings.logLevel, base, ports);
  const { log, metrics, stdout } = reports;
  // Who asks for an access log gets one, whatever the level of everything else.
  const accessLog = log.child({}, { level: "info" });
  const records = openRecords(
    {
      clock: systemClock,
      chance: systemChance,
      metrics,
      stdout,
      writeAccess: (line) => accessLog.info({ event: "call", ...line }),
      onEvent: tellRecords(log),
    },
    settings,
  );
  const { limits, local, nonGrpc, trustHop, workers } = settings;
  const sidecar: Sidecar = new Sidecar({
    clock: systemClock,
    chance: systemChance,
    metrics,
    local,
    trustsHop: trusts(trustHop),
    records: records.calls,
    onEvent: (event) => {
      const { kind, ...rest } = event;
      log[levelOf(event, sidecar.draining)]({ event: kind, ...rest });
    },
    openPem,
    nonGrpc,
    limits,
    machine: thisMachine(ports, resolveOverloadOptions(limits.overload).memoryBytes, workers),
    share: 1 / workers,
    ...more,
  });
  return { ...reports, records, sidecar };
}
