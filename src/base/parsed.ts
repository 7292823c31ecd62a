/** One thing that is wrong with an input, with the path to it (`spec.weights.v42`). */
export interface Problem {
  readonly path: string;
  readonly message: string;
  /** Where a person finds it, where the input is a text: `fraud.yaml:12`. */
  readonly where?: string;
}

/** What reading an untrusted input gives: the value, or every problem at once, so that a file is mended in one edit. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** What reading one word of an input gives; whoever knows the path makes a problem of the message. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** A word that was understood. */
export const read = <T>(value: T): Reading<T> => ({ ok: true, value });

/** A word that was not; the message says what was wanted, then what was got. */
export const unreadable = (message: string): Reading<never> => ({ ok: false, message });

/** One line for people: `fraud.yaml:12: spec.weights.v42: want a number, got "5"`. */
export function problemLine(problem: Problem): string {
  return [problem.where, problem.path, problem.message].filter((part) => part !== undefined && part !== "").join(": ");
}
