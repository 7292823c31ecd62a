/** The log of a process on its standard output, which may fail it: lines that can't be written are dropped and counted. */
import pino, { type Logger } from "pino";
import { systemClock } from "../base/clock.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import { standardOutput } from "../compare/line-sinks.ts";
import { LineWriter } from "../compare/line-writer.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { SidecarEvent } from "../runtime/events.ts";

/** Least time between two writes of log lines. The first goes at once; what follows closely on it goes together. */
const logFlushMs = 10;

export interface ProcessLog {
  /** For other lines that go to standard output. */
  readonly stdout: LineWriter;
  readonly log: Logger;
}

/** What is no trouble, whenever it comes. */
const news: ReadonlySet<string> = new Set<SidecarEvent["kind"]>(["connected", "resolved", "tls_reloaded"]);

/** The level of what a data plane says. What begins is good news, and what ends while we end is as it should be. */
export function levelOf(event: SidecarEvent, draining: boolean): "info" | "warn" {
  const { kind } = event;
  const good = news.has(kind) || (kind === "warmup" && event.end === "warm");
  return good || draining ? "info" : "warn";
}

/** @param base fields that each line has. @param onDropped counts a line that was not written. */
export function openProcessLog(
  level: string,
  base: Readonly<Record<string, unknown>> | null,
  onDropped: () => void,
): ProcessLog {
  // A log that nobody reads, or that has no space, must neither make a call wait nor end the process.
  const stdout = new LineWriter({ clock: systemClock, sink: standardOutput() }, { flushMs: logFlushMs });
  const log = pino(
    { level, base, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line) => stdout.add(line, onDropped) },
  );
  return { stdout, log };
}

/** What may not be meant in a configuration, be it taken or not. */
export function logWarnings(log: Logger, { warnings }: Loaded): void {
  for (const warning of warnings) log.warn({ event: "config_warning", ...warning });
}

/** What has become of a configuration: it is refused for these problems, or in force where there are none. */
export function logReload(log: Logger, problems: readonly Problem[], inForce: string | undefined): void {
  if (problems.length === 0) log.info({ event: "config_applied", config: inForce });
  else log.error({ event: "config_rejected", inForce, problems: problems.map(problemLine) });
}
