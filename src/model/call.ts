/** The words in which a call's fate is recorded. Closed sets: each is a metric label. */

/** Kinds of traffic, kept apart in every metric. */
export const trafficKinds = ["live", "shadow", "warmup"] as const;
export type Traffic = (typeof trafficKinds)[number];

/**
 * Why a call has the variant it has. `weight` and `no_key` were drawn; `breaker_open`, `fallback` and `not_overridable`
 * were drawn too, and count for the drawn variant; the rest were decided before a draw and stay outside gates.
 */
export const assignmentReasons = [
  "weight",
  "no_key",
  "breaker_open",
  "fallback",
  "not_overridable",
  /** The champion answers for a challenger that has just come: see `proxy/warmth.ts`. */
  "warming",
  "pinned",
  "hop",
  "multi_key",
  "no_model",
  "peek_limit",
  "compressed",
  "malformed",
  /** Not a prediction: health, reflection, metadata, an unknown service or model. */
  "not_prediction",
] as const;
export type AssignmentReason = (typeof assignmentReasons)[number];

/** How a call ended, coarsely: what latency histograms are split by. */
export const outcomes = ["ok", "error", "cancelled", "deadline"] as const;
export type OutcomeLabel = (typeof outcomes)[number];

/** Why a copy was not sent, or its answer not used. */
export const shadowDropReasons = [
  "in_flight_full",
  "bytes_full",
  "rate_limited",
  "over_size",
  "breaker_open",
  "not_connected",
  "draining",
  "shared_memory",
  "sequence",
  "not_overridable",
  "cancelled",
  "overload",
] as const;
export type ShadowDropReason = (typeof shadowDropReasons)[number];

/** Why a row of an answer gave no score. */
export const scoreInvalidReasons = [
  "nan",
  "infinite",
  "out_of_range",
  "missing_output",
  "missing_index",
  "not_numeric",
  "malformed",
  "compressed",
  "over_size",
  "shared_memory",
  "row_limit",
] as const;
export type ScoreInvalidReason = (typeof scoreInvalidReasons)[number];

/** Why we answered a call ourselves, without an upstream's word. */
export const localReplyReasons = [
  "deadline",
  "not_grpc",
  "http1",
  "bad_timeout",
  "bad_request",
  "headers_too_large",
  "connect_failed",
  "queue_full",
  "queue_timeout",
  "upstream_reset",
  "upstream_gone",
  "upstream_http_status",
  "upstream_protocol",
  "upstream_stalled",
  "caller_stalled",
  "draining",
  "overload",
] as const;
export type LocalReplyReason = (typeof localReplyReasons)[number];

/**
 * What a call was refused for the lack of. The first four are watched; then come limits on calls in flight, on the header lists
 * they keep, and on what waits for one caller's connection.
 */
export const shedResources = ["event_loop", "heap", "memory", "buffered", "calls", "headers", "connection"] as const;
export type ShedResource = (typeof shedResources)[number];
