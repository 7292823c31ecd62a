/** What control code throws, as a gRPC status: the code that callers act on, the text for people, the problems for programs. */
import { Metadata, status } from "@grpc/grpc-js";
import { messageType } from "../api/protos.ts";
import { ContenderError, type ErrorCode } from "../base/errors.ts";
import type { Problem } from "../base/parsed.ts";
import { Limited } from "./limited.ts";
import { UnknownCaller } from "./unknown-caller.ts";

export interface Refusal {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

const codes: Readonly<Partial<Record<ErrorCode, number>>> = {
  CONFIG_INVALID: status.INVALID_ARGUMENT,
  ROUTE_UNKNOWN: status.NOT_FOUND,
  CONFLICT: status.ABORTED,
  LIMIT_REACHED: status.RESOURCE_EXHAUSTED,
  FORBIDDEN: status.PERMISSION_DENIED,
  CONTROL_UNREACHABLE: status.UNAVAILABLE,
  STORE_UNAVAILABLE: status.UNAVAILABLE,
  STORE_LOCKED: status.UNAVAILABLE,
  STORE_DAMAGED: status.FAILED_PRECONDITION,
};

/** Under this name problems travel beside a refusal, as an encoded `Problems` message. */
export const problemsKey = "contender-problems-bin";

/** Of a replica that ends: whoever was waiting here asks another one, or this one again when it has started anew. */
export const ending = (): ContenderError =>
  new ContenderError("CONTROL_UNREACHABLE", "this replica of the config service ends: ask again, another one answers");

/** By which gRPC's own retries go: https://github.com/grpc/proposal/blob/master/A6-client-retries.md */
export const pushbackKey = "grpc-retry-pushback-ms";

export function refusal(reason: unknown): Refusal {
  const error = ContenderError.from(reason);
  const metadata = new Metadata();
  const { problems = [] } = error as { problems?: readonly Problem[] };
  // Headers have an end: what does not fit is in the text, as far as that goes.
  if (problems.length > 0)
    metadata.set(problemsKey, messageType<object>("Problems").encode({ problems: problems.slice(0, 20) }));
  if (error instanceof Limited) metadata.set(pushbackKey, String(error.retryMs));
  return {
    code: error instanceof UnknownCaller ? status.UNAUTHENTICATED : (codes[error.code] ?? status.INTERNAL),
    details: `contender: ${error.message}`.slice(0, 4_096),
    metadata,
  };
}
