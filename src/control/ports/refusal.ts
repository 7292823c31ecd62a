/**
 * What control code throws, as a gRPC status: the code that callers act on, the text for people, the problems for programs.
 *
 * All of that travels in headers, which have an end that each client sets for itself; beyond it, the client gets a reset stream and
 * no reason. 8 KiB is the least of the defaults that there are: grpc-java's `DEFAULT_MAX_HEADER_LIST_SIZE`, and what grpc-go goes
 * to (https://github.com/grpc/grpc-go/pull/9019).
 */

import { Metadata, status } from "@grpc/grpc-js";
import { problemsKey } from "../../api/metadata-keys.ts";
import { messageType } from "../../api/protos.ts";
import { ContenderError, type ErrorCode } from "../../base/errors.ts";
import { type Problem, problemLine } from "../../base/parsed.ts";
import { UnknownCaller } from "../access/unknown-caller.ts";
import { Limited } from "../counts/limited.ts";

export const refusalBounds = {
  /** That are told; how many more there are is told, too. */
  problems: 100,
  /** Of the text, as it is written: most signs are one byte, spaces and brackets three. */
  textBytes: 3_072,
  /** Of the encoded problems, a third more in a header. */
  problemBytes: 3_072,
  /** Of a single problem that is longer than all may be: of its place, and of what is wrong. */
  problemText: 384,
} as const;

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

/** Of a replica that ends: whoever was waiting here asks another one, or this one again when it has started anew. */
export const ending = (): ContenderError =>
  new ContenderError("CONTROL_UNREACHABLE", "this replica of the config service ends: ask again, another one answers");

/** By which gRPC's own retries go: https://github.com/grpc/proposal/blob/master/A6-client-retries.md */
export const pushbackKey = "grpc-retry-pushback-ms";

export function refusal(reason: unknown): Refusal {
  const error = ContenderError.from(reason);
  const metadata = new Metadata();
  const { problems = [] } = error as { problems?: readonly Problem[] };
  const told =
    problems.length > 0 ? tell(error.message, problems) : { text: `contender: ${error.message}`, bytes: undefined };
  if (told.bytes !== undefined) metadata.set(problemsKey, told.bytes);
  if (error instanceof Limited) metadata.set(pushbackKey, String(error.retryMs));
  return {
    code: error instanceof UnknownCaller ? status.UNAUTHENTICATED : (codes[error.code] ?? status.INTERNAL),
    details: cut(told.text, refusalBounds.textBytes),
    metadata,
  };
}

/** The first problems, as many as fit into the text and beside it, and how many more there are. */
function tell(message: string, problems: readonly Problem[]): { text: string; bytes: Buffer } {
  const type = messageType<object>("Problems");
  // Behind its first line the message is the problems again.
  const [head = ""] = message.split("\n", 1);
  const most = Math.min(problems.length, refusalBounds.problems);
  const shown: Problem[] = [];
  let text = `contender: ${head}`;
  let bytes = 0;
  const room = refusalBounds.textBytes - writtenBytes(moreOf(problems.length));
  for (const problem of problems.slice(0, most).map(shortened)) {
    const longer = `${text}\n${problemLine(problem)}`;
    bytes += type.encode({ problems: [problem] }).length;
    if (shown.length > 0 && (writtenBytes(longer) > room || bytes > refusalBounds.problemBytes)) break;
    shown.push(problem);
    text = longer;
  }
  const more = problems.length - shown.length;
  return { text: more > 0 ? `${text}${moreOf(more)}` : text, bytes: type.encode({ problems: shown }) };
}

const moreOf = (count: number): string => `\nand ${count} more`;

/** One that would fill the headers by itself, with as much of it as says where it is and what is wrong. */
function shortened(problem: Problem): Problem {
  if (writtenBytes(problemLine(problem)) <= refusalBounds.textBytes / 2) return problem;
  const { path, message, where } = problem;
  const most = refusalBounds.problemText;
  return {
    path: cut(path, most),
    message: cut(message, most),
    ...(where !== undefined && { where: cut(where, most) }),
  };
}

/** As grpc-js writes a status text. It throws at half a surrogate pair. */
const writtenBytes = (text: string): number => encodeURI(text.toWellFormed()).length;

/** A text of so many bytes at most, as it is written. */
function cut(text: string, mostBytes: number): string {
  const whole = text.length > mostBytes ? `${text.slice(0, mostBytes - 1)}…`.toWellFormed() : text.toWellFormed();
  if (writtenBytes(whole) <= mostBytes) return whole;
  let bytes = writtenBytes("…");
  let end = 0;
  for (const sign of whole) {
    bytes += writtenBytes(sign);
    if (bytes > mostBytes) break;
    end += sign.length;
  }
  return `${whole.slice(0, end)}…`;
}
