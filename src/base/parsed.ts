/** One thing that is wrong with an input, with the path to it (`spec.weights.v42`). */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** What reading an untrusted input gives: the value, or every problem at once, so that a file is mended in one edit. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };
