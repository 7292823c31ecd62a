/**
 * The sending half of a connection: flow control, fairness, frames into the output.
 *
 * A frame's head is written only when all of its payload is in memory, so a peer that stops sending in the middle of
 * a frame can never wedge the other streams of the connection that we send on. Streams that wait for the connection
 * (its window, or the socket) wait in one list and are served in turn, a frame each; streams that wait for their own
 * window are not in it and cost nothing.
 */
import type { ByteBudget } from "./byte-budget.ts";
import { defaultMaxFrame, defaultWindow, frameFlag, frameHeadBytes, frameType, maxWindow } from "./constants.ts";
import { writeHead } from "./frames.ts";
import type { HeaderBlock, HeaderField } from "./header-block.ts";
import { HeaderBlock as Block } from "./header-block.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { ResolvedHttp2Options } from "./options.ts";
import type { Output } from "./output.ts";
import { lent } from "./read-memory.ts";
import type { H2Stream } from "./stream.ts";
import { queuedEnd } from "./stream.ts";

/** 4 KiB. */
const unitShift = 12;

/** A stream's turn in the round: one frame of the size every peer takes. */
const quantumBytes = defaultMaxFrame;

export interface SenderOwner {
  /** Our half of the stream has ended. */
  localEnd(stream: H2Stream): void;
  /** There is so much output that it should go to the socket now, not at the end of the turn. */
  relieve(): void;
  /** Queued bytes of the stream went out. */
  delivered(stream: H2Stream, bytes: number): void;
}

export class Sender {
  readonly encoder: HpackEncoder;
  /** Bytes we may still send on the connection. */
  window = defaultWindow;
  peerMaxFrame = defaultMaxFrame;
  /** Bytes handed to the socket and not yet taken by the kernel; kept up to date by the transport. */
  socketBacklog = 0;
  /** DATA frames written so far, and one more for each 4 KiB in them: Go's net/http gives credit as often as that. */
  dataUnits = 0;
  /** Bytes that wait in streams: for their windows, the connection's, or the socket. */
  queuedBytes = 0;
  readonly #output: Output;
  readonly #options: ResolvedHttp2Options;
  readonly #budget: ByteBudget;
  readonly #owner: SenderOwner;
  #readyHead: H2Stream | undefined = undefined;
  #readyTail: H2Stream | undefined = undefined;
  #pumping = false;
  /** The stream whose turn it is: its owner hears of what went out before anything comes of its end. */
  #turning: H2Stream | undefined = undefined;
  readonly #trailerBlock = new Block();

  constructor(output: Output, options: ResolvedHttp2Options, budget: ByteBudget, owner: SenderOwner) {
    this.#output = output;
    this.#options = options;
    this.#budget = budget;
    this.#owner = owner;
    this.encoder = new HpackEncoder({ maxTableSize: options.encoderTableBytes });
  }

  /** Whether the socket has fallen so far behind that stream data waits in its stream. */
  get stalled(): boolean {
    return this.#output.bytes + this.socketBacklog >= this.#options.outputHighWaterBytes;
  }

  headers(stream: H2Stream, block: HeaderBlock, endStream: boolean): void {
    const output = this.#output;
    output.reserve(frameHeadBytes + block.size + 16);
    const head = output.pos;
    const end = this.encoder.encode(block, output.buf, head + frameHeadBytes);
    const length = end - head - frameHeadBytes;
    const flag = endStream ? frameFlag.END_STREAM : 0;
    if (length <= this.peerMaxFrame) {
      writeHead(output.buf, head, length, frameType.HEADERS, flag | frameFlag.END_HEADERS, stream.id);
      output.wrote(end);
    } else {
      this.#splitHeaders(stream, Buffer.from(output.buf.subarray(head + frameHeadBytes, end)), flag);
    }
    if (endStream) this.#end(stream);
  }

