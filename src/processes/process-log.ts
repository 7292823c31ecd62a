/** The log of a process on its standard output, which may fail it: lines that can't be written are dropped and counted. */
import pino, { type Logger } from "pino";
import { systemClock } from "../base/clock.ts";
import { standardOutput } from "../compare/line-sinks.ts";
import { LineWriter } from "../compare/line-writer.ts";
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
