import type { Method, ScoreReader, ScoreSink } from "../../src/protocol/dialect.ts";
import { embedded } from "./wire-bytes.ts";

/** A sink that writes down what it is told: scores and reasons in one list, in their order. */
export class RecordedScores implements ScoreSink {
  readonly rows: (number | string)[] = [];
  readonly effectives: [string | undefined, string | undefined][] = [];
  /** Something was scored before the model was told. */
  late = false;

  score(value: number): void {
    this.rows.push(value);
  }

  invalid(reason: string): void {
    this.rows.push(reason);
  }

  effective(model: string | undefined, version: string | undefined): void {
    if (this.rows.length > 0) this.late = true;
    this.effectives.push([model, version]);
  }
}

export function readScores(reader: ScoreReader, method: Method, message: Uint8Array): RecordedScores {
  const scores = new RecordedScores();
  const { bytes, start, end } = embedded(message);
  reader.read(method, bytes, start, end, scores);
  return scores;
}
