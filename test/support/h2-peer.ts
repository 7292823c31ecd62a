/**
 * HTTP/2 peers of which a test decides every frame: header lists as they stand on the wire, credit withheld, resets and
 * GOAWAYs at will. They speak by our own codec; what has to be shown by another implementation is shown with grpc-js.
 */

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { ByteBudget } from "../../src/http2/byte-budget.ts";
import type { Connection } from "../../src/http2/connection.ts";
import type { ConnectionHandler, ResetHow } from "../../src/http2/connection-handler.ts";
import { writeGoaway } from "../../src/http2/frames.ts";
import { HeaderBlock, HeaderField } from "../../src/http2/header-block.ts";
import { type Http2Options, resolveHttp2Options } from "../../src/http2/options.ts";
import type { H2Stream } from "../../src/http2/stream.ts";
import { FlushLoop } from "../../src/transport/flush-loop.ts";
import { Link } from "../../src/transport/link.ts";
import { until } from "./until.ts";

/** A header list in its order; values hold one byte per character. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** A stream as its other end sees it: everything that came, in order. */
export class PeerStream {
  readonly stream: H2Stream;
  readonly head: Fields;
  trailers: Fields | undefined = undefined;
  /** Whether the head was also the end. */
  headOnly = false;
  ended = false;
  reset: { readonly code: number; readonly how: ResetHow } | undefined = undefined;
  readonly pieces: Buffer[] = [];
  bytes = 0;
  /** Whether bytes are credited as they come. */
  #reading: boolean;
  #uncredited = 0;

  constructor(stream: H2Stream, head: Fields, reading: boolean) {
    this.stream = stream;
    this.head = head;
    this.#reading = reading;
  }

  /** First value under a name in head or trailers. */
  value(name: string): string | undefined {
    return [...this.head, ...(this.trailers ?? [])].find(([each]) => each === name)?.[1];
  }

  values(name: string): string[] {
    return this.head.filter(([each]) => each === name).map(([, value]) => value);
  }

  get body(): Buffer {
    return Buffer.concat(this.pieces);
  }

  get over(): boolean {
    return this.ended || this.reset !== undefined;
  }

