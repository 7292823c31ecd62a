/**
 * A route that has been read but not judged: what a document and the environment have in common before the rules that
 * span fields are applied. `undefined` is what was not said.
 */
import type {
  GatesSpec,
  KeySource,
  ModelOverride,
  RouteMatch,
  ScoreReduce,
  SelectorSpec,
  UpstreamTlsSpec,
} from "../model/route.ts";

export type TlsDraft = { readonly [K in keyof UpstreamTlsSpec]?: UpstreamTlsSpec[K] | undefined };

export interface VariantDraft {
  readonly address: string | undefined;
  readonly authority?: string | undefined;
  readonly tls?: TlsDraft | undefined;
  readonly model?: ModelOverride | undefined;
  readonly metadata?: readonly (readonly [string, string])[] | undefined;
  readonly expectVersion?: string | undefined;
  readonly onFailure?: "error" | "champion" | undefined;
  readonly artifact?: string | undefined;
  readonly warmup?: { readonly copies: number; readonly timeoutMs: number | undefined } | undefined;
}

export interface ShadowDraft {
  readonly percent?: number | undefined;
  readonly maxPerSecond?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxInFlight?: number | undefined;
  readonly maxBytes?: number | undefined;
  readonly maxMessageBytes?: number | undefined;
  readonly forwardAuthorization?: boolean | undefined;
}

export interface ScoreDraft {
  readonly output: string;
  readonly reduce: ScoreReduce;
  readonly index: number | undefined;
  readonly range: readonly number[] | undefined;
  readonly buckets: readonly number[] | undefined;
}

export interface RouteDraft {
  readonly name: string;
  /** A variant called `champion` is what the environment's short form makes; in a file it is a mistake to warn of. */
  readonly namesMeant?: true;
  readonly default: boolean | undefined;
  readonly match: RouteMatch;
  readonly keyFrom: readonly KeySource[];
  readonly ignoredKeys: readonly string[] | undefined;
  readonly assignment: "slots" | "md5-100";
  readonly salt: string | undefined;
  readonly pin: boolean;
  readonly variantHeader: boolean;
  readonly peekBytes: number | undefined;
  readonly maxTimeoutMs: number | undefined;
  readonly score: ScoreDraft | undefined;
  /** Lists of pairs, in the order of the document: an object would sort names such as `10` and `9`. */
  readonly variants: readonly (readonly [string, VariantDraft])[];
  readonly champion: string | undefined;
  /** Undefined where nothing was said: then the champion has all. */
  readonly weights: readonly (readonly [string, number])[] | undefined;
  readonly shadows: readonly (readonly [string, ShadowDraft])[];
  readonly gates: GatesSpec | undefined;
  readonly namespace?: string | undefined;
  readonly selector?: SelectorSpec | undefined;
  readonly ttlMs?: number | undefined;
}
