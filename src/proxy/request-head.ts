/**
 * Reads a request's header list once, and writes the one its upstream gets.
 *
 * Everything that is not ours to touch passes in its order: only hop-by-hop fields, `host`, `:authority`, the timeout,
 * our own `x-contender-*` names and what the route sets for this upstream differ.
 */

import { badTimeout, parseTimeout } from "../grpc/timeout.ts";
import { type HeaderBlock, HeaderField, headerId } from "../http2/header-block.ts";
import type { BoundVariant } from "./generation.ts";

/** What a request's head says. One object is reused for every call: copy what must outlive it. */
export interface RequestHead {
  path: HeaderField;
  isPost: boolean;
  isGrpc: boolean;
  /** Milliseconds; -1 where the caller set none, -2 for one that is not legal. */
  timeoutMs: number;
  timeout: HeaderField | undefined;
  pin: string | undefined;
  hop: string | undefined;
}

export const noTimeout = -1;
export const illegalTimeout = -2;

const noField = new HeaderField(":path", "");
export const requestHead: RequestHead = {
  path: noField,
  isPost: false,
  isGrpc: false,
  timeoutMs: noTimeout,
  timeout: undefined,
  pin: undefined,
  hop: undefined,
};

export function readRequestHead(block: HeaderBlock): RequestHead {
  const head = requestHead;
  head.path = noField;
  head.isPost = false;
  head.isGrpc = false;
  head.timeoutMs = noTimeout;
  head.timeout = undefined;
  head.pin = undefined;
  head.hop = undefined;
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as HeaderField;
    switch (field.id) {
      case headerId[":path"]:
        head.path = field;
        break;
      case headerId[":method"]:
        head.isPost = field.value === "POST";
        break;
      case headerId["content-type"]:
        head.isGrpc = isGrpcType(field.value);
        break;
      case headerId["grpc-timeout"]: {
        const timeoutMs = parseTimeout(field.value);
        head.timeout = field;
        head.timeoutMs = timeoutMs === badTimeout ? illegalTimeout : timeoutMs;
        break;
      }
      case headerId["x-contender-pin"]:
        head.pin = field.value;
        break;
      case headerId["x-contender-hop"]:
        head.hop = field.value;
        break;
      default:
    }
  }
  return head;
}

/** `application/grpc`, alone or with a subtype or parameters (PROTOCOL-HTTP2.md, "Content-Type"). */
export function isGrpcType(value: string): boolean {
  if (!value.startsWith("application/grpc")) return false;
  const next = value.charCodeAt(16);
  return Number.isNaN(next) || next === 0x2b || next === 0x3b || next === 0x20; // end, + or ; or space
}

const methodPost = new HeaderField(":method", "POST");

/** Writes the head that `target` gets into `out`. `timeout` is what remains, if anything was set. Calls are POSTs. */
export function writeRequestHead(
  out: HeaderBlock,
  fields: readonly HeaderField[],
  count: number,
  target: BoundVariant,
  hop: HeaderField,
  timeout: HeaderField | undefined,
  method: HeaderField = methodPost,
): void {
  out.clear();
  out.add(method);
  out.add(target.scheme);
  const { metadata } = target;
  let path = noField;
  for (let i = 0; i < count; i++) {
    const field = fields[i] as HeaderField;
    if (field.id === headerId[":path"]) {
      path = field;
      break;
    }
  }
  out.add(path);
  out.add(target.authority);
  for (let i = 0; i < count; i++) {
    const field = fields[i] as HeaderField;
    switch (field.id) {
      case headerId[":method"]:
      case headerId[":scheme"]:
      case headerId[":path"]:
      case headerId[":authority"]:
      case headerId.host:
      case headerId["grpc-timeout"]:
        break;
      case headerId.other:
        if (isOurs(field.name) || (metadata.length > 0 && isSet(metadata, field.name))) break;
        out.add(field);
        break;
      default:
        if (isOursId(field.id) || (metadata.length > 0 && isSet(metadata, field.name))) break;
        out.add(field);
    }
  }
  if (timeout !== undefined) out.add(timeout);
  out.add(hop);
  for (let i = 0; i < metadata.length; i++) out.add(metadata[i] as HeaderField);
}

/** A copy that another sidecar made stays marked as one: the server behind us may have side effects to leave out. */
export function keepTraffic(out: HeaderBlock, fields: readonly HeaderField[], count: number): void {
  for (let i = 0; i < count; i++) {
    const field = fields[i] as HeaderField;
    if (field.id === headerId["x-contender-traffic"]) out.add(field);
  }
}

/** Names that only sidecars may set; whatever a caller or a model server puts there is stripped. */
export function isOurs(name: string): boolean {
  return name.charCodeAt(0) === 0x78 && name.charCodeAt(2) === 0x63 && name.startsWith("x-contender-");
}

export function isOursId(id: number): boolean {
  return id >= headerId["x-contender-pin"] && id <= headerId["x-contender-variant"];
}

function isSet(metadata: readonly HeaderField[], name: string): boolean {
  for (let i = 0; i < metadata.length; i++) if ((metadata[i] as HeaderField).name === name) return true;
  return false;
}