  /** A block that outgrows the peer's frames: HEADERS, then CONTINUATIONs with nothing in between. */
  #splitHeaders(stream: H2Stream, encoded: Buffer, flag: number): void {
    let type: number = frameType.HEADERS;
    let flags = flag;
    for (let at = 0; at < encoded.length; at += this.peerMaxFrame) {
      const end = Math.min(at + this.peerMaxFrame, encoded.length);
      if (end === encoded.length) flags |= frameFlag.END_HEADERS;
      this.#frame(type, flags, stream.id, encoded, at, end);
      type = frameType.CONTINUATION;
      flags = 0;
    }
  }

  /** @returns bytes that went out now; the others are queued. */
  data(stream: H2Stream, buf: Buffer, start: number, end: number, endStream: boolean): number {
    if (stream.localEnded || stream.closed || stream.endQueued !== queuedEnd.none) return end - start;
    let at = start;
    if (stream.queuedBytes === 0) {
      if (start === end) {
        // The end of a message stream takes no window and little room: nothing to wait for.
        if (endStream) this.#frames(stream, buf, start, end, true);
        return 0;
      }
      if (this.stalled) this.#owner.relieve();
      if (this.#readyHead === undefined && !this.stalled) {
        const length = end - start;
        const room = stream.sendWindow < this.window ? stream.sendWindow : this.window;
        if (length <= room) {
          this.#frames(stream, buf, start, end, endStream);
          return length;
        }
        if (room > 0) {
          this.#frames(stream, buf, start, start + room, false);
          at = start + room;
        }
      }
    }
    stream.makeQueue().push(buf, at, end);
    this.queuedBytes += end - at;
    this.#budget.hold(stream.holder, end - at);
    if (endStream) stream.endQueued = queuedEnd.data;
    if (stream.sendWindow > 0) this.#ready(stream);
    return at - start;
  }

  trailers(stream: H2Stream, block: HeaderBlock): void {
    if (stream.localEnded || stream.closed || stream.endQueued !== queuedEnd.none) return;
    if (stream.queuedBytes === 0) {
      this.headers(stream, block, true);
      return;
    }
    stream.trailers = block.fields.slice(0, block.count);
    stream.trailerBytes = block.size;
    this.queuedBytes += block.size;
    this.#budget.hold(stream.holder, block.size);
    stream.endQueued = queuedEnd.trailers;
  }

  /** The peer allows `increment` more bytes (or fewer); `pump` sends them. @returns false where that overflows the window. */
  grow(stream: H2Stream | undefined, increment: number): boolean {
    if (stream === undefined) {
      this.window += increment;
      return this.window <= maxWindow;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindow) return false;
    if (stream.sendWindow > 0 && stream.queuedBytes > 0) this.#ready(stream);
    return true;
  }

  /** Sends what waits, as far as the windows and the socket allow. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#readyHead !== undefined && this.window > 0 && !this.stalled) {
      const stream = this.#readyHead;
      this.#unready(stream);
      this.#turn(stream);
    }
    this.#pumping = false;
  }

  #turn(stream: H2Stream): void {
    const queue = stream.queue;
    if (queue === undefined || queue.bytes === 0 || stream.sendWindow <= 0) return;
    const piece = queue.shift(Math.min(stream.sendWindow, this.window, quantumBytes));
    const sent = piece.length;
    this.queuedBytes -= sent;
    this.#budget.release(stream.holder, sent);
    const last = queue.bytes === 0;
    this.#turning = stream;
    this.#frames(stream, piece, 0, sent, last && stream.endQueued === queuedEnd.data);
    if (last && stream.trailers !== undefined) this.#queuedTrailers(stream, stream.trailers);
    else if (!last && stream.sendWindow > 0) this.#ready(stream);
    this.#turning = undefined;
    this.#owner.delivered(stream, sent);
    if (stream.localEnded) this.#owner.localEnd(stream);
  }

  #queuedTrailers(stream: H2Stream, fields: readonly HeaderField[]): void {
    const block = this.#trailerBlock;
    block.clear();
    for (const field of fields) block.add(field);
    this.#dropTrailers(stream);
    this.headers(stream, block, true);
  }

  #ready(stream: H2Stream): void {
    if (stream.inReady) return;
    stream.inReady = true;
    if (this.#readyTail === undefined) this.#readyHead = stream;
    else this.#readyTail.nextReady = stream;
    stream.priorReady = this.#readyTail;
    this.#readyTail = stream;
  }

  #unready(stream: H2Stream): void {
    const { priorReady, nextReady } = stream;
    if (priorReady === undefined) this.#readyHead = nextReady;
    else priorReady.nextReady = nextReady;
    if (nextReady === undefined) this.#readyTail = priorReady;
    else nextReady.priorReady = priorReady;
    stream.priorReady = undefined;
    stream.nextReady = undefined;
    stream.inReady = false;
  }

  /** The stream is gone: what it had queued is dropped, and its turn, which may never come, must not keep it in memory. */
  drop(stream: H2Stream): void {
    if (stream.inReady) this.#unready(stream);
    const queue = stream.queue;
    if (queue !== undefined && queue.bytes > 0) {
      this.queuedBytes -= queue.bytes;
      this.#budget.release(stream.holder, queue.bytes);
      queue.clear();
    }
    this.#dropTrailers(stream);
  }

  #dropTrailers(stream: H2Stream): void {
    if (stream.trailers === undefined) return;
    stream.trailers = undefined;
    this.queuedBytes -= stream.trailerBytes;
    this.#budget.release(stream.holder, stream.trailerBytes);
  }

  /** DATA frames for a range that fits both windows. */
  #frames(stream: H2Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    const length = end - start;
    stream.sendWindow -= length;
    this.window -= length;
    const most = this.peerMaxFrame;
    let at = start;
    this.dataUnits += 1 + (length >> unitShift);
    while (end - at > most) {
      this.#frame(frameType.DATA, 0, stream.id, buf, at, at + most);
      at += most;
    }
    this.#frame(frameType.DATA, endStream ? frameFlag.END_STREAM : 0, stream.id, buf, at, end);
    if (endStream) this.#end(stream);
  }

  #frame(type: number, flags: number, id: number, buf: Buffer, start: number, end: number): void {
    const output = this.#output;
    const length = end - start;
    // Behind a socket that has not taken what it has, a slice would hold the memory of a whole read for nobody knows how long.
    const held = this.socketBacklog > 0 && lent.memoryOf(buf) !== undefined;
    if (length >= this.#options.sliceBytes && !held) {
      output.reserve(frameHeadBytes);
      writeHead(output.buf, output.pos, length, type, flags, id);
      output.wrote(output.pos + frameHeadBytes);
      output.slice(buf, start, end);
      return;
    }
    output.reserve(frameHeadBytes + length);
    const at = output.pos;
    writeHead(output.buf, at, length, type, flags, id);
    copyBytes(output.buf, at + frameHeadBytes, buf, start, end);
    output.wrote(at + frameHeadBytes + length);
  }

  #end(stream: H2Stream): void {
    stream.localEnded = true;
    if (stream !== this.#turning) this.#owner.localEnd(stream);
  }
}

/** Below this many bytes a loop beats the call into native code. */
const loopCopyBytes = 24;

function copyBytes(to: Buffer, at: number, from: Buffer, start: number, end: number): void {
  if (end - start > loopCopyBytes) {
    from.copy(to, at, start, end);
    return;
  }
  let into = at;
  for (let i = start; i < end; i++) to[into++] = from[i]!;
}
