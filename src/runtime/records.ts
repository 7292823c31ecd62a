/**
 * Who records calls that ended, made from what was asked for: nobody, the prediction log, the access log, or both.
 */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { FileSink } from "../compare/line-sinks.ts";
import { LineWriter, type LineWriterPorts } from "../compare/line-writer.ts";
import { PredictionLog } from "../compare/prediction-log.ts";
import { RequestSample } from "../compare/request-sample.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type AccessLine, AccessRecords } from "../proxy/access-records.ts";
import type { CallRecords } from "../proxy/ports.ts";
import { PredictionRecords } from "../proxy/prediction-records.ts";

/** What the prediction log has to say to its operator. */
export type RecordsEvent =
  | {
      readonly kind: "prediction_log_failing";
      readonly path: string;
      /** A reason of contender_prediction_log_dropped_total. */
      readonly reason: string;
      /** The system's error code. */
      readonly code: string;
    }
  | { readonly kind: "prediction_log_recovered"; readonly path: string; readonly dropped: number };

export interface RecordsPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly metrics: Metrics;
  /** Where the process' own log goes too, so that neither cuts into the other's lines. */
  readonly stdout: LineWriter;
  writeAccess(line: AccessLine): void;
  onEvent(event: RecordsEvent): void;
}

export interface RecordsOptions {
  /** A file's path, or `stdout`; undefined records nothing. */
  readonly predictionLog: string | undefined;
  /** Share of predictions in the prediction log, 0 to 1; those that fail are all recorded. */
  readonly predictionLogSample: number;
  /** Share of calls in the access log, 0 to 1. */
  readonly accessLog: number;
}

export interface Records {
  /** Undefined where nobody records: a call then costs no more than asking. */
  readonly calls: CallRecords | undefined;
  /** Writes what is held, for `withinMs` at most. Standard output is its owner's to close. */
  close(withinMs: number): Promise<void>;
}

export function openRecords(ports: RecordsPorts, options: RecordsOptions): Records {
  const { chance } = ports;
  const { accessLog, predictionLog: path, predictionLogSample } = options;
  const takers: CallRecords[] = [];
  let file: LineWriter | undefined;
  if (path !== undefined) {
    const opened = openPredictionLog(ports, path);
    file = opened.file;
    takers.push(new PredictionRecords(opened.log, new RequestSample(predictionLogSample, chance)));
  }
  if (accessLog > 0) takers.push(new AccessRecords(accessLog, chance, (line) => ports.writeAccess(line)));
  return { calls: together(takers), close: async (withinMs) => await file?.close(withinMs) };
}

/** The log alone, for whoever gets its records from elsewhere. `file` is to be closed, where there is one. */
export function openPredictionLog(
  ports: Pick<RecordsPorts, "clock" | "stdout" | "onEvent" | "metrics">,
  path: string,
): { readonly log: PredictionLog; readonly file: LineWriter | undefined } {
  const { clock, stdout, onEvent, metrics } = ports;
  const onState: LineWriterPorts["onState"] = (failing) => {
    if (failing !== undefined) return onEvent({ kind: "prediction_log_failing", path, ...failing });
    const dropped = log.dropped().reduce((sum, [, records]) => sum + records, 0);
    onEvent({ kind: "prediction_log_recovered", path, dropped });
  };
  const file = path === "stdout" ? undefined : new LineWriter({ clock, sink: new FileSink(path), onState });
  const log = new PredictionLog(file ?? stdout);
  metrics.register("contender_prediction_log_dropped_total", () =>
    log.dropped().map(([reason, value]) => ({ labels: [reason], value })),
  );
  return { log, file };
}

function together(takers: readonly CallRecords[]): CallRecords | undefined {
  if (takers.length < 2) return takers[0];
  return {
    add: (call, code, nowMs) => {
      for (const taker of takers) taker.add(call, code, nowMs);
    },
  };
}
