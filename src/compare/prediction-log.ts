/**
 * The prediction log: what the sampled predictions, and all that failed, were assigned to and came to, a line of NDJSON
 * each. Which calls those are and what a record says is decided beside this file; how lines reach a disk that may be full,
 * in `LineWriter`.
 */
import { type DropReason, dropReasons } from "./drop-reason.ts";
import type { LineWriter } from "./line-writer.ts";
import { type PredictionRecord, predictionLine } from "./prediction-record.ts";

export class PredictionLog {
  readonly #writer: LineWriter;
  readonly #dropped = new Map<DropReason, number>();
  readonly #onDropped = (reason: DropReason, lines: number): void => {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + lines);
  };

  constructor(writer: LineWriter) {
    this.#writer = writer;
  }

  add(record: PredictionRecord): void {
    this.addLine(predictionLine(record));
  }

  /** A record as another process wrote it, its end of line included. */
  addLine(line: string): void {
    this.#writer.add(line, this.#onDropped);
  }

  /** Records that were not written, by reason, those that never happened left out. */
  dropped(): [reason: DropReason, records: number][] {
    return dropReasons.flatMap((reason): [DropReason, number][] => {
      const records = this.#dropped.get(reason);
      return records === undefined ? [] : [[reason, records]];
    });
  }
}
