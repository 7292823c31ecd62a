/** Whole frames written into an output: everything but DATA and header blocks. */
import { defaultWindow, frameFlag, frameHeadBytes, frameType, preface, settingId } from "./constants.ts";
import type { ResolvedHttp2Options } from "./options.ts";
import type { Output } from "./output.ts";

/** A frame's nine bytes (RFC 9113, 4.1). */
export function writeHead(buf: Buffer, at: number, length: number, type: number, flags: number, id: number): void {
  buf[at] = length >>> 16;
  buf[at + 1] = length >>> 8;
  buf[at + 2] = length;
  buf[at + 3] = type;
  buf[at + 4] = flags;
  buf[at + 5] = id >>> 24;
  buf[at + 6] = id >>> 16;
  buf[at + 7] = id >>> 8;
  buf[at + 8] = id;
}

/** A frame whose payload is one 32-bit number: WINDOW_UPDATE, RST_STREAM. */
export function writeNumberFrame(output: Output, type: number, id: number, value: number): void {
  output.reserve(frameHeadBytes + 4);
  const at = output.pos;
  writeHead(output.buf, at, 4, type, 0, id);
  output.buf[at + 9] = value >>> 24;
  output.buf[at + 10] = value >>> 16;
  output.buf[at + 11] = value >>> 8;
  output.buf[at + 12] = value;
  output.wrote(at + frameHeadBytes + 4);
}

/** PING, or with `ack` the answer to one. `payload` has 8 bytes from `start`. */
export function writePing(output: Output, ack: boolean, payload: Buffer, start: number): void {
  output.reserve(frameHeadBytes + 8);
  writeHead(output.buf, output.pos, 8, frameType.PING, ack ? frameFlag.ACK : 0, 0);
  payload.copy(output.buf, output.pos + frameHeadBytes, start, start + 8);
  output.wrote(output.pos + frameHeadBytes + 8);
}

export function writeSettingsAck(output: Output): void {
  output.reserve(frameHeadBytes);
  writeHead(output.buf, output.pos, 0, frameType.SETTINGS, frameFlag.ACK, 0);
  output.wrote(output.pos + frameHeadBytes);
}

export function writeGoaway(output: Output, lastId: number, code: number, text: string): void {
  const debug = Buffer.from(text, "latin1");
  output.reserve(frameHeadBytes + 8 + debug.length);
  let at = output.pos;
  writeHead(output.buf, at, 8 + debug.length, frameType.GOAWAY, 0, 0);
  at = output.buf.writeUInt32BE(lastId, at + frameHeadBytes);
  at = output.buf.writeUInt32BE(code, at);
  at += debug.copy(output.buf, at);
  output.wrote(at);
}

/** A client's preface, our SETTINGS, and the rest of the connection's window: the first thing either side says. */
export function writeGreeting(output: Output, role: "client" | "server", options: ResolvedHttp2Options): void {
  output.reserve(128);
  let at = output.pos;
  if (role === "client") at += preface.copy(output.buf, at);
  const settings: readonly (readonly [number, number])[] = [
    [settingId.HEADER_TABLE_SIZE, options.decoderTableBytes],
    role === "client" ? [settingId.ENABLE_PUSH, 0] : [settingId.MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams],
    [settingId.INITIAL_WINDOW_SIZE, options.streamWindowBytes],
    [settingId.MAX_FRAME_SIZE, options.maxFrameBytes],
    [settingId.MAX_HEADER_LIST_SIZE, options.maxHeaderListBytes],
  ];
  writeHead(output.buf, at, settings.length * 6, frameType.SETTINGS, 0, 0);
  at += frameHeadBytes;
  for (const [id, value] of settings) {
    at = output.buf.writeUInt16BE(id, at);
    at = output.buf.writeUInt32BE(value, at);
  }
  const more = options.connectionWindowBytes - defaultWindow;
  if (more > 0) {
    writeHead(output.buf, at, 4, frameType.WINDOW_UPDATE, 0, 0);
    at = output.buf.writeUInt32BE(more, at + frameHeadBytes);
  }
  output.wrote(at);
}
