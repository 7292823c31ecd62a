/** The log of a process on its standard output, which may fail it: lines that can't be written are dropped and counted. */
import pino, { type Logger } from "pino";
import { systemClock } from "../base/clock.ts";
import { standardOutput } from "../compare/line-sinks.ts";
import { LineWriter } from "../compare/line-writer.ts";

/** Least time between two writes of log lines. The first goes at once; what follows closely on it goes together. */
const logFlushMs = 10;

export interface ProcessLog {
  /** For other lines that go to standard output. */
  readonly stdout: LineWriter;
  readonly log: Logger;
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
