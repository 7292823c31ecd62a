/** One connection under test, and a peer that is the test itself: it writes every frame by hand and reads every answer. */
import { ByteBudget } from "../../src/http2/byte-budget.ts";
import { Connection, type Role } from "../../src/http2/connection.ts";
import { frameType, preface } from "../../src/http2/constants.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { type Http2Options, resolveHttp2Options } from "../../src/http2/options.ts";
import type { H2Stream } from "../../src/http2/stream.ts";
import {
  cutFrames,
  data,
  type Frame,
  flag,
  type HeadersShape,
  headers,
  type Settings,
  say,
  settings,
  settingsAck,
} from "./h2-frames.ts";
import { Recorder } from "./h2-recorder.ts";
import { blockOf, decode, encode, type Pair } from "./hpack.ts";

export const requestFields: readonly Pair[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/s/m"],
  [":authority", "models.test"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];
export const responseFields: readonly Pair[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];
export const trailerFields: readonly Pair[] = [["grpc-status", "0"]];

export interface RawOptions extends Http2Options {
  readonly budget?: ByteBudget;
  /** Whether the side under test credits what it gets at once. Default true. */
  readonly reading?: boolean;
}

export class RawPeer {
  readonly recorder: Recorder;
  readonly connection: Connection;
  readonly budget: ByteBudget;
  /** Times that the connection asked to be flushed. */
  dirty = 0;
  /** The peer's own HPACK state, both ways. */
  readonly encoder = new HpackEncoder();
  readonly decoder = new HpackDecoder({ maxTableSize: 4_096, maxListSize: 1 << 20 });
  #unread = Buffer.alloc(0);
  #prefaceLeft: number;

  /** @param role of the side under test; the peer is the other one. */
  constructor(role: Role, options: RawOptions = {}) {
    const { budget = new ByteBudget(), reading = true, ...http2 } = options;
    this.recorder = new Recorder(reading);
    this.budget = budget;
    this.connection = new Connection(role, resolveHttp2Options(http2), this.recorder, budget, () => {
      this.dirty++;
    });
    this.#prefaceLeft = role === "client" ? preface.length : 0;
  }

  /** A connection whose greetings are over: what either side said so far is forgotten. */
  static ready(role: Role, options: RawOptions = {}, peerSettings: Settings = {}): RawPeer {
    const peer = new RawPeer(role, options);
    if (role === "server") peer.send(preface);
    peer.send(settings(peerSettings), settingsAck());
    peer.said();
    peer.heard();
    return peer;
  }

  send(...bytes: readonly Uint8Array[]): this {
    this.connection.receive(Buffer.concat(bytes));
    return this;
  }

  block(fields: readonly Pair[]): Buffer {
    return encode(this.encoder, fields);
  }

  /** A request's head, to a server under test. */
  request(id: number, { fields = requestFields, ...shape }: HeadersShape & { fields?: readonly Pair[] } = {}): this {
    return this.send(headers(id, this.block(fields), shape));
  }

  /** A response's head, to a client under test. */
  respond(id: number, { fields = responseFields, ...shape }: HeadersShape & { fields?: readonly Pair[] } = {}): this {
    return this.send(headers(id, this.block(fields), shape));
  }

  data(id: number, bytes: Uint8Array | number, end = false, padding?: number): this {
    return this.send(data(id, bytes, end, padding));
  }

  /** A client under test opens a stream and sends a request's head. */
  open(end = false, fields: readonly Pair[] = requestFields): H2Stream {
    const stream = this.connection.openStream(undefined);
    this.recorder.streams.set(stream.id, stream);
    stream.sendHeaders(blockOf(fields), end);
    return stream;
  }

  stream(id: number): H2Stream {
    return this.recorder.stream(id);
  }

  /** The frames that the connection wrote since the last call, as the transport would have taken them. */
  frames(): Frame[] {
    let bytes = Buffer.concat([this.#unread, ...this.connection.output.take()]);
    if (this.#prefaceLeft > 0) {
      this.#prefaceLeft -= Math.min(bytes.length, this.#prefaceLeft);
      bytes = bytes.subarray(preface.length);
    }
    const { frames, rest } = cutFrames(bytes);
    this.#unread = Buffer.from(rest);
    return frames;
  }

  /** The same, in words. */
  said(): string[] {
    return this.frames().map(say);
  }

  /** What was reported since the last call. */
  heard(): string[] {
    return this.recorder.take();
  }

  /** The transport's turn: output is taken, and what was held back is tried again. @returns the frames, in words. */
  flush(): string[] {
    const frames = this.frames();
    this.connection.sender.pump();
    return frames.map(say);
  }

  /** Payload bytes of the DATA frames among `frames`. */
  static bytesOf(frames: readonly Frame[], id: number): Buffer {
    return Buffer.concat(frames.filter((each) => each.type === frameType.DATA && each.id === id).map((f) => f.payload));
  }

  /** The header lists among `frames`, in order, read with the peer's own table. */
  lists(frames: readonly Frame[]): Pair[][] {
    const lists: Pair[][] = [];
    let pieces: Buffer[] = [];
    for (const { type, flags, payload } of frames) {
      if (type !== frameType.HEADERS && type !== frameType.CONTINUATION) continue;
      pieces.push(payload);
      if ((flags & flag.END_HEADERS) === 0) continue;
      lists.push(decode(this.decoder, Buffer.concat(pieces)).fields);
      pieces = [];
    }
    return lists;
  }
}
