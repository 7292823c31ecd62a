/**
 * The answers' heads: those passed on, and those we give ourselves.
 *
 * What we answer ourselves is recognisable: its text begins with `contender:`, and it is counted by its reason.
 */

import { encodeGrpcMessage } from "../grpc/percent.ts";
import { grpcStatus, parseGrpcStatus } from "../grpc/status.ts";
import { HeaderBlock, HeaderField, headerId } from "../http2/header-block.ts";
import type { H2Stream } from "../http2/stream.ts";
import { isGrpcType, isOurs, isOursId } from "./request-head.ts";

const status200 = new HeaderField(":status", "200");
const grpcType = new HeaderField("content-type", "application/grpc");
const textType = new HeaderField("content-type", "text/plain; charset=utf-8");
const allowPost = new HeaderField("allow", "POST");
const codeFields = Array.from({ length: 17 }, (_, code) => new HeaderField("grpc-status", String(code)));

const out = new HeaderBlock();

/** Passes an answer's head or trailers on, with `answeredBy` added where there is one. */
export function passOn(block: HeaderBlock, answeredBy: HeaderField | undefined): HeaderBlock {
  out.clear();
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as HeaderField;
    if (field.id === headerId.other ? isOurs(field.name) : isOursId(field.id)) continue;
    out.add(field);
  }
  if (answeredBy !== undefined) out.add(answeredBy);
  return out;
}

/**
 * Whether an answer's head is gRPC's. A status of its own counts whatever HTTP says beside it; HTTP's is only for answers
 * that have none (http-grpc-status-mapping.md).
 */
export function isGrpcAnswer(block: HeaderBlock, status: number, endStream: boolean): boolean {
  if (endStream && block.find(headerId["grpc-status"]) !== undefined) return true;
  if (status !== 200) return false;
  const type = block.find(headerId["content-type"]);
  return type === undefined || isGrpcType(type.value);
}

/**
 * The gRPC status in a header list: UNKNOWN where there is none, or not a number; where there are several that differ, too:
 * some callers go by the first of them and others by the last.
 */
export function statusOf(block: HeaderBlock): number {
  let code = -1;
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as HeaderField;
    if (field.id !== headerId["grpc-status"]) continue;
    const each = parseGrpcStatus(field.value);
    if (code >= 0 && each !== code) return grpcStatus.UNKNOWN;
    code = each;
  }
  return code < 0 ? grpcStatus.UNKNOWN : code;
}

/** Ends a call with a status of ours: as trailers where a head is out already, else without a message at all. */
export function replyStatus(
  stream: H2Stream,
  headSent: boolean,
  code: number,
  text: string,
  answeredBy: HeaderField | undefined,
): void {
  if (stream.closed) return;
  out.clear();
  if (!headSent) {
    out.add(status200);
    out.add(grpcType);
    if (answeredBy !== undefined) out.add(answeredBy);
  }
  out.add(codeFields[code] as HeaderField);
  out.add(new HeaderField("grpc-message", encodeGrpcMessage(`contender: ${text}`)));
  if (headSent) return stream.sendTrailers(out);
  stream.unearned = true;
  stream.sendHeaders(out, true);
}

/** Whether an answer to this request has a body: to HEAD it has none, and one would break the protocol (RFC 9110, 9.3.2). */
export function wantsBody(request: HeaderBlock): boolean {
  return request.find(headerId[":method"])?.value !== "HEAD";
}

/** Answers what is no gRPC call, in plain HTTP with a body, where one is wanted, that says what is wrong. */
export function replyHttp(stream: H2Stream, status: number, text: string, bodyWanted = true): void {
  if (stream.closed) return;
  const body = Buffer.from(`contender: ${text}\n`);
  out.clear();
  out.add(new HeaderField(":status", String(status)));
  out.add(textType);
  out.add(new HeaderField("content-length", String(body.length)));
  if (status === 405) out.add(allowPost);
  stream.unearned = true;
  stream.sendHeaders(out, !bodyWanted);
  if (bodyWanted) stream.sendData(body, 0, body.length, true);
}
