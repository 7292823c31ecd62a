/**
 * A socket and the HTTP/2 connection that speaks over it.
 *
 * The connection never waits; this is where the kernel's pace enters: unsent bytes are told to the sender, which holds
 * stream data back, and a peer that makes us talk without reading is not read from until it does.
 */
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import type { ConnectionFault } from "../base/connection-ends.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import { Connection, type Role } from "../http2/connection.ts";
import type { ConnectionHandler } from "../http2/connection-handler.ts";
import { errorCode } from "../http2/constants.ts";
import type { ResolvedHttp2Options } from "../http2/options.ts";
import { writeDirectly } from "./direct-write.ts";
import type { FlushLoop } from "./flush-loop.ts";
import { writeSecurely } from "./secure-write.ts";

export class Link {
  readonly socket: Socket;
  readonly connection: Connection;
  /** What we ended with, where it was the socket's fault. */
  error: Error | undefined = undefined;
  readonly #limitBytes: number;
  readonly #frameTimeoutMs: number;
  readonly #handler: ConnectionHandler;
  readonly #loop: FlushLoop;
  readonly #clock: Clock;
  readonly #onGone: (link: Link) => void;
  #paused = false;
  #ended = false;
  #gone = false;
  #cancelWait: () => void = () => undefined;
  /** Looks whether the peer has finished what it began. */
  #cancelWatch: (() => void) | undefined = undefined;
  #resumedMs = 0;
  /** Bytes that the socket was given, in all. */
  #givenBytes = 0;
  /** Whether bytes are encrypted on their way (`secure-write.ts`). */
  readonly #secure: boolean;
  /** Of a TLS socket: nothing goes out before the peer is known. */
  #established: boolean;
  readonly #onWritten = (): void => this.#written();
  /** Of a TLS socket: when its last record had been read, and how long that took with those just before it. */
  #recordMs = 0;
  #recordsMs = 0;
  /** Reads no more in this turn. */
  #resting = false;
  readonly #goOn = (): void => {
    this.#resting = false;
    if (!this.#paused) this.socket.resume();
  };