  take(buf: Buffer, start: number, end: number): void {
    this.pieces.push(Buffer.from(buf.subarray(start, end)));
    this.bytes += end - start;
    if (this.#reading) this.stream.consumed(end - start);
    else this.#uncredited += end - start;
  }

  /** Stops giving credit from now on, or gives what is due and goes on. */
  read(reading: boolean): void {
    this.#reading = reading;
    if (!reading) return;
    this.stream.consumed(this.#uncredited);
    this.#uncredited = 0;
  }

  headers(fields: Fields, end = false): void {
    this.stream.sendHeaders(blockOf(fields), end);
  }

  data(bytes: Uint8Array, end = false): void {
    this.stream.sendData(Buffer.from(bytes), 0, bytes.length, end);
  }

  end(trailers: Fields): void {
    this.stream.sendTrailers(blockOf(trailers));
  }

  /** A whole gRPC answer with this status: head, message, trailers. */
  answer(message: Uint8Array, trailers: Fields = [["grpc-status", "0"]]): void {
    this.headers(answerHead);
    this.data(message);
    this.end(trailers);
  }

  /** An answer of one header list: a status without a message. */
  refuse(code: number, text = ""): void {
    this.headers([...answerHead, ["grpc-status", String(code)], ["grpc-message", text]], true);
  }

  async done(): Promise<this> {
    await until(() => this.over, `stream ${this.stream.id} is over`);
    return this;
  }
}

export const answerHead: Fields = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

export interface PeerOptions extends Http2Options {
  /** Whether a stream's bytes are credited as they come. Default true. */
  readonly reading?: boolean;
}

/** One connection of a peer. */
export class Peer {
  readonly socket: Socket;
  readonly connection: Connection;
  /** In the order in which they began. */
  readonly streams: PeerStream[] = [];
  readonly goaways: number[] = [];
  gone = false;

  constructor(
    socket: Socket,
    role: "server" | "client",
    options: PeerOptions,
    onStream?: (stream: PeerStream) => void,
  ) {
    const { reading = true, ...http2 } = options;
    this.socket = socket;
    const handler: ConnectionHandler = {
      onRequest: (stream, block, end) => {
        const peer = new PeerStream(stream, listOf(block), reading);
        stream.owner = peer;
        peer.ended = end;
        peer.headOnly = end;
        this.streams.push(peer);
        onStream?.(peer);
      },
      onResponse: (stream, block, _status, end) => {
        const call = stream.owner as PeerCall;
        const peer = new PeerStream(stream, listOf(block), call.reading);
        call.answer = peer;
        peer.ended = end;
        peer.headOnly = end;
      },
      onTrailers: (stream, block) => {
        const peer = streamOf(stream);
        peer.trailers = listOf(block);
        peer.ended = true;
      },
      onData: (stream, buf, start, end, last) => {
        const peer = streamOf(stream);
        peer.take(buf, start, end);
        peer.ended ||= last;
      },
      onReset: (stream, code, how) => {
        const owner = stream.owner;
        if (owner instanceof PeerCall) owner.reset = { code, how };
        else streamOf(stream).reset = { code, how };
      },
      onDelivered: () => undefined,
      onReady: () => undefined,
      onCapacity: () => undefined,
      onGoaway: (_connection, code) => this.goaways.push(code),
      onClosed: () => undefined,
    };
    const resolved = resolveHttp2Options(http2);
    const link = new Link(
      socket,
      role,
      resolved,
      handler,
      new ByteBudget(),
      new FlushLoop(systemClock),
      systemClock,
      () => {
        this.gone = true;
      },
    );
    socket.on("data", (chunk: Buffer) => link.receive(chunk));
    this.connection = link.connection;
  }

  /** Says GOAWAY with a last id of the test's choice; the connection itself goes on. */
  goaway(lastId: number, code = 0): void {
    writeGoaway(this.connection.output, lastId, code, "");
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A call that a client peer makes. */
export class PeerCall {
  readonly stream: H2Stream;
  readonly reading: boolean;
  /** Once its head is here. */
  answer: PeerStream | undefined = undefined;
  reset: { readonly code: number; readonly how: ResetHow } | undefined = undefined;

  constructor(open: (owner: PeerCall) => H2Stream, reading: boolean) {
    this.stream = open(this);
    this.reading = reading;
  }

  data(bytes: Uint8Array, end = false): void {
    this.stream.sendData(Buffer.from(bytes), 0, bytes.length, end);
  }

  cancel(code = 8): void {
    this.stream.reset(code);
  }

  /** The answer once it is whole; a reset without an answer fails. */
  async done(): Promise<PeerStream> {
    await until(() => this.answer?.ended === true || this.reset !== undefined, `call ${this.stream.id} is answered`);
    if (this.answer === undefined) throw new Error(`reset with code ${this.reset?.code}`);
    return this.answer;
  }
}

export class ClientPeer extends Peer {
  /** Fails where nobody is there. */
  static async connect(address: string, options: PeerOptions = {}): Promise<ClientPeer> {
    const socket = connectTo(address);
    const peer = new ClientPeer(socket, "client", options);
    await until(() => peer.connection.ready || peer.gone, `connected to ${address}`);
    if (peer.gone) throw new Error(`no connection to ${address}`);
    return peer;
  }

  /** Opens a call; more fields go after the usual head, and replace what is of the same name in it. */
  open(path: string, fields: Fields = [], { end = false, reading = true } = {}): PeerCall {
    const call = new PeerCall((owner) => this.connection.openStream(owner), reading);
    call.stream.sendHeaders(blockOf(requestHead(path, fields)), end);
    return call;
  }

  /** A call with this body, already ended. */
  call(path: string, body: Uint8Array, fields: Fields = []): PeerCall {
    const call = this.open(path, fields);
    call.data(body, true);
    return call;
  }

  /** A whole call: the answer when it is there. */
  async unary(path: string, body: Uint8Array, fields: Fields = []): Promise<PeerStream> {
    return await this.call(path, body, fields).done();
  }
}

export class ServerPeer {
  readonly peers: Peer[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  address = "";

  private constructor(onStream: (stream: PeerStream) => void, options: PeerOptions) {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      this.peers.push(new Peer(socket, "server", options, onStream));
    });
  }

  /** @param onStream gets every stream when its head is here. */
  static async start(
    onStream: (stream: PeerStream) => void = () => undefined,
    options: PeerOptions & { readonly port?: number; readonly host?: string } = {},
  ): Promise<ServerPeer> {
    const { port = 0, host = "127.0.0.1", ...rest } = options;
    const peer = new ServerPeer(onStream, rest);
    peer.#server.listen(port, host);
    await once(peer.#server, "listening");
    peer.address = `${host}:${(peer.#server.address() as AddressInfo).port}`;
    return peer;
  }

  /** A model server that gives every call the same answer once its request is complete. */
  static async answering(message: Uint8Array, trailers?: Fields): Promise<ServerPeer> {
    return await ServerPeer.start((stream) => void stream.done().then(() => stream.answer(message, trailers)));
  }

  /** All streams of all connections. */
  get streams(): PeerStream[] {
    return this.peers.flatMap(({ streams }) => streams);
  }

  /** The stream with this place once it is there. */
  async stream(index = 0): Promise<PeerStream> {
    await until(() => this.streams.length > index, `stream ${index} reached the server`);
    return this.streams[index] as PeerStream;
  }

  get port(): number {
    return Number(this.address.split(":").at(-1));
  }

  /** Takes no more connections; those there are stay. */
  stopListening(): void {
    this.#server.close();
  }

  /** Stops to listen and drops every connection. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }
}

/**
 * An address of this machine at which nobody listens, and at which nobody will who asks for any port: those that the system hands out
 * are higher. One of its own, let go again, is soon another test's.
 */
export async function freeAddress(): Promise<string> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const free = new Promise<boolean>((resolve) => {
      server.once("listening", () => resolve(true)).once("error", () => resolve(false));
    });
    server.listen(port, "127.0.0.1");
    if (!(await free)) continue;
    server.close();
    await once(server, "close");
    return `127.0.0.1:${port}`;
  }
}

export function connectTo(address: string): Socket {
  const [host = "", port = ""] = address.split(":");
  const place = host === "unix" ? { path: port } : { host, port: Number(port) };
  const socket = connect({ ...place, noDelay: true });
  socket.on("error", () => undefined);
  return socket;
}

function requestHead(path: string, fields: Fields): Fields {
  const usual: Fields = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "models.test"],
    ["te", "trailers"],
    ["content-type", "application/grpc"],
  ];
  const replaced = new Set(fields.map(([name]) => name));
  const kept = usual.filter(([name]) => !replaced.has(name));
  const pseudo = fields.filter(([name]) => name.startsWith(":"));
  const regular = fields.filter(([name]) => !name.startsWith(":"));
  return [
    ...kept.filter(([name]) => name.startsWith(":")),
    ...pseudo,
    ...kept.filter(([name]) => !name.startsWith(":")),
    ...regular,
  ];
}

function blockOf(fields: Fields): HeaderBlock {
  const block = new HeaderBlock();
  for (const [name, value] of fields) block.add(new HeaderField(name, value));
  return block;
}

function listOf(block: HeaderBlock): Fields {
  return block.fields.slice(0, block.count).map(({ name, value }) => [name, value] as const);
}

function streamOf(stream: H2Stream): PeerStream {
  const owner = stream.owner;
  if (!(owner instanceof PeerCall)) return owner as PeerStream;
  if (owner.answer === undefined) throw new Error(`stream ${stream.id}: no answer has begun`);
  return owner.answer;
}
