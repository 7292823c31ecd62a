/**
 * HTTP/2 frames by hand: written byte for byte, so that a test can send what no library would, and read back as one line
 * of text each, so that a test says what it expects in one line too.
 */
import { errorCodeNames, frameType, settingId } from "../../src/http2/constants.ts";

export const flag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

const nothing = Buffer.alloc(0);

/** Any frame at all; `length` where its head is to lie about the payload. */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = nothing,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id >>> 0, 5);
  return Buffer.concat([head, payload]);
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export type Settings = Partial<Record<keyof typeof settingId, number>>;

export function settings(values: Settings = {}): Buffer {
  return frame(frameType.SETTINGS, 0, 0, settingsPayload(values));
}

export function settingsPayload(values: Settings): Buffer {
  return Buffer.concat(
    Object.entries(values).map(([name, value]) => {
      const entry = Buffer.alloc(6);
      entry.writeUInt16BE(settingId[name as keyof typeof settingId]);
      entry.writeUInt32BE(value, 2);
      return entry;
    }),
  );
}

export function settingsAck(): Buffer {
  return frame(frameType.SETTINGS, flag.ACK, 0);
}

export function windowUpdate(id: number, increment: number): Buffer {
  return frame(frameType.WINDOW_UPDATE, 0, id, number32(increment));
}

export function rstStream(id: number, code: number): Buffer {
  return frame(frameType.RST_STREAM, 0, id, number32(code));
}

export function ping(payload = "12345678", ack = false): Buffer {
  return frame(frameType.PING, ack ? flag.ACK : 0, 0, Buffer.from(payload));
}

export function goaway(lastId: number, code = 0, text = ""): Buffer {
  return frame(frameType.GOAWAY, 0, 0, Buffer.concat([number32(lastId), number32(code), Buffer.from(text)]));
}

/** @param padding bytes of it; undefined leaves the flag out, 0 does not. */
export function data(id: number, bytes: Uint8Array | number, end = false, padding?: number): Buffer {
  const payload = typeof bytes === "number" ? Buffer.alloc(bytes, 0x61) : bytes;
  const flags = (end ? flag.END_STREAM : 0) | (padding === undefined ? 0 : flag.PADDED);
  const whole =
    padding === undefined ? payload : Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]);
  return frame(frameType.DATA, flags, id, whole);
}

export interface HeadersShape {
  readonly end?: boolean;
  /** Whether the block ends with this frame. Default true. */
  readonly last?: boolean;
  readonly padding?: number;
  /** Depends on this stream: sets the PRIORITY flag. */
  readonly dependsOn?: number;
}

export function headers(id: number, block: Uint8Array, shape: HeadersShape = {}): Buffer {
  const { end = false, last = true, padding, dependsOn } = shape;
  const flags =
    (end ? flag.END_STREAM : 0) |
    (last ? flag.END_HEADERS : 0) |
    (padding === undefined ? 0 : flag.PADDED) |
    (dependsOn === undefined ? 0 : flag.PRIORITY);
  const parts = [
    padding === undefined ? nothing : Buffer.from([padding]),
    dependsOn === undefined ? nothing : Buffer.concat([number32(dependsOn), Buffer.from([15])]),
    block,
    Buffer.alloc(padding ?? 0),
  ];
  return frame(frameType.HEADERS, flags, id, Buffer.concat(parts));
}

export function continuation(id: number, block: Uint8Array, last = true): Buffer {
  return frame(frameType.CONTINUATION, last ? flag.END_HEADERS : 0, id, block);
}

export function priority(id: number, dependsOn: number): Buffer {
  return frame(frameType.PRIORITY, 0, id, Buffer.concat([number32(dependsOn), Buffer.from([15])]));
}

/** Cuts whole frames off the front of `bytes`. @returns them and what is left. */
export function cutFrames(bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = [];
  let at = 0;
  while (bytes.length - at >= 9) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      id: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

const typeNames = Object.keys(frameType);
const settingNames = Object.keys(settingId);

/** `RST_STREAM 1 CANCEL`, `WINDOW_UPDATE 0 +100`, `DATA 3 5 bytes END_STREAM`: what a frame says, without its header list. */
export function say({ type, flags, id, payload }: Frame): string {
  const name = typeNames[type] ?? `type ${type}`;
  switch (type) {
    case frameType.DATA:
      return `DATA ${id} ${payload.length} bytes${flags & flag.END_STREAM ? " END_STREAM" : ""}`;
    case frameType.HEADERS:
      return `HEADERS ${id}${flags & flag.END_HEADERS ? "" : " more"}${flags & flag.END_STREAM ? " END_STREAM" : ""}`;
    case frameType.CONTINUATION:
      return `CONTINUATION ${id}${flags & flag.END_HEADERS ? "" : " more"}`;
    case frameType.RST_STREAM:
      return `RST_STREAM ${id} ${errorCodeNames[payload.readUInt32BE()]}`;
    case frameType.WINDOW_UPDATE:
      return `WINDOW_UPDATE ${id} +${payload.readUInt32BE()}`;
    case frameType.GOAWAY:
      return `GOAWAY ${payload.readUInt32BE()} ${errorCodeNames[payload.readUInt32BE(4)]}`;
    case frameType.PING:
      return `PING${flags & flag.ACK ? " ACK" : ""} ${payload.toString("hex")}`;
    case frameType.SETTINGS:
      return flags & flag.ACK ? "SETTINGS ACK" : `SETTINGS ${saySettings(payload)}`;
    default:
      return `${name} ${id} ${payload.length} bytes`;
  }
}

function saySettings(payload: Buffer): string {
  const all: string[] = [];
  for (let at = 0; at < payload.length; at += 6) {
    all.push(`${settingNames[payload.readUInt16BE(at) - 1]}=${payload.readUInt32BE(at + 2)}`);
  }
  return all.join(" ");
}