  constructor(
    socket: Socket,
    role: Role,
    options: ResolvedHttp2Options,
    handler: ConnectionHandler,
    budget: ByteBudget,
    loop: FlushLoop,
    clock: Clock,
    onGone: (link: Link) => void,
  ) {
    this.socket = socket;
    this.#limitBytes = options.outputLimitBytes;
    this.#frameTimeoutMs = options.frameTimeoutMs;
    this.#onGone = onGone;
    this.#handler = handler;
    this.#loop = loop;
    this.#clock = clock;
    this.connection = new Connection(role, options, handler, budget, () => loop.add(this));
    this.connection.onFull = () => this.flush();
    this.#secure = "encrypted" in socket;
    this.#established = role === "server";
    if (this.#secure && role === "client") socket.once("secureConnect", () => this.#establish());
    socket.setNoDelay(true);
    // Its reader has the bytes (`socket-reader.ts`); it has to flow all the same, to tell when there are no more.
    socket.resume();
    if (!this.#secure) socket.on("drain", () => this.#onDrain());
    socket.on("error", (error) => {
      this.error = error;
    });
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClose());
  }

  /** Takes `bytes[0, end)` that the socket's reader has read. */
  receive(bytes: Buffer, end = bytes.length): void {
    this.#loop.beginRead();
    this.connection.nowMs = this.#loop.readMs;
    try {
      this.connection.receive(bytes, end);
    } finally {
      this.#loop.endRead(end);
    }
    if (this.connection.dead) this.#finish();
    else if (this.connection.output.bytes + this.connection.sender.socketBacklog > this.#limitBytes) this.#pause();
    else if (this.#readForMs() >= longReadMs) this.#rest();
    if (this.#cancelWatch === undefined && this.connection.unfinishedSinceMs >= 0) this.#watch(this.#frameTimeoutMs);
  }

  /**
   * How long this read has kept the loop. Over TLS with those before it: each record is a read of its own, and many of them
   * come in one turn.
   */
  #readForMs(): number {
    const { readMs, readTookMs } = this.#loop;
    if (!this.#secure) return readTookMs;
    this.#recordsMs = readMs - this.#recordMs < sameTurnMs ? this.#recordsMs + readTookMs : readTookMs;
    this.#recordMs = readMs + readTookMs;
    return this.#recordsMs;
  }

  /** Who begins a frame and never ends it keeps a connection and its memory for nothing. One timer, however many reads end so. */
  #watch(afterMs: number): void {
    this.#cancelWatch = this.#clock.after(afterMs, () => {
      this.#cancelWatch = undefined;
      const since = this.connection.unfinishedSinceMs;
      if (since < 0 || this.connection.dead) return;
      // What we did not read, the peer could not send.
      if (this.#paused) return this.#watch(this.#frameTimeoutMs);
      const leftMs = Math.max(since, this.#resumedMs) + this.#frameTimeoutMs - this.#clock.nowMs();
      if (leftMs > 0) return this.#watch(leftMs);
      this.giveUp(errorCode.ENHANCE_YOUR_CALM, "a frame or header block took too long", "slow_frame");
    });
  }

  /** Bytes that have left the socket for the kernel, in all; it is told by whole writes, some 300 KiB at most. */
  get takenBytes(): number {
    return this.#givenBytes - this.socket.writableLength;
  }

  /** When the peer was heard last: now, where it is not listened to. */
  heardMs(nowMs: number): number {
    return this.#paused ? nowMs : Math.max(this.connection.nowMs, this.#resumedMs);
  }

  /** Ends the connection for what the peer did not do. */
  giveUp(code: number, why: string, fault: ConnectionFault): void {
    this.connection.fail(code, why, fault);
    this.#finish();
  }

  /** Gives the socket what the connection has written. */
  flush(): void {
    const { output, dead } = this.connection;
    const socket = this.socket;
    if (this.#ended || this.#gone) {
      output.take();
      if (this.#gone) output.rewind();
      return;
    }
    const before = output.bytes;
    if (this.#secure) {
      if (this.#established && socket.writableLength === 0) writeSecurely(socket, output, this.#onWritten);
    } else {
      const piece = output.takeOne();
      if (piece !== undefined) {
        const written = writeDirectly(socket, piece);
        if (written < piece.length) socket.write(written === 0 ? piece : piece.subarray(written));
      } else {
        socket.cork();
        for (const each of output.take()) socket.write(each);
        socket.uncork();
      }
    }
    this.#givenBytes += before - output.bytes;
    this.#settle();
    if (dead) this.#finish();
    else this.connection.sender.pump(); // what the high-water mark held back may go out in the next turn
  }

  #establish(): void {
    this.#established = true;
    if (this.connection.output.bytes > 0) this.flush();
  }

  /** A TLS socket has passed on all that it was given. */
  #written(): void {
    if (this.#gone) return;
    this.#onDrain();
    if (this.connection.output.bytes > 0) this.flush();
  }

  /** Looks at how far the socket is: it may have taken all, without any event that says so. */
  #settle(): void {
    const { output, sender } = this.connection;
    sender.socketBacklog = this.socket.writableLength;
    if (sender.socketBacklog === 0) output.rewind();
    if (!this.#paused || output.bytes + sender.socketBacklog > this.#limitBytes) return;
    this.#paused = false;
    this.#resumedMs = this.#clock.nowMs();
    this.socket.resume();
  }

  /** The connection is dead: what it still has to say is sent, then the socket is closed. */
  #finish(): void {
    if (this.#ended) return;
    const { output } = this.connection;
    if (this.#secure) {
      // It may still be at work. These are the last bytes: what they lie in stays as it is until it has them.
      if (this.#established) for (const each of output.take()) this.socket.write(each);
    } else if (output.bytes > 0) this.flush();
    this.#end();
  }

  /**
   * Ends the socket, and sees to it that it is gone in the end. First the peer takes what is left, as long as it takes
   * anything; then it has a while to end its half. What it still sends is read and dropped, and buys it no time: a
   * socket closed over unread bytes would take our last words along.
   */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { socket } = this;
    socket.resume();
    this.#awaitTaken(socket.writableLength);
    socket.end(() => {
      if (this.#gone) return;
      this.#cancelWait();
      this.#cancelWait = this.#clock.after(lingerMs, () => socket.destroy());
    });
  }

  #awaitTaken(left: number): void {
    this.#cancelWait = this.#clock.after(takeMs, () => {
      const now = this.socket.writableLength;
      if (now < left) this.#awaitTaken(now);
      else this.socket.destroy();
    });
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

  /** Others' sockets come first, and what they are waiting for, before this one makes so much work again. */
  #rest(): void {
    if (this.#resting) return;
    this.#resting = true;
    this.#recordsMs = 0;
    this.socket.pause();
    setImmediate(this.#goOn);
  }

  #onDrain(): void {
    this.#settle();
    this.connection.sender.pump();
    if (this.connection.hasCapacity) this.#handler.onCapacity(this.connection);
  }

  #onEnd(): void {
    this.connection.lost();
    this.#end();
  }

  #onClose(): void {
    this.#gone = true;
    this.#ended = true;
    this.#cancelWait();
    this.#cancelWatch?.();
    this.connection.lost();
    this.connection.output.take();
    this.connection.output.rewind();
    this.#onGone(this);
  }
}

/**
 * A read that keeps the loop this long is the socket's last in its turn. Node reads a socket up to 32 times before the
 * next one; of small requests in large reads that would be a hundred milliseconds in which nobody else is served.
 */
const longReadMs = 1;
/** Records that follow each other as fast as this come in one turn. */
const sameTurnMs = 0.2;
/** How long a peer may take nothing of what is left for it. It is told by whole writes, some 300 KiB at most. */
const takeMs = 10_000;
/** How long a peer that has all may keep its half open. */
const lingerMs = 1_000;
