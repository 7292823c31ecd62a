/**
 * A route as the rest of the program sees it: validated, normalised, frozen. Only `config/` makes one from what people
 * write; the words are those of the route file.
 */
import type { TlsVersion } from "../base/tls-versions.ts";
import type { SlotRange } from "./slots.ts";

/** The inference protocols whose messages we can look into. */
export type DialectName = "tensorflow-serving" | "open-inference";

/** Where a sticky key may come from; the first source that yields one wins. */
export type KeySource =
  | { readonly kind: "metadata"; readonly name: string }
  /** A request parameter (OIP `parameters`); TensorFlow Serving has none, there it reads the input of that name. */
  | { readonly kind: "parameter"; readonly name: string }
  /** An input tensor of strings or integers, one element per row. */
  | { readonly kind: "input"; readonly name: string };

export type ScoreReduce = "element" | "max" | "argmax" | "margin" | "entropy" | "mean";

/** Which number of an answer is its score. */
export interface ScoreSpec {
  /** Name of the output tensor; for Classify and Regress, where outputs have no name, it is a label only. */
  readonly output: string;
  readonly reduce: ScoreReduce;
  /** Column of the row, with `reduce: "element"`. */
  readonly index: number;
  /** Expected range; values outside go to the invalid counter as `out_of_range`. */
  readonly range: readonly [number, number] | undefined;
  /** Upper bounds of the histogram's buckets, ascending; +Inf is implied. */
  readonly buckets: readonly number[];
}

/** What a variant's upstream calls the model, where that differs from what callers ask for. */
export interface ModelOverride {
  readonly name: string | undefined;
  /** Decimal digits for TensorFlow Serving, any text for OIP. */
  readonly version: string | undefined;
  /** TensorFlow Serving's `version_label`; excludes `version`. */
  readonly label: string | undefined;
  /** Set the response's model name and version back to what the caller asked for. */
  readonly restoreResponse: boolean;
}

/** How TLS is spoken to an upstream. Paths of PEM files, never what is in them. */
export interface UpstreamTlsSpec {
  /** Authorities that may sign the upstream's certificate; undefined means those that Node trusts. */
  readonly ca: string | undefined;
  /** Our own certificate and its key, for upstreams that ask for one. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Whom the certificate must be for: sent as SNI where it is a DNS name, a SPIFFE id is only compared. */
  readonly serverName: string | undefined;
  readonly minVersion: TlsVersion;
}

/** One way to answer a route. */
export interface VariantSpec {
  readonly name: string;
  /** `HOST:PORT`, `dns:///HOST:PORT` or `unix:/PATH`; `local` is already resolved. */
  readonly address: string;
  /** `:authority` towards this upstream; by default its host and port, `localhost` for a unix socket. */
  readonly authority: string | undefined;
  /** Undefined where plain text is spoken. */
  readonly tls?: UpstreamTlsSpec | undefined;
  readonly model: ModelOverride | undefined;
  /** Metadata set on every call to this variant, names in lower case. */
  readonly metadata: readonly (readonly [string, string])[];
  readonly expectVersion: string | undefined;
  /** `champion`: an insured canary, see the design's data plane. */
  readonly onFailure: "error" | "champion";
  readonly artifact: string | undefined;
  readonly warmup?: WarmupSpec | undefined;
}

/** Copies of live calls that a variant answers before it takes live ones. */
export interface WarmupSpec {
  /** Per sidecar. */
  readonly copies: number;
  /** How long its live calls are the champion's at most. */
  readonly timeoutMs: number;
}

/** A variant that gets copies of live calls. */
export interface ShadowSpec {
  readonly variant: string;
  /** Share of keys whose calls are copied, 0..100. */
  readonly percent: number;
  /** Copies a second at most, per sidecar; undefined means no such limit. */
  readonly maxPerSecond: number | undefined;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  /** Request bytes held for copies that are waiting or under way. */
  readonly maxBytes: number;
  /** Largest message that is copied. */
  readonly maxMessageBytes: number;
  /** Also copy authorization metadata. */
  readonly forwardAuthorization: boolean;
}

export type GateAction = "rollback" | "pause" | "report";

/** What a rollout of this route is to be judged by. */
export interface GatesSpec {
  readonly errors: { readonly maxRatio: number; readonly action: GateAction } | undefined;
  readonly latency:
    | { readonly slowerThanMs: number; readonly maxRatio: number; readonly action: GateAction }
    | undefined;
  readonly score: { readonly maxShift: number; readonly action: GateAction } | undefined;
}

export interface RouteMatch {
  readonly dialect: DialectName | undefined;
  /** Model names; empty means any. */
  readonly models: readonly string[];
  /** Full gRPC service names (`pkg.Service`); empty means those of the dialects. */
  readonly services: readonly string[];
}

/**
 * Which sidecars a route of the config service is for: those with all of these labels, and of them the first so many, or a share,
 * in an order that stays.
 */
export interface SelectorSpec {
  readonly namespace: string | undefined;
  readonly workload: string | undefined;
  readonly pod: string | undefined;
  /** At most one of these two is set. */
  readonly first: number | undefined;
  /** 0..100. */
  readonly percent: number | undefined;
}

export interface RouteSpec {
  readonly name: string;
  /** Whose route it is, where the document says so. */
  readonly namespace?: string | undefined;
  /** The config service's business alone: what a sidecar serves applies to it. */
  readonly selector?: SelectorSpec | undefined;
  /** Its champion takes health, reflection, unknown models and services. */
  readonly default: boolean;
  readonly match: RouteMatch;
  readonly key: { readonly from: readonly KeySource[]; readonly ignore: readonly string[] };
  readonly assignment: "slots" | "md5-100";
  readonly salt: string;
  /** Whether callers may choose by `x-contender-pin`. */
  readonly pin: boolean;
  /** Whether answers carry `x-contender-variant`. */
  readonly variantHeader: boolean;
  /** Most bytes of a first message held to find its key or model. */
  readonly peekBytes: number;
  /** Longest deadline given to a call; undefined leaves the caller's. */
  readonly maxTimeoutMs: number | undefined;
  readonly score: ScoreSpec | undefined;
  /** In the order of the document, which `md5-100` depends on. */
  readonly variants: readonly VariantSpec[];
  readonly champion: string;
  /** Every variant with a weight above zero; normalised by whoever reads them. */
  readonly weights: Readonly<Record<string, number>>;
  readonly shadows: readonly ShadowSpec[];
  /** Recorded only: nothing judges a rollout yet. */
  readonly gates?: GatesSpec | undefined;
  /** How long challengers and shadows go on once the config service is not heard of any more; undefined is for ever. */
  readonly ttlMs?: number | undefined;
  /** The table that came with the route; without one it is filled by rendezvous. */
  readonly table?: readonly SlotRange[] | undefined;
}

/** Everything a sidecar serves from, taken and swapped whole. */
export interface Snapshot {
  /** Opaque to people; equal versions mean equal contents. */
  readonly version: string;
  /** `environment`, `file:PATH`, … */
  readonly source: string;
  readonly routes: readonly RouteSpec[];
}
