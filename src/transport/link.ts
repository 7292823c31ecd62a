/**
 * A socket and the HTTP/2 connection that speaks over it.
 *
 * The connection never waits; this is where the kernel's pace enters: unsent bytes are told to the sender, which holds
 * stream data back, and a peer that makes us talk without reading is not read from until it does.
 */
import type { Socket } from "node:net";
import type { ByteBudget } from "../http2/byte-budget.ts";
import { Connection, type ConnectionHandler, type Role } from "../http2/connection.ts";
import type { ResolvedHttp2Options } from "../http2/options.ts";
import type { FlushLoop } from "./flush-loop.ts";

export class Link {
  readonly socket: Socket;
  readonly connection: Connection;
  /** What we ended with, where it was the socket's fault. */
  error: Error | undefined = undefined;
  readonly #limitBytes: number;
  readonly #loop: FlushLoop;
  readonly #onGone: (link: Link) => void;
  #paused = false;
  #ended = false;
  #gone = false;

  constructor(
    socket: Socket,
    role: Role,
    options: ResolvedHttp2Options,
    handler: ConnectionHandler,
    budget: ByteBudget,
    loop: FlushLoop,
    onGone: (link: Link) => void,
  ) {
    this.socket = socket;
    this.#limitBytes = options.outputLimitBytes;
    this.#onGone = onGone;
    this.#loop = loop;
    this.connection = new Connection(role, options, handler, budget, () => loop.add(this));
    this.connection.onFull = () => this.flush();
    socket.setNoDelay(true);
    // Sockets with a reader of their own (`socket-reader.ts`) never emit it; the listener lets them flow all the same.
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    socket.on("drain", () => this.#onDrain());
    socket.on("error", (error) => {
      this.error = error;
    });
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClose());
  }

  receive(chunk: Buffer): void {
    this.#loop.beginRead();
    this.connection.receive(chunk);
    this.#loop.endRead();
    if (this.connection.dead) this.#finish();
    else if (this.connection.output.bytes + this.connection.sender.socketBacklog > this.#limitBytes) this.#pause();
  }

  /** Gives the socket what the connection has written. */
  flush(): void {
    const { output, sender, dead } = this.connection;
    const socket = this.socket;
    if (this.#ended || this.#gone) {
      output.take();
      return;
    }
    const piece = output.takeOne();
    if (piece !== undefined) {
      socket.write(piece);
    } else {
      socket.cork();
      for (const each of output.take()) socket.write(each);
      socket.uncork();
    }
    sender.socketBacklog = socket.writableLength;
    if (sender.socketBacklog === 0) output.rewind();
    if (dead) this.#finish();
    else sender.pump(); // what the high-water mark held back may go out in the next turn
  }

  /** The connection is dead: what it still has to say is sent, then the socket is closed. */
  #finish(): void {
    if (this.#ended) return;
    if (this.connection.output.bytes > 0) this.flush();
    if (this.#ended) return;
    this.#ended = true;
    this.socket.end();
    // A peer that never closes its half must not keep the socket: what it still sends is read and dropped.
    this.socket.resume();
    this.socket.setTimeout(lingerMs, () => this.socket.destroy());
  }

  /** Ends everything now. */
  destroy(): void {
    this.socket.destroy();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.socket.pause();
  }

  #onDrain(): void {
    const { output, sender } = this.connection;
    sender.socketBacklog = this.socket.writableLength;
    if (sender.socketBacklog === 0) output.rewind();
    sender.pump();
    if (this.#paused && output.bytes + sender.socketBacklog <= this.#limitBytes) {
      this.#paused = false;
      this.socket.resume();
    }
  }

  #onEnd(): void {
    this.connection.lost();
    if (!this.#ended) {
      this.#ended = true;
      this.socket.end();
    }
  }

  #onClose(): void {
    this.#gone = true;
    this.#ended = true;
    this.connection.lost();
    this.#onGone(this);
  }
}

/** How long a peer may keep a socket half open after we have ended the connection. */
const lingerMs = 1_000;
