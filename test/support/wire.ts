/**
 * A real connection of which a test writes every byte, and reads the frames that come back or reads none: an attacker on
 * either side of the sidecar. Unlike `h2-peer.ts` it keeps to no rule by itself, and grants no credit.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { errorCodeNames, frameType, preface } from "../../src/http2/constants.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { cutFrames, data, type Frame, flag, headers, type Settings, say, settings, settingsAck } from "./h2-frames.ts";
import { connectTo } from "./h2-peer.ts";
import { requestFields, responseFields, trailerFields } from "./h2-raw.ts";
import { blockOf, decode, type Pair } from "./hpack.ts";
import { until } from "./until.ts";

const scratch = Buffer.alloc(1 << 20);

export class Wire {
  readonly socket: Socket;
  /** Frames that were read; PING and SETTINGS acknowledgements are only counted. */
  frames: Frame[] = [];
  acks = 0;
  /** The other side has ended its half, or all of it. */
  ended = false;
  gone = false;
  onFrame: (frame: Frame) => void = () => undefined;
  readonly #encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder({ maxTableSize: 4_096, maxListSize: 1 << 20 });
  #unread = Buffer.alloc(0);

  constructor(socket: Socket, expectPreface: boolean) {
    this.socket = socket;
    let prefaceLeft = expectPreface ? preface.length : 0;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      const skip = Math.min(prefaceLeft, chunk.length);
      prefaceLeft -= skip;
      this.#take(chunk.subarray(skip));
    });
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("close", () => {
      this.ended = true;
      this.gone = true;
    });
  }

  /** A caller's connection that has said nothing yet. */
  static async connect(address: string): Promise<Wire> {
    const socket = connectTo(address);
    await once(socket, "connect");
    return new Wire(socket, false);
  }

  /** A caller's connection whose greetings are over. */
  static async greet(address: string, values: Settings = {}): Promise<Wire> {
    const wire = await Wire.connect(address);
    wire.send(preface, settings(values), settingsAck());
    await until(() => wire.acks > 0, "the sidecar has acknowledged our SETTINGS");
    return wire;
  }

  #take(chunk: Buffer): void {
    const { frames, rest } = cutFrames(this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]));
    this.#unread = Buffer.from(rest);
    for (const each of frames) {
      const ack = (each.type === frameType.SETTINGS || each.type === frameType.PING) && (each.flags & flag.ACK) !== 0;
      if (ack) this.acks++;
      else this.frames.push(each);
      this.onFrame(each);
    }
  }

  send(...bytes: readonly Uint8Array[]): this {
    if (!this.socket.destroyed) this.socket.write(bytes.length === 1 ? (bytes[0] as Uint8Array) : Buffer.concat(bytes));
    return this;
  }

  /** Reads no more, as one that only floods. */
  deaf(): this {
    this.socket.pause();
    return this;
  }

  /** A header block in this connection's own table. */
  block(fields: readonly Pair[]): Buffer {
    const end = this.#encoder.encode(blockOf(fields), scratch, 0);
    return Buffer.from(scratch.subarray(0, end));
  }

  /** A request's head. */
  request(id: number, more: readonly Pair[] = [], end = false): Buffer {
    const names = new Set(more.map(([name]) => name));
    const usual = requestFields.filter(([name]) => !names.has(name));
    const pseudo = [...usual, ...more].filter(([name]) => name.startsWith(":"));
    const regular = [...usual, ...more].filter(([name]) => !name.startsWith(":"));
    return headers(id, this.block([...pseudo, ...regular]), { end });
  }

  /** A whole request. */
  call(id: number, body: Uint8Array, more: readonly Pair[] = []): Buffer {
    return Buffer.concat([this.request(id, more), data(id, body, true)]);
  }

  /** An answer's head. */
  head(id: number, more: readonly Pair[] = []): Buffer {
    return headers(id, this.block([...responseFields, ...more]));
  }

  trailers(id: number, fields: readonly Pair[] = trailerFields): Buffer {
    return headers(id, this.block(fields), { end: true });
  }

  /** A whole answer. */
  answer(id: number, body: Uint8Array): Buffer {
    return Buffer.concat([this.head(id), data(id, body), this.trailers(id)]);
  }

  /** Waits until nothing more is to come on a stream. @returns its frames in words. */
  async over(id: number): Promise<string[]> {
    const ends = ({ type, flags }: Frame): boolean =>
      type === frameType.RST_STREAM ||
      ((type === frameType.HEADERS || type === frameType.DATA) && (flags & flag.END_STREAM) !== 0);
    await until(() => this.ended || this.frames.some((each) => each.id === id && ends(each)), `stream ${id} is over`);
    return this.frames.filter((each) => each.id === id).map(say);
  }

  /** Message bytes that came on a stream. */
  body(id: number): Buffer {
    const pieces = this.frames.filter((each) => each.id === id && each.type === frameType.DATA);
    return Buffer.concat(pieces.map(({ payload }) => payload));
  }

  /** All fields that came, by stream; to be asked once, for the table goes along. */
  lists(): Map<number, Pair[]> {
    const lists = new Map<number, Pair[]>();
    for (const { type, id, payload } of this.frames) {
      if (type !== frameType.HEADERS) continue;
      lists.set(id, [...(lists.get(id) ?? []), ...decode(this.#decoder, payload).fields]);
    }
    return lists;
  }

  /** The code of the last GOAWAY. */
  get goaway(): string | undefined {
    const last = this.frames.findLast(({ type }) => type === frameType.GOAWAY);
    return last === undefined ? undefined : errorCodeNames[last.payload.readUInt32BE(4)];
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A server whose every connection is a wire. */
export class WireServer {
  readonly wires: Wire[] = [];
  readonly address: string;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param onWire gets each connection before anything was read from it. */
  static async start(onWire: (wire: Wire) => void): Promise<WireServer> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const started = new WireServer(server);
    server.on("connection", (socket) => {
      const wire = new Wire(socket, true);
      started.wires.push(wire);
      onWire(wire);
    });
    return started;
  }

  close(): void {
    for (const wire of this.wires) wire.close();
    this.#server.close();
  }
}
