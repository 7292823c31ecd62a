/**
 * A client and a server connection, back to back and without a socket: what one writes the other reads, cut wherever the
 * test says. `run` goes on until both are silent, which stands for as many turns of an event loop as that takes.
 */
import { ByteBudget } from "../../src/http2/byte-budget.ts";
import { Connection } from "../../src/http2/connection.ts";
import { type Http2Options, resolveHttp2Options } from "../../src/http2/options.ts";
import type { H2Stream } from "../../src/http2/stream.ts";
import { requestFields, responseFields, trailerFields } from "./h2-raw.ts";
import { Recorder } from "./h2-recorder.ts";
import { blockOf, type Pair } from "./hpack.ts";

/** Cuts what is on its way into the pieces that the other side reads. */
export type Cut = (bytes: Buffer) => readonly Buffer[];

export const whole: Cut = (bytes) => [bytes];

/** Pieces of this many bytes each. */
export function every(count: number): Cut {
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += count) pieces.push(bytes.subarray(at, at + count));
    return pieces;
  };
}

/** Pieces of these sizes, over and over, wherever a frame ends. */
export function sizes(counts: readonly number[]): Cut {
  let next = 0;
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const count = counts[next++ % counts.length] as number;
      pieces.push(bytes.subarray(at, at + count));
      at += count;
    }
    return pieces;
  };
}

export interface H2PairOptions {
  readonly client?: Http2Options;
  readonly server?: Http2Options;
  readonly cut?: Cut;
  /** Whether either side credits what it gets at once. Default true. */
  readonly reading?: boolean;
}

export class H2Pair {
  readonly clientSide: Recorder;
  readonly serverSide: Recorder;
  readonly client: Connection;
  readonly server: Connection;
  readonly clientBudget = new ByteBudget();
  readonly serverBudget = new ByteBudget();
  readonly #cut: Cut;

  constructor({ client = {}, server = {}, cut = whole, reading = true }: H2PairOptions = {}) {
    this.clientSide = new Recorder(reading);
    this.serverSide = new Recorder(reading);
    this.#cut = cut;
    const clientOptions = resolveHttp2Options(client);
    const serverOptions = resolveHttp2Options(server);
    this.client = new Connection("client", clientOptions, this.clientSide, this.clientBudget, () => undefined);
    this.server = new Connection("server", serverOptions, this.serverSide, this.serverBudget, () => undefined);
  }

  /** Moves bytes both ways until neither side has anything to say. */
  run(): this {
    while (this.client.output.bytes + this.server.output.bytes > 0) {
      this.#move(this.client, this.server);
      this.#move(this.server, this.client);
    }
    return this;
  }

  #move(from: Connection, to: Connection): void {
    const bytes = Buffer.concat(from.output.take());
    from.sender.pump();
    // Each piece is a read of its own: its buffer must not be shared with what the writer may still use.
    for (const piece of this.#cut(bytes)) to.receive(Buffer.from(piece));
  }

  /** A client's stream with its head sent. */
  open(fields: readonly Pair[] = requestFields, end = false): H2Stream {
    const stream = this.client.openStream(undefined);
    this.clientSide.streams.set(stream.id, stream);
    stream.sendHeaders(blockOf(fields), end);
    return stream;
  }

  /** The server's half of a client's stream. */
  served(stream: H2Stream): H2Stream {
    return this.serverSide.stream(stream.id);
  }

  answer(stream: H2Stream, body: Buffer): void {
    const served = this.served(stream);
    served.sendHeaders(blockOf(responseFields), false);
    served.sendData(body, 0, body.length, false);
    served.sendTrailers(blockOf(trailerFields));
  }

  /** Forgets all that was reported so far. */
  forget(): this {
    this.clientSide.take();
    this.serverSide.take();
    return this;
  }

  /** Everything that either side still holds: zero in all after calls that ended. */
  held(): Record<string, number> {
    return {
      clientStreams: this.client.streamCount,
      serverStreams: this.server.streamCount,
      clientBytes: this.clientBudget.held,
      serverBytes: this.serverBudget.held,
      clientOutput: this.client.output.bytes,
      serverOutput: this.server.output.bytes,
    };
  }
}

export const nothingHeld = {
  clientStreams: 0,
  serverStreams: 0,
  clientBytes: 0,
  serverBytes: 0,
  clientOutput: 0,
  serverOutput: 0,
};

/** Bytes that tell their place, so that a missing, doubled or swapped one shows. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
