/**
 * The two that are compared, behind one interface: our connection, and Node's, which is nghttp2 and what Node makes of it.
 * Neither has a socket: ours needs none, Node's gets one end of a pair of streams.
 *
 * Both answer a request when it has ended, in the same words, so that scripts reach streams in every state.
 */
import http2 from "node:http2";
import { type Duplex, duplexPair } from "node:stream";
import type { Role } from "../../src/http2/connection.ts";
import { errorCode } from "../../src/http2/constants.ts";
import { RawPeer } from "../support/h2-raw.ts";
import { blockOf } from "../support/hpack.ts";
import { type Outcome, Watcher } from "./differential-outcome.ts";
import { goodRequest } from "./differential-script.ts";

export interface Side {
  readonly outcome: Outcome;
  /** The peer's next bytes; resolves when the side has nothing more to do. */
  send(bytes: Buffer): Promise<void>;
  /** A client may open a stream: Node would let a call wait for its place, where our pool chooses another connection. */
  readonly canOpen: boolean;
  /** A client sends a request. */
  open(id: number, end: boolean): Promise<void>;
  close(): void;
}

/** Limits alike on both sides; windows are so large that no script meets them. */
const limits = { streamWindowBytes: 1 << 20, connectionWindowBytes: 1 << 20, maxConcurrentStreams: 100 };
const answer = { ":status": "200", "x-answer": "yes" };
const answerTrailers = { "grpc-status": "0" };

const pairs = (fields: Record<string, string>) => Object.entries(fields);

export class OurSide implements Side {
  readonly #peer: RawPeer;
  readonly #watcher: Watcher;

  constructor(role: Role) {
    this.#watcher = new Watcher(role);
    this.#peer = new RawPeer(role, limits);
    const { recorder } = this.#peer;
    recorder.onEvent = (event, stream) => {
      if (stream === undefined) return;
      const { id } = stream;
      const [what] = event.split(" ");
      const list = (key: string) => recorder.lists.get(`${key} ${id}`) ?? [];
      if (what === "request" || what === "response") this.#watcher.head(id, list("head"));
      else if (what === "trailers") this.#watcher.trailers(id, list("trailers"));
      else if (what === "reset") this.#watcher.failed(id);
      if (what !== "trailers" && !event.endsWith(" end")) return;
      this.#watcher.ended(id);
      if (role === "client") return;
      stream.sendHeaders(blockOf(pairs(answer)), false);
      stream.sendTrailers(blockOf(pairs(answerTrailers)));
    };
  }

  get outcome(): Outcome {
    for (const id of this.#peer.recorder.streams.keys()) {
      const body = this.#peer.recorder.body(id);
      if (body.length > 0) this.#watcher.stream(id).body = body.toString("latin1");
    }
    return this.#watcher.outcome;
  }

  async send(bytes: Buffer): Promise<void> {
    this.#peer.send(bytes);
    this.#settle();
  }

  get canOpen(): boolean {
    return this.#peer.connection.hasCapacity;
  }

  async open(_id: number, end: boolean): Promise<void> {
    this.#peer.open(end, goodRequest);
    this.#settle();
  }

  close(): void {
    this.#peer.connection.lost();
  }

  #settle(): void {
    const { connection } = this.#peer;
    while (connection.output.bytes > 0) {
      this.#watcher.wrote(Buffer.concat(connection.output.take()));
      connection.sender.pump();
    }
    if (connection.dead) this.#watcher.closed();
  }
}

/** Turns of the event loop without a sign of life after which Node has nothing more to do; it never needs more than two. */
const quietTurns = 4;

export class NodeSide implements Side {
  readonly outcome: Outcome;
  readonly #role: Role;
  readonly #watcher: Watcher;
  readonly #session: http2.Http2Session;
  readonly #peer: Duplex;
  #signs = 0;

  constructor(role: Role) {
    this.#role = role;
    this.#watcher = new Watcher(role);
    this.outcome = this.#watcher.outcome;
    const [peer, socket] = duplexPair();
    this.#peer = peer;
    const settings = { initialWindowSize: limits.streamWindowBytes, maxConcurrentStreams: limits.maxConcurrentStreams };
    if (role === "server") {
      const session = http2.performServerHandshake(socket, { settings });
      session.on("stream", (stream, _headers, flags, raw: unknown) => this.#onRequest(stream, raw as string[], flags));
      this.#session = session;
    } else {
      this.#session = http2.connect("http://models.test", {
        createConnection: () => socket,
        settings: { ...settings, enablePush: false },
      });
    }
    this.#session.on("error", () => this.#signs++);
    this.#session.on("close", () => this.#signs++);
    peer.on("data", (bytes: Buffer) => {
      this.#signs++;
      this.#watcher.wrote(bytes);
    });
    for (const event of ["end", "close", "error"]) {
      peer.on(event, () => {
        this.#signs++;
        this.#watcher.closed();
      });
    }
  }

  async send(bytes: Buffer): Promise<void> {
    if (this.#peer.writable && bytes.length > 0) this.#peer.write(bytes);
    await this.#settle();
  }

  get canOpen(): boolean {
    return !this.#session.destroyed && !this.#session.closed;
  }

  async open(id: number, end: boolean): Promise<void> {
    const headers = Object.fromEntries(goodRequest);
    const stream = (this.#session as http2.ClientHttp2Session).request(headers, { endStream: end });
    this.#follow(stream, id);
    stream.on("response", (_headers, flags: number, raw: unknown) => {
      this.#watcher.head(id, lines(raw as string[]));
      if ((flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0) this.#watcher.ended(id);
    });
    await this.#settle();
  }

  close(): void {
    this.#session.destroy();
    this.#peer.destroy();
  }

  #onRequest(stream: http2.ServerHttp2Stream, raw: string[], _flags: number): void {
    const id = stream.id as number;
    this.#watcher.head(id, lines(raw));
    this.#follow(stream, id);
    stream.on("end", () => {
      if (stream.destroyed || stream.aborted || stream.closed) return;
      stream.on("wantTrailers", () => stream.sendTrailers(answerTrailers));
      stream.respond(answer, { waitForTrailers: true, sendDate: false } as http2.ServerStreamResponseOptions);
      stream.end();
    });
  }

  #follow(stream: http2.Http2Stream, id: number): void {
    this.#signs++;
    const sign = () => this.#signs++;
    stream.on("data", (bytes: Buffer) => {
      sign();
      this.#watcher.data(id, bytes);
    });
    stream.on("trailers", (_headers, _flags, raw: unknown) => {
      sign();
      this.#watcher.trailers(id, lines(raw as string[]));
    });
    stream.on("end", () => {
      sign();
      if (!stream.aborted && !stream.destroyed && stream.rstCode === errorCode.NO_ERROR) this.#watcher.ended(id);
    });
    stream.on("aborted", sign);
    stream.on("error", sign);
    stream.on("close", () => {
      sign();
      if (stream.aborted || stream.rstCode !== errorCode.NO_ERROR) this.#watcher.failed(id);
    });
  }

  async #settle(): Promise<void> {
    for (let quiet = 0, seen = this.#signs; quiet < quietTurns; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#signs !== seen) quiet = 0;
      seen = this.#signs;
    }
    if (this.#role === "client" && this.#session.destroyed) this.#watcher.closed();
  }
}

function lines(raw: readonly string[]): string[] {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${raw[i + 1]}`] : []));
}
