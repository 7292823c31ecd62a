/**
 * What every dialect can do. Each folder beside this file holds one, with the same file names: methods, request, score,
 * override. Nothing here throws: what can't be read says so in its result.
 *
 * Messages come as one contiguous range of bytes *without* the five bytes of gRPC framing, never compressed.
 */
import type { AssignmentReason, ScoreInvalidReason } from "../model/call.ts";
import type { DialectName, KeySource, ModelOverride, ScoreSpec } from "../model/route.ts";

export interface Method {
  /** Full path, `/package.Service/Method`. */
  readonly path: string;
  /** Short name, used as a metric label: `Predict`. */
  readonly name: string;
  /** `predict`: split by weights. `other`: goes to the default route's champion. */
  readonly kind: "predict" | "other";
  /** One message each way: may be shadowed, insured and scored. */
  readonly unary: boolean;
  /** Whether its answer can carry a score. */
  readonly scored: boolean;
}

/** What a request says of itself. One object is reused for every call: copy what must outlive it. */
export interface RequestFacts {
  /** Undefined where the message names none. */
  model: string | undefined;
  version: string | undefined;
  /**
   * The sticky key: one value, or undefined where no source gave one. Its bytes as Latin-1, one character a byte, as header
   * values are too; integers as decimal text.
   */
  key: string | undefined;
  /**
   * Place in `from` of the source that gave the key, so that a metadata source before or after it is weighed in the route's
   * order; -1 for a sequence, which comes before any source.
   */
  keySource: number;
  /** Set where the call must not be drawn: `multi_key` or `malformed`. */
  exception: Extract<AssignmentReason, "multi_key" | "malformed"> | undefined;
  /** OIP `sequence_id` is present: it is then the key, and the call is never shadowed. */
  sequence: boolean;
  /** Shared-memory regions are named: the call is never shadowed. */
  sharedMemory: boolean;
}

/** Reads a request's first message for one route's key sources (those of kind `metadata` are not its business). */
export interface RequestReader {
  /** Whether anything beyond the model's name must be read: a key may sit in the message, or a sequence be named in it. */
  readonly needsMessage: boolean;
  /**
   * Sets every field of `facts`. With `cut` the message goes on beyond `end`, as where it is longer than a peek: what lies whole
   * within the range is told, and being cut off is no fault. A model's name comes first in every dialect.
   */
  read(method: Method, bytes: Uint8Array, start: number, end: number, facts: RequestFacts, cut?: boolean): void;
}

/** Where scores go: one call per row, no array of them. */
export interface ScoreSink {
  score(value: number): void;
  invalid(reason: ScoreInvalidReason): void;
  /** The model and version that answered, where the response tells them; called at most once, before any score. */
  effective(model: string | undefined, version: string | undefined): void;
}

/** A score's compiled path through a response. */
export interface ScoreReader {
  read(method: Method, bytes: Uint8Array, start: number, end: number, sink: ScoreSink): void;
}

/** Rewrites a request's model, or sets a response's back. */
export interface Override {
  /** The message with the model replaced, or undefined where that can't be done (then the reason is `not_overridable`). */
  request(method: Method, bytes: Uint8Array, start: number, end: number): Uint8Array | undefined;
  /**
   * The response with model name and version as the caller asked; undefined where it has none to replace. What is given as
   * undefined stays as the upstream said it.
   */
  response(
    method: Method,
    bytes: Uint8Array,
    start: number,
    end: number,
    model: string | undefined,
    version: string | undefined,
  ): Uint8Array | undefined;
}

export interface Dialect {
  readonly name: DialectName;
  /** Every method that it knows of its services (`model/dialect-services.ts`). */
  readonly methods: readonly Method[];
  /** Undefined for a path that is not this dialect's. */
  method(path: string): Method | undefined;
  requestReader(from: readonly KeySource[], ignore: readonly string[]): RequestReader;
  /** `undefined` spec: the reader only tells the effective model and version. */
  scoreReader(spec: ScoreSpec | undefined): ScoreReader;
  override(model: ModelOverride): Override;
}
