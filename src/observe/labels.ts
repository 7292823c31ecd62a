/**
 * The closed sets behind labels, and their positions.
 *
 * The data path names a label value by its position in its set, since an integer indexes a typed array where a string
 * would be hashed. The sets that describe a call's fate live in `model/call.ts`; here are those that only metrics need.
 */
import { assignmentReasons, outcomes, scoreInvalidReasons, shadowDropReasons, trafficKinds } from "../model/call.ts";

/** Position of every word of a set, by word. */
export function indexesOf<Word extends string>(words: readonly Word[]): Readonly<Record<Word, number>> {
  const entries = words.map((word, index) => [word, index] as const);
  return Object.freeze(Object.fromEntries(entries) as Record<Word, number>);
}

/** Positions of the sets that the data path counts by. */
export const trafficIndex = indexesOf(trafficKinds);
export const outcomeIndex = indexesOf(outcomes);
export const assignmentIndex = indexesOf(assignmentReasons);
export const shadowDropIndex = indexesOf(shadowDropReasons);
export const scoreInvalidIndex = indexesOf(scoreInvalidReasons);

/**
 * Canonical names of the gRPC status codes, by number. Names rather than numbers, as a person reads them in an alert.
 * The same list as `grpc/status.ts`, which this layer may not import; a test holds the two together.
 */
export const grpcCodes: readonly string[] = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** Towards callers, or towards model servers. */
export const sides = ["downstream", "upstream"] as const;
export type Side = (typeof sides)[number];

export const goawayDirections = ["received", "sent"] as const;
export type GoawayDirection = (typeof goawayDirections)[number];

/** How a plain request ended: by the class of its answer's status, or without a whole answer. */
export const plainStatuses = ["2xx", "3xx", "4xx", "5xx", "aborted"] as const;

/** Position of an HTTP status in `plainStatuses`; 0 is no status. Statuses beyond 599, which mean nothing, are errors. */
export function plainStatusIndex(status: number): number {
  if (status === 0) return plainStatuses.indexOf("aborted");
  return Math.min(Math.max(Math.floor(status / 100), 2), 5) - 2;
}

/** What an insured call's second try came to; the last two were never sent to the champion. */
export const fallbackResults = ["ok", "error", "over_budget", "over_size"] as const;
export type FallbackResult = (typeof fallbackResults)[number];
export const fallbackIndex = indexesOf(fallbackResults);

/** What became of a report to the config service. */
export const reportResults = ["taken", "failed"] as const;

/** The places where something beside the call may fail without hurting it. */
export const hooks = ["override", "log", "scrape"] as const;
export type Hook = (typeof hooks)[number];

/** What is given up in an overload, the first step first. */
export const overloadEntries = ["shadows_off", "shedding"] as const;

/** What a variant is to its route at this moment. */
export const roles = ["champion", "challenger", "shadow"] as const;
export type Role = (typeof roles)[number];

/** The method label of every method that no dialect names, so that callers can't make series (gRPC proposal A66). */
export const otherMethod = "other";
