/** Ways in which a call ends by our word: what is refused at its head, and what an upstream's failure becomes. */
import { grpcStatus, grpcStatusOfReset } from "../grpc/status.ts";
import type { ResetHow } from "../http2/connection-handler.ts";
import { errorCodeNames } from "../http2/constants.ts";
import type { H2Stream } from "../http2/stream.ts";
import type { LocalReplyReason } from "../model/call.ts";
import { illegalTimeout, type RequestHead } from "./request-head.ts";

/** A gRPC status with the reason it is counted under and a text for people. */
export interface Failure {
  readonly code: number;
  readonly reason: LocalReplyReason;
  readonly text: string;
}

/** An answer in plain HTTP, for what is no gRPC call. */
export interface HttpRefusal {
  readonly status: 405 | 415;
  readonly text: string;
}

/** How long a request that has its answer may still be coming, before it is told to stop. */
export const lingerMs = 1_000;

const notPost: HttpRefusal = {
  status: 405,
  text: "want POST, which is what gRPC calls are; this port speaks gRPC only",
};
const notGrpc: HttpRefusal = {
  status: 415,
  text: "want content-type application/grpc; this port speaks gRPC only",
};
const tooLargeHead: Failure = {
  code: grpcStatus.RESOURCE_EXHAUSTED,
  reason: "headers_too_large",
  text: "header list too large",
};
const badTimeout: Failure = {
  code: grpcStatus.INTERNAL,
  reason: "bad_timeout",
  text: "grpc-timeout is not of the form 1 to 8 digits and H, M, S, m, u or n",
};

/** Why a request is refused by its head; undefined where it isn't. */
export function refusalOf(head: RequestHead, tooLarge: boolean): HttpRefusal | Failure | undefined {
  if (!head.isPost) return notPost;
  // Asked first: the content type may be among the fields that are missing.
  if (tooLarge) return tooLargeHead;
  if (!head.isGrpc) return notGrpc;
  return head.timeoutMs === illegalTimeout ? badTimeout : undefined;
}

/**
 * Whether a request is no gRPC call, by its head. Where fields are missing the content type may be among them: a POST
 * counts as a call then.
 */
export function isPlain(head: RequestHead, tooLarge: boolean): boolean {
  return !head.isPost || (!head.isGrpc && !tooLarge);
}

/** What the early end of an upstream's stream becomes (PROTOCOL-HTTP2.md, "Errors"). */
export function failureOfReset(variant: string, code: number, how: ResetHow): Failure {
  const name = errorCodeNames[code] ?? String(code);
  if (how === "lost") {
    return { code: grpcStatus.UNAVAILABLE, reason: "upstream_gone", text: `connection to ${variant} lost` };
  }
  if (how === "stalled") {
    const text = `${variant} took nothing of the call for too long`;
    return { code: grpcStatus.UNAVAILABLE, reason: "upstream_stalled", text };
  }
  if (how === "protocol") {
    return { code: grpcStatus.INTERNAL, reason: "upstream_protocol", text: `${variant} broke HTTP/2: ${name}` };
  }
  return { code: grpcStatusOfReset(code), reason: "upstream_reset", text: `${variant} reset the call: ${name}` };
}

/** An upstream that refuses a stream has too much to do already. */
const refusedResends = 1;
/**
 * One that says GOAWAY has not: the next connection may meet the same, in a rolling restart or where a server limits its
 * connections' age. Bounded all the same, since a server that takes one call a connection makes us send all others anew.
 */
const leavingResends = 8;

/** How often a call may be sent again in all, once this stream of it has come back without having been looked at. */
export function mostResends(up: H2Stream | undefined): number {
  return up?.connection.goingAway === true ? leavingResends : refusedResends;
}
