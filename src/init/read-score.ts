/** Scores and version of one answer, read by the very code that a sidecar reads them with. */
import type { ScoreInvalidReason } from "../model/call.ts";
import type { ScoreSpec } from "../model/route.ts";
import { dialects } from "../protocol/index.ts";
import type { Inspector } from "./inspector.ts";
import type { TensorFacts } from "./model-facts.ts";

export interface ScoresRead {
  readonly scores: readonly number[];
  /** Why rows gave none. */
  readonly invalid: readonly ScoreInvalidReason[];
}

export function readScores(inspector: Inspector, answer: Buffer, spec: ScoreSpec): ScoresRead {
  const scores: number[] = [];
  const invalid: ScoreInvalidReason[] = [];
  dialects[inspector.name].scoreReader(spec).read(inspector.predict, answer, 0, answer.length, {
    score: (value) => scores.push(value),
    invalid: (reason) => invalid.push(reason),
    effective: () => undefined,
  });
  return { scores, invalid };
}

/** The model's version that gave this answer; undefined where the answer does not say. */
export function versionOf(inspector: Inspector, answer: Buffer): string | undefined {
  let answered: string | undefined;
  dialects[inspector.name].scoreReader(undefined).read(inspector.predict, answer, 0, answer.length, {
    score: () => undefined,
    invalid: () => undefined,
    effective: (_, version) => {
      answered = version;
    },
  });
  return answered;
}

/** Sums of single-precision probabilities stray this far. */
const tolerance = 1e-3;

/** Whether every row of this output holds several probabilities that add up to one. */
export function addsUpToOne(inspector: Inspector, answer: Buffer, { name, shape }: TensorFacts): boolean {
  const columns = shape?.at(-1) ?? 0;
  if (columns < 2) return false;
  const read = (reduce: ScoreSpec["reduce"]) =>
    readScores(inspector, answer, { output: name, reduce, index: 0, range: undefined, buckets: [] });
  const means = read("mean");
  // An entropy is read of probabilities only: one that is negative or above one makes its row invalid.
  const valid = means.invalid.length === 0 && read("entropy").invalid.length === 0;
  return valid && means.scores.length > 0 && means.scores.every((mean) => Math.abs(mean * columns - 1) < tolerance);
}
