/**
 * Which number of an answer is proposed as its score.
 *
 * A guess, so it comes with its reasons, which end up as comments beside it: whoever knows the model sees at once whether
 * they hold.
 */
import { isFloat, type TensorFacts } from "./model-facts.ts";

export interface ChosenScore {
  readonly kind: "chosen";
  readonly output: string;
  readonly reduce: "element" | "max";
  /** Of the element; 0 with `max`. */
  readonly index: number;
  /** Whether values are probabilities, which gives the histogram its range. */
  readonly probability: boolean;
  /** Why, one sentence each. */
  readonly reasons: readonly string[];
}

export type ScoreChoice = ChosenScore | { readonly kind: "none"; readonly reasons: readonly string[] };

/** Words in the names of outputs that are scores, the surest first, and of those that seldom are. */
const likelyWords = [/prob|softmax|sigmoid/i, /score|confidence|likelihood/i, /predict/i, /output|logit|result/i];
const unlikelyWords = /embed|hidden|attention|feature|gradient|state|mask|loss|variance|std/i;

/** Whose values are between 0 and 1 by their name alone. */
const probabilityWords = /prob|softmax|sigmoid/i;

/** What a first answer showed of an output. */
export interface Seen {
  /** Whether it was there, though nobody asked for it by name. */
  has(output: TensorFacts): boolean;
  /** Whether its rows are probabilities that add up to one. */
  addsUpToOne(output: TensorFacts): boolean;
}

/** @param seen undefined where no call was made. */
export function chooseScore(outputs: readonly TensorFacts[], seen: Seen | undefined): ScoreChoice {
  if (outputs.length === 0) return { kind: "none", reasons: ["The server does not describe the model's outputs."] };
  const isMissing = (output: TensorFacts): boolean => seen !== undefined && !seen.has(output);
  const ranked = outputs.filter(isFloat).map((output) => ({ output, rank: rankOf(output, isMissing(output)) }));
  ranked.sort((a, b) => a.rank - b.rank);
  const best = ranked[0]?.output;
  if (best === undefined) return { kind: "none", reasons: ["None of the model's outputs holds fractions."] };
  const { reduce, index, reason } = pick(best);
  const certain = seen?.addsUpToOne(best) === true;
  const only = ranked.length === 1;
  return {
    kind: "chosen",
    output: best.name,
    reduce,
    index,
    probability: certain || probabilityWords.test(best.name),
    reasons: [
      only
        ? "It is the only output of fractions."
        : "Of several outputs of fractions it is the likeliest, by name and shape.",
      reason,
      ...(certain ? ["The rows that were seen add up to 1, so they are probabilities."] : []),
      ...(isMissing(best) ? ["A first answer did not have it: callers must ask for this output by its name."] : []),
    ],
  };
}

/** Lower is likelier. A row of scores has one or two dimensions: more are images, sequences or embeddings. */
function rankOf({ name, shape }: TensorFacts, missing: boolean): number {
  const at = likelyWords.findIndex((word) => word.test(name));
  const byName = unlikelyWords.test(name) ? likelyWords.length + 1 : at < 0 ? likelyWords.length : at;
  return byName + (shape !== undefined && shape.length > 2 ? 10 : 0) + (missing ? 100 : 0);
}

interface Pick {
  readonly reduce: "element" | "max";
  readonly index: number;
  readonly reason: string;
}

/** A row is the last dimension, or the whole of a vector whose length is fixed. */
function pick({ shape }: TensorFacts): Pick {
  const columns = columnsOf(shape);
  if (columns === undefined) {
    return { reduce: "element", index: 0, reason: "How many columns a row has is not told: this takes the first." };
  }
  if (columns === 1) return { reduce: "element", index: 0, reason: "A row has one column." };
  if (columns === 2) {
    return { reduce: "element", index: 1, reason: "Of two columns, the second is the positive class by custom." };
  }
  return { reduce: "max", index: 0, reason: `Of ${columns} columns, the largest tells how sure the model is.` };
}

function columnsOf(shape: readonly number[] | undefined): number | undefined {
  const last = shape?.at(-1);
  if (shape === undefined || last === undefined) return shape === undefined ? undefined : 1;
  // A vector of varying length has a row for each element.
  if (last < 0) return shape.length === 1 ? 1 : undefined;
  return last === 0 ? undefined : last;
}
