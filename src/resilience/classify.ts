/**
 * What the end of a call says about its upstream, for the breaker.
 *
 * Three answers, not two. A call that its client gave up on says nothing: counted as a failure, impatient clients open
 * the breaker; counted as a success, they close one whose upstream is still dead.
 */

/** How the exchange with the upstream ended, below gRPC. */
export type TransportEnd =
  /** The upstream sent a status, or an HTTP answer that became one. */
  | "answered"
  | "connect_failed"
  /** It reset the stream. */
  | "reset"
  /** Its connection ended or went away (GOAWAY) under the call. */
  | "gone"
  /** What it sent is no gRPC, or breaks HTTP/2. */
  | "protocol"
  /** We reset it, as the caller gave up or nobody wants the answer any more. */
  | "cancelled";

export type BreakerVerdict = "success" | "failure" | "neither";

/** The codes that this file names; `grpc/status.ts` has them all, in a layer that this one doesn't build on. */
export const judgedStatus = {
  OK: 0,
  CANCELLED: 1,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
} as const;

/** Answered, but not by a model that works: UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS. */
export const failedStatuses: readonly number[] = [2, 13, 14, 15];

/**
 * Judges one ended call.
 *
 * - A caller's cancellation, and a deadline that the caller set: neither.
 * - A deadline that was ours (the route's `maxTimeout`, a shadow's timeout): failure. It was chosen for this upstream.
 * - RESOURCE_EXHAUSTED: neither. The upstream lives and asks for less; ejecting it would take all instead of some.
 * - Anything but an answer: failure.
 * - UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS, and numbers that gRPC doesn't know: failure.
 * - CANCELLED as an answer: neither, as nobody can tell whose cancellation it repeats.
 * - The rest, INVALID_ARGUMENT and UNIMPLEMENTED among them: success. The upstream is there and answers; whether it answers
 *   *well* is a gate's question.
 *
 * @param deadlineWasOurs of the caller's deadline and our own limit, whether ours was the one that ran out.
 */
export function breakerVerdict(grpcStatus: number, transport: TransportEnd, deadlineWasOurs: boolean): BreakerVerdict {
  if (transport === "cancelled") return "neither";
  if (grpcStatus === judgedStatus.DEADLINE_EXCEEDED) return deadlineWasOurs ? "failure" : "neither";
  if (grpcStatus === judgedStatus.RESOURCE_EXHAUSTED) return "neither";
  if (transport !== "answered") return "failure";
  if (grpcStatus === judgedStatus.CANCELLED) return "neither";
  const known = grpcStatus >= 0 && grpcStatus <= 16;
  return known && !failedStatuses.includes(grpcStatus) ? "success" : "failure";
}

/**
 * Whether a time-out of ours says something of the upstream: not where our own event loop stood still for a quarter of it or
 * more, for the upstream may have had the call late, and had that much less time for it.
 */
export function isFairTimeout(timeoutMs: number, stalledMs: number): boolean {
  return stalledMs * 4 < timeoutMs;
}

/** Whether an ended call counts against its upstream. */
export function countsAsFailure(grpcStatus: number, transport: TransportEnd, deadlineWasOurs: boolean): boolean {
  return breakerVerdict(grpcStatus, transport, deadlineWasOurs) === "failure";
}
