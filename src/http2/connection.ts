/**
 * One HTTP/2 connection, either side, without a socket: bytes in by `receive`, events out to a handler, bytes out by
 * `output`. Nothing in here waits, reads a clock or throws; what a peer does wrong ends its stream or its connection.
 *
 * DATA payloads are handed on piece by piece as they arrive, never gathered; every other frame is handled whole.
 * Connection-level credit is returned on receipt, so that a stream nobody reads cannot stall its neighbours; a stream's
 * credit is returned when its bytes have found their place (`H2Stream.consumed`).
 */
import type { ConnectionFault } from "../base/connection-ends.ts";
import { type ByteBudget, Holder } from "./byte-budget.ts";
import { ClosedStreams, closedHow } from "./closed-streams.ts";
import type { ConnectionHandler, ResetHow } from "./connection-handler.ts";
import { defaultWindow, errorCode, frameFlag, frameType, maxFrameLimit, maxWindow, settingId } from "./constants.ts";
import { faultOf } from "./faults.ts";
import { FloodGuard } from "./flood-guard.ts";
import { FrameReader, type FrameSink, streamIdAt } from "./frame-reader.ts";
import { writeGoaway, writeGreeting, writeNumberFrame, writePing, writeSettingsAck } from "./frames.ts";
import { HeaderBlock } from "./header-block.ts";
import { HeaderFragments } from "./header-fragments.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { isRequest, isResponse, isTrailers } from "./message-rules.ts";
import type { ResolvedHttp2Options } from "./options.ts";
import { Output } from "./output.ts";
import { Sender, type SenderOwner } from "./sender.ts";
import { H2Stream, noBody } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

export type Role = "server" | "client";

/** Reused by every block: see `message-rules.ts`. */
const facts = { contentLength: -1, status: 0 };

export class Connection implements SenderOwner, FrameSink {
  readonly role: Role;
  readonly output: Output;
  readonly sender: Sender;
  /** For whoever made the connection: its pool, its listener's entry. */
  context: unknown = undefined;
  /** What is held for its streams, and for those that they lead to. */
  readonly holder = new Holder();
  /** Takes the output at once; set by the transport. */
  onFull: (() => void) | undefined = undefined;
  /** Streams open now. */
  get streamCount(): number {
    return this.#streams.size;
  }
  /** The peer's MAX_CONCURRENT_STREAMS: 100 until its SETTINGS are here (RFC 9113 recommends no less). */
  peerMaxStreams = 100;
  ready = false;
  /** No new streams: the peer said so, or we did, or ids have run out. */
  goingAway = false;
  #onceReady: (() => void) | undefined = undefined;
  /** Nothing is read any more; the transport flushes and closes. */
  dead = false;
  /** The GOAWAY code that we ended the connection with, for logs and tests; -1 while it lives. */
  failure = -1;
  failureText = "";
  fault: ConnectionFault = "protocol";
  lastPeerStreamId = 0;
  /** When the read under way began; kept by the transport, which has a clock. */
  nowMs = 0;
  /** Client: the peer's GOAWAY says that it took streams of ours. */
  goawayServed = false;
  /** Client: it says that we ask too often whether it is alive. */
  tooManyPings = false;

  readonly #options: ResolvedHttp2Options;
  readonly #handler: ConnectionHandler;
  readonly #budget: ByteBudget;
  readonly #decoder: HpackDecoder;
  readonly #block = new HeaderBlock();
  readonly #streams = new StreamTable();
  readonly #closed: ClosedStreams;
  readonly #onDirty: () => void;

  #recvWindow = defaultWindow;
  #recvUncredited = 0;
  /** What may still come on streams that are gone: their windows allowed it, and the peer may not know yet. */
  #strayBytes = 0;
  #peerInitialWindow = defaultWindow;
  /** What a new stream of the peer's may send. */
  #initialRecvWindow: number;
  #gotSettings = false;
  #nextStreamId: number;
  /** Streams above it are ignored once our final GOAWAY is out. */
  #goawayLastId = maxWindow;
  #shutdown: "no" | "announced" | "final" = "no";

  readonly #guard: FloodGuard;
  readonly #reader: FrameReader;
  /** The stream of the DATA frame under way; undefined where nobody is to have its bytes. */
  #dataStream: H2Stream | undefined = undefined;
  #dataId = 0;
  /** It has brought bytes already. */
  #dataCame = false;
  readonly #fragments: HeaderFragments;
  /** The HEADERS frame of the block at hand says that its stream depends on itself. */
  #selfDependent = false;

  constructor(
    role: Role,
    options: ResolvedHttp2Options,
    handler: ConnectionHandler,
    budget: ByteBudget,
    onDirty: () => void,
  ) {
    this.role = role;
    this.#options = options;
    this.#handler = handler;
    this.#budget = budget;
    this.output = new Output(onDirty);
    this.#onDirty = onDirty;
    this.#closed = new ClosedStreams(options.maxConcurrentStreams);
    this.sender = new Sender(this.output, options, budget, this);
    this.#initialRecvWindow = Math.max(defaultWindow, options.streamWindowBytes);
    this.#decoder = new HpackDecoder({
      maxTableSize: Math.max(defaultTableBytes, options.decoderTableBytes),
      maxListSize: options.maxHeaderListBytes,
    });
    this.#guard = new FloodGuard(options);
    this.#reader = new FrameReader(this, options.maxFrameBytes, role === "server");
    this.#fragments = new HeaderFragments(options);
    this.#nextStreamId = options.firstStreamId;
    writeGreeting(this.output, role, options);
    this.#recvWindow = Math.max(defaultWindow, options.connectionWindowBytes);
  }

  // === sending ===

  /** Runs `fn` when the peer's first SETTINGS are in. */
  onceReady(fn: () => void): void {
    this.#onceReady = fn;
  }

  /** Whether a client may open a stream now. Heads are never held back, so a peer that reads nothing gets no more of them. */
  get hasCapacity(): boolean {
    const reads = this.sender.socketBacklog < this.#options.outputLimitBytes;
    return reads && this.ready && !this.goingAway && !this.dead && this.#streams.size < this.peerMaxStreams;
  }

  /** Client: opens a stream; `hasCapacity` must hold. Its headers must be sent before another stream is opened. */
  openStream(owner: unknown): H2Stream {
    const id = this.#nextStreamId;
    this.#nextStreamId = id + 2;
    if (this.spent) this.goingAway = true;
    const stream = new H2Stream(id, this, this.#peerInitialWindow, this.#initialRecvWindow);
    stream.owner = owner;
    this.#guard.streams++;
    this.#streams.add(stream);
    return stream;
  }

  /** Client: its stream ids are used up. */
  get spent(): boolean {
    return this.#nextStreamId > this.#options.maxStreamId;
  }

  sendHeaders(stream: H2Stream, block: HeaderBlock, endStream: boolean): void {
    if (stream.closed || stream.localEnded) return;
    stream.spoke = true;
    this.sender.headers(stream, block, endStream);
  }

  sendData(stream: H2Stream, buf: Buffer, start: number, end: number, endStream: boolean): number {
    return this.sender.data(stream, buf, start, end, endStream);
  }

  sendTrailers(stream: H2Stream, block: HeaderBlock): void {
    this.sender.trailers(stream, block);
  }

  credit(stream: H2Stream, count: number): void {
    if (stream.closed || stream.remoteEnded) return;
    stream.recvUncredited += count;
    if (stream.recvUncredited * 2 >= this.#options.streamWindowBytes) this.grantCredit(stream);
  }

  /** Lets the peer send as much as the stream has delivered, unless too much is held for its holder already. */
  grantCredit(stream: H2Stream): void {
    if (stream.closed || stream.remoteEnded || stream.recvUncredited === 0) return;
    if (this.#budget.exceeded(stream.holder)) {
      this.#budget.wait(stream);
      return;
    }
    writeNumberFrame(this.output, frameType.WINDOW_UPDATE, stream.id, stream.recvUncredited);
    stream.recvWindow += stream.recvUncredited;
    stream.recvUncredited = 0;
  }

  resetStream(stream: H2Stream, code: number): void {
    if (stream.closed) return;
    writeNumberFrame(this.output, frameType.RST_STREAM, stream.id, code);
    this.#close(stream, closedHow.resetByUs);
  }

  /** A PING, for the end that has been announced, or to hear whether the peer is alive: any read says that. */
  ping(what: "ending" | "alive"): void {
    if (this.dead) return;
    writePing(this.output, false, what === "ending" ? endingPayload : alivePayload, 0);
  }

  /** Ends every stream whose queued bytes have not moved for `limitMs`, as far as calls of this from time to time can tell. */
  endStalled(nowMs: number, limitMs: number): void {
    for (const stream of this.#streams.all()) {
      if (stream.queue === undefined || stream.queue.stalledMs(nowMs) < limitMs) continue;
      writeNumberFrame(this.output, frameType.RST_STREAM, stream.id, errorCode.CANCEL);
      this.#close(stream, closedHow.resetByUs, errorCode.CANCEL, "stalled");
    }
  }

  /**
   * Begins a graceful end: a server announces it (GOAWAY with the highest id, and a PING) and names the last stream it
   * takes once the PING is answered, so that calls on their way are not lost; a client just opens no more.
   */
  shutdown(): void {
    if (this.dead || this.#shutdown !== "no") return;
    this.goingAway = true;
    if (this.role === "server") {
      this.#shutdown = "announced";
      writeGoaway(this.output, maxWindow, errorCode.NO_ERROR, "");
      this.ping("ending");
    } else {
      this.#shutdown = "final";
      writeGoaway(this.output, 0, errorCode.NO_ERROR, "");
    }
    this.#endIfIdle();
  }

  /** Second half of a server's graceful end; the transport calls it where the PING stays unanswered. */
  finishShutdown(): void {
    if (this.dead || this.#shutdown !== "announced") return;
    this.#shutdown = "final";
    this.#goawayLastId = this.lastPeerStreamId;
    writeGoaway(this.output, this.lastPeerStreamId, errorCode.NO_ERROR, "");
    this.#endIfIdle();
  }

  /** Ends the connection because of what the peer did. */
  fail(code: number, why: string, fault = faultOf(code)): void {
    if (this.dead) return;
    this.failure = code;
    this.fault = fault;
    this.failureText = why;
    writeGoaway(this.output, Math.min(this.lastPeerStreamId, this.#goawayLastId), code, why);
    // Who is not heard of any more has broken no rule.
    this.#die(code, fault === "silent" || fault === "stuck" ? "lost" : "protocol");
  }

  /** The socket is gone. */
  lost(): void {
    if (!this.dead) this.#die(errorCode.INTERNAL_ERROR, "lost");
  }

  #die(code: number, how: ResetHow): void {
    this.dead = true;
    this.goingAway = true;
    for (const stream of this.#streams.all()) this.#close(stream, closedHow.resetByPeer, code, how);
    this.#dataStream = undefined;
    this.#tellEnd();
  }

  /** What waits in the output asks for no flush, and nothing else will: the last one has to see that this is the end. */
  #tellEnd(): void {
    this.#handler.onClosed(this);
    this.#onDirty();
  }

  #endIfIdle(): void {
    if (this.#streams.size > 0 || this.dead) return;
    if (this.#shutdown === "final" || (this.role === "client" && this.goingAway)) {
      this.dead = true;
      this.#tellEnd();
    }
  }

  // === SenderOwner ===

  localEnd(stream: H2Stream): void {
    if (stream.remoteEnded) this.#close(stream, closedHow.ended);
  }

  relieve(): void {
    if (this.output.bytes > 0) this.onFull?.();
  }

  delivered(stream: H2Stream, bytes: number): void {
    this.#handler.onDelivered(stream, bytes);
  }

  /** Ends a stream; with a `code`, its owner hears of it, before anything that follows from it. */
  #close(stream: H2Stream, how: number, code = unreported, reset: ResetHow = "peer"): void {
    if (stream.closed) return;
    stream.closed = true;
    if (how === closedHow.ended && !stream.unearned) this.#guard.completed++;
    // A peer that had said its last word on a stream has none left, reset or not.
    const heard = stream.remoteEnded && how === closedHow.resetByUs ? closedHow.ended : how;
    if (heard === closedHow.resetByUs) this.#strayBytes += Math.max(0, stream.recvWindow);
    this.sender.drop(stream);
    this.#budget.forget(stream);
    const wasFull = this.#streams.size >= this.peerMaxStreams;
    this.#streams.delete(stream.id);
    this.#closed.add(stream.id, heard);
    if (code !== unreported) this.#handler.onReset(stream, code, reset);
    if (this.goingAway) this.#endIfIdle();
    else if (wasFull && this.role === "client") this.#handler.onCapacity(this);
  }

  /** A stream that the peer used wrongly, or that its connection took along. */
  #streamError(stream: H2Stream, code: number): void {
    writeNumberFrame(this.output, frameType.RST_STREAM, stream.id, code);
    this.#close(stream, closedHow.resetByUs, code, "protocol");
    this.#blame(code);
  }

  /** Resets a stream that never came to be, or is gone. */
  #refuse(id: number, code: number): void {
    this.#closed.add(id, closedHow.resetByUs);
    this.#strayBytes += this.#initialRecvWindow;
    this.#resetGone(id, code);
  }

  #resetGone(id: number, code: number): void {
    writeNumberFrame(this.output, frameType.RST_STREAM, id, code);
    this.#blame(code);
  }

  /** A stream is reset for what the peer did. */
  #blame(code: number): void {
    this.#handler.onStreamFault?.(code);
    this.#inVain();
  }

  /** A stream that a caller began has ended before it had an answer. What an upstream does so, it does to calls of ours. */
  #inVain(): void {
    if (this.role === "client" || this.#guard.reset(this.nowMs)) return;
    this.fail(errorCode.ENHANCE_YOUR_CALM, "too many streams that came to nothing", "reset_flood");
  }

  /** A frame that carries no message. @returns false where it was one too many. */
  #trouble(count: number, fault: ConnectionFault): boolean {
    if (this.#guard.control(count, this.nowMs, this.sender.dataUnits)) return true;
    this.fail(errorCode.ENHANCE_YOUR_CALM, "too many frames that ask for nothing", fault);
    return false;
  }

  // === receiving ===

  /**
   * Takes what the socket read: `chunk[0, end)`. Payload pieces are handed on as ranges of it, so it must not change
   * afterwards, unless it is lent (`read-memory.ts`).
   */
  receive(chunk: Buffer, end: number = chunk.length): void {
    this.#reader.receive(chunk, end);
  }

  /** Since when the peer owes the rest of a frame that has to be whole, or of a header block; -1 where it owes nothing. */
  get unfinishedSinceMs(): number {
    return this.#fragments.streamId !== 0 ? this.#fragments.sinceMs : this.#reader.unfinishedSinceMs;
  }

  // === FrameSink ===

  // --- DATA ---

  dataHead(length: number, padded: boolean, id: number): boolean {
    if (this.#fragments.streamId !== 0) return this.#unreadable(errorCode.PROTOCOL_ERROR, "DATA inside a header block");
    if (!this.#gotSettings) return this.#unreadable(errorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    if (id === 0) return this.#unreadable(errorCode.PROTOCOL_ERROR, "DATA on stream 0");
    this.#recvWindow -= length;
    if (this.#recvWindow < 0) return this.#unreadable(errorCode.FLOW_CONTROL_ERROR, "connection window overrun");
    this.#recvUncredited += length;
    if (this.#recvUncredited * 2 >= this.#options.connectionWindowBytes) {
      writeNumberFrame(this.output, frameType.WINDOW_UPDATE, 0, this.#recvUncredited);
      this.#recvWindow += this.#recvUncredited;
      this.#recvUncredited = 0;
    }
    if (padded && length === 0) {
      return this.#unreadable(errorCode.FRAME_SIZE_ERROR, "padded DATA without a pad length");
    }

    this.#dataId = id;
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      if (!this.#allowOnGone(id, "DATA")) return false;
      this.#strayBytes -= length;
      if (this.#strayBytes < 0)
        return this.#unreadable(errorCode.FLOW_CONTROL_ERROR, "data without end on streams that are gone");
    } else if (stream.remoteEnded) {
      this.#streamError(stream, errorCode.STREAM_CLOSED);
      stream = undefined;
    } else if (!stream.gotHeaders) {
      this.#streamError(stream, errorCode.PROTOCOL_ERROR);
      stream = undefined;
    } else {
      stream.recvWindow -= length;
      if (stream.recvWindow < 0) {
        this.#streamError(stream, errorCode.FLOW_CONTROL_ERROR);
        stream = undefined;
      }
    }
    this.#dataStream = stream;
    return true;
  }

  #unreadable(code: number, why: string): false {
    this.fail(code, why);
    return false;
  }

  padding(count: number): void {
    if (this.#dataStream !== undefined) this.credit(this.#dataStream, count);
  }

  dataPiece(chunk: Buffer, start: number, end: number): void {
    this.#dataCame = true;
    this.#deliver(chunk, start, end, false);
  }

  dataDone(chunk: Buffer, start: number, end: number, ends: boolean): void {
    const came = end > start || this.#dataCame;
    this.#dataCame = false;
    if (this.#dataStream !== undefined && (came || ends)) {
      this.#guard.dataFrames++;
      if (end > start || ends) this.#deliver(chunk, start, end, ends);
    } else {
      if (this.#dataStream === undefined && ends) this.#closed.add(this.#dataId, closedHow.ended);
      if (!came) this.#trouble(1, "empty_frame_flood");
    }
    this.#dataStream = undefined;
  }

  #deliver(chunk: Buffer, start: number, end: number, ends: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined || stream.closed) return;
    stream.receivedBytes += end - start;
    if (!this.#lengthHolds(stream, ends)) return;
    if (!ends) {
      this.#handler.onData(stream, chunk, start, end, false);
      return;
    }
    stream.remoteEnded = true;
    this.#handler.onData(stream, chunk, start, end, true);
    if (stream.localEnded) this.#close(stream, closedHow.ended);
  }

  /** Holds a message to its `content-length` (RFC 9113, 8.1.1). */
  #lengthHolds(stream: H2Stream, ends: boolean): boolean {
    const expected = stream.expectedBytes;
    if (expected < 0) return true;
    if (stream.receivedBytes > expected || (ends && stream.receivedBytes !== expected)) {
      this.#streamError(stream, errorCode.PROTOCOL_ERROR);
      return false;
    }
    return true;
  }

  /** Judges a DATA or HEADERS frame for a stream that is not open. @returns false where it ended the connection. */
  #allowOnGone(id: number, what: string): boolean {
    if (this.#isIdle(id)) {
      this.fail(errorCode.PROTOCOL_ERROR, `${what} on an idle stream`);
      return false;
    }
    if (id > this.#goawayLastId && this.role === "server") return true;
    switch (this.#closed.how(id)) {
      case closedHow.resetByUs:
        return true;
      case closedHow.unknown:
        // An answer that was on its way when we took its call back, hundreds of calls ago: the others must not die of it.
        if (this.role === "client") return true;
        if (what === "HEADERS") this.fail(errorCode.PROTOCOL_ERROR, "stream id out of order");
        else this.#resetGone(id, errorCode.STREAM_CLOSED);
        return what !== "HEADERS";
      default:
        this.fail(errorCode.STREAM_CLOSED, `${what} on a closed stream`);
        return false;
    }
  }

  #isIdle(id: number): boolean {
    const ours = (id & 1) === (this.role === "client" ? 1 : 0);
    if (!ours) return id > this.lastPeerStreamId;
    return this.role === "server" || id >= this.#nextStreamId;
  }

  // --- every other frame ---

  frame(type: number, flags: number, id: number, buf: Buffer, start: number, end: number): void {
    const { streamId } = this.#fragments;
    if (streamId !== 0 && (type !== frameType.CONTINUATION || id !== streamId)) {
      return this.fail(errorCode.PROTOCOL_ERROR, "a frame inside a header block");
    }
    if (!this.#gotSettings && (type !== frameType.SETTINGS || (flags & frameFlag.ACK) !== 0)) {
      return this.fail(errorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    }
    switch (type) {
      case frameType.HEADERS:
        return this.#onHeaders(flags, id, buf, start, end);
      case frameType.WINDOW_UPDATE:
        return this.#onWindowUpdate(id, buf, start, end);
      case frameType.RST_STREAM:
        return this.#onReset(id, buf, start, end);
      case frameType.SETTINGS:
        return this.#onSettings(flags, id, buf, start, end);
      case frameType.PING:
        return this.#onPing(flags, id, buf, start, end);
      case frameType.GOAWAY:
        return this.#onGoaway(id, buf, start, end);
      case frameType.CONTINUATION:
        return this.#onContinuation(flags, id, buf, start, end);
      case frameType.PRIORITY:
        return this.#onPriority(id, buf, start, end);
      case frameType.PUSH_PROMISE:
        return this.fail(errorCode.PROTOCOL_ERROR, "PUSH_PROMISE, which is switched off");
      default: // unknown types are to be ignored (RFC 9113, 5.5)
        this.#trouble(1, "unknown_frame_flood");
    }
  }

  #onHeaders(flags: number, id: number, buf: Buffer, start: number, end: number): void {
    if (id === 0) return this.fail(errorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
    if (this.role === "server" ? (id & 1) === 0 : (id & 1) === 0 || id >= this.#nextStreamId) {
      return this.fail(errorCode.PROTOCOL_ERROR, "HEADERS on a stream that can't be the peer's");
    }
    let from = start;
    let to = end;
    if ((flags & frameFlag.PADDED) !== 0) {
      if (from === to) return this.fail(errorCode.FRAME_SIZE_ERROR, "padded HEADERS without a pad length");
      to -= buf[from++]!;
    }
    let selfDependent = false;
    if ((flags & frameFlag.PRIORITY) !== 0) {
      if (to - from < 5) return this.fail(errorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority");
      selfDependent = streamIdAt(buf, from) === id;
      from += 5;
    }
    if (to < from) return this.fail(errorCode.PROTOCOL_ERROR, "padding longer than its frame");
    if (to - from > this.#options.maxHeaderBlockBytes) {
      return this.fail(errorCode.ENHANCE_YOUR_CALM, "header block too long", "header_flood");
    }
    this.#selfDependent = selfDependent;
    const endStream = (flags & frameFlag.END_STREAM) !== 0;
    if ((flags & frameFlag.END_HEADERS) !== 0) this.#headerBlock(id, endStream, buf, from, to);
    else this.#fragments.begin(id, endStream, this.nowMs, buf, from, to);
  }

  #onContinuation(flags: number, id: number, buf: Buffer, start: number, end: number): void {
    const fragments = this.#fragments;
    if (fragments.streamId === 0 || id === 0) {
      return this.fail(errorCode.PROTOCOL_ERROR, "CONTINUATION without a header block");
    }
    if (!fragments.add(buf, start, end)) {
      return this.fail(errorCode.ENHANCE_YOUR_CALM, "header block too long", "header_flood");
    }
    if ((flags & frameFlag.END_HEADERS) === 0) return;
    const whole = fragments.take();
    this.#headerBlock(id, fragments.endStream, whole, 0, whole.length);
  }

  #headerBlock(id: number, endStream: boolean, buf: Buffer, start: number, end: number): void {
    const block = this.#block;
    block.clear();
    if (this.#decoder.decode(buf, start, end, block) !== 0) {
      return this.fail(errorCode.COMPRESSION_ERROR, "header block");
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.role === "server" && id > this.lastPeerStreamId) return this.#newStream(id, block, endStream);
      if (this.#allowOnGone(id, "HEADERS")) this.#trouble(headersTrouble, "header_flood");
      return;
    }
    if (stream.remoteEnded) return this.#streamError(stream, errorCode.STREAM_CLOSED);
    if (this.#selfDependent) return this.#streamError(stream, errorCode.PROTOCOL_ERROR);
    if (stream.gotHeaders) return this.#onTrailers(stream, block, endStream);
    // An answer with fields missing must not pass for the whole one.
    if (block.tooLarge || !isResponse(block, facts)) return this.#streamError(stream, errorCode.PROTOCOL_ERROR);
    if (facts.status < 200) {
      stream.remoteEnded = endStream;
      if (endStream || facts.status === 101) this.#streamError(stream, errorCode.PROTOCOL_ERROR);
      else if (this.#trouble(headersTrouble, "interim_flood")) this.#handler.onInterim?.(stream, block, facts.status);
      return;
    }
    this.#begin(stream, endStream);
    if (stream.closed) return;
    this.#handler.onResponse(stream, block, facts.status, endStream);
    if (endStream && stream.localEnded) this.#close(stream, closedHow.ended);
  }

  #begin(stream: H2Stream, endStream: boolean): void {
    stream.gotHeaders = true;
    // Where no body comes, the length is that of what a GET would have brought (RFC 9110, 8.6).
    const bodiless = stream.expectedBytes === noBody || facts.status === 304 || facts.status === 204;
    stream.expectedBytes = bodiless ? 0 : facts.contentLength;
    stream.remoteEnded = endStream;
    if (endStream && stream.expectedBytes > 0) this.#streamError(stream, errorCode.PROTOCOL_ERROR);
  }

  #newStream(id: number, block: HeaderBlock, endStream: boolean): void {
    this.lastPeerStreamId = id;
    if (id > this.#goawayLastId) {
      // The client was told, and sends the call elsewhere.
      this.#strayBytes += this.#initialRecvWindow;
      this.#trouble(headersTrouble, "header_flood");
      return;
    }
    this.#guard.streams++;
    if (this.#streams.size >= this.#options.maxConcurrentStreams) return this.#refuse(id, errorCode.REFUSED_STREAM);
    if (block.tooLarge) facts.contentLength = -1;
    else if (!isRequest(block, facts)) return this.#refuse(id, errorCode.PROTOCOL_ERROR);
    if (this.#selfDependent || (endStream && facts.contentLength > 0)) {
      return this.#refuse(id, errorCode.PROTOCOL_ERROR);
    }
    const stream = new H2Stream(id, this, this.#peerInitialWindow, this.#initialRecvWindow);
    this.#streams.add(stream);
    stream.gotHeaders = true;
    stream.expectedBytes = facts.contentLength;
    stream.remoteEnded = endStream;
    this.#handler.onRequest(stream, block, endStream);
  }

  #onTrailers(stream: H2Stream, block: HeaderBlock, endStream: boolean): void {
    facts.contentLength = -1;
    if (!endStream || block.tooLarge || !isTrailers(block, facts)) {
      return this.#streamError(stream, errorCode.PROTOCOL_ERROR);
    }
    if (!this.#lengthHolds(stream, true)) return;
    stream.remoteEnded = true;
    this.#handler.onTrailers(stream, block);
    if (stream.localEnded) this.#close(stream, closedHow.ended);
  }

  #onWindowUpdate(id: number, buf: Buffer, start: number, end: number): void {
    if (!this.#trouble(1, "window_update_flood")) return;
    if (end - start !== 4) return this.fail(errorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong length");
    const increment = streamIdAt(buf, start);
    if (id === 0) {
      if (increment === 0) return this.fail(errorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
      if (!this.sender.grow(undefined, increment)) {
        return this.fail(errorCode.FLOW_CONTROL_ERROR, "connection window overflow");
      }
      return this.sender.pump();
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#isIdle(id)) this.fail(errorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
      else if (increment === 0) this.#resetGone(id, errorCode.PROTOCOL_ERROR);
      return;
    }
    if (increment === 0) return this.#streamError(stream, errorCode.PROTOCOL_ERROR);
    if (!this.sender.grow(stream, increment)) return this.#streamError(stream, errorCode.FLOW_CONTROL_ERROR);
    this.sender.pump();
  }

  #onReset(id: number, buf: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.fail(errorCode.FRAME_SIZE_ERROR, "RST_STREAM of a wrong length");
    if (id === 0) return this.fail(errorCode.PROTOCOL_ERROR, "RST_STREAM on stream 0");
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#isIdle(id)) this.fail(errorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream");
      else this.#trouble(1, "reset_flood");
      return;
    }
    const code = buf.readUInt32BE(start);
    const how = code === errorCode.REFUSED_STREAM ? "unprocessed" : "peer";
    const early = !stream.spoke && this.nowMs - stream.openedMs < this.#options.earlyResetMs;
    this.#close(stream, closedHow.resetByPeer, code, how);
    if (early) this.#inVain();
  }

  #onSettings(flags: number, id: number, buf: Buffer, start: number, end: number): void {
    if (id !== 0) return this.fail(errorCode.PROTOCOL_ERROR, "SETTINGS on a stream");
    if (!this.#trouble(1, "settings_flood")) return;
    const length = end - start;
    if ((flags & frameFlag.ACK) !== 0) {
      if (length !== 0) return this.fail(errorCode.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with a payload");
      // Until now the peer could not know our limits: the protocol's own were in force where they are larger.
      this.#initialRecvWindow = this.#options.streamWindowBytes;
      this.#decoder.setMaxTableSize(this.#options.decoderTableBytes);
      return;
    }
    if (length % 6 !== 0) return this.fail(errorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong length");
    if (length > this.#options.maxSettings * 6) {
      return this.fail(errorCode.ENHANCE_YOUR_CALM, "too many settings in a frame", "settings_flood");
    }
    const first = !this.#gotSettings;
    this.#gotSettings = true;
    if (first) this.peerMaxStreams = unlimitedStreams;
    const hadCapacity = this.hasCapacity;
    const window = this.#peerInitialWindow;
    for (let at = start; at < end && !this.dead; at += 6) this.#setting(buf.readUInt16BE(at), buf.readUInt32BE(at + 2));
    if (!this.dead) this.#moveWindows(this.#peerInitialWindow - window);
    if (this.dead) return;
    // Before what the new windows let out: a peer may go by the order.
    writeSettingsAck(this.output);
    this.sender.pump();
    if (first) {
      this.ready = true;
      this.#onceReady?.();
      this.#onceReady = undefined;
      this.#handler.onReady(this);
    } else if (!hadCapacity && this.hasCapacity) {
      this.#handler.onCapacity(this);
    }
  }

  #setting(id: number, value: number): void {
    switch (id) {
      case settingId.HEADER_TABLE_SIZE:
        this.sender.encoder.setPeerMaxTableSize(value);
        return;
      case settingId.ENABLE_PUSH:
        if (value > 1 || (value === 1 && this.role === "client")) this.fail(errorCode.PROTOCOL_ERROR, "ENABLE_PUSH");
        return;
      case settingId.MAX_CONCURRENT_STREAMS:
        this.peerMaxStreams = value;
        return;
      case settingId.INITIAL_WINDOW_SIZE:
        if (value > maxWindow) return this.fail(errorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE");
        this.#peerInitialWindow = value;
        return;
      case settingId.MAX_FRAME_SIZE:
        if (value < 16_384 || value > maxFrameLimit) return this.fail(errorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE");
        this.sender.peerMaxFrame = value;
        return;
      default: // MAX_HEADER_LIST_SIZE is advice to callers; unknown settings are to be ignored
    }
  }

  /** Every stream's window follows the setting, once a frame however often the frame sets it. */
  #moveWindows(change: number): void {
    if (change === 0 || !this.#trouble(Math.floor(this.#streams.size / windowsPerFrame), "settings_flood")) return;
    const holds = this.#streams.every((stream) => this.sender.grow(stream, change));
    if (!holds) this.fail(errorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE");
  }

  #onPing(flags: number, id: number, buf: Buffer, start: number, end: number): void {
    if (id !== 0) return this.fail(errorCode.PROTOCOL_ERROR, "PING on a stream");
    if (end - start !== 8) return this.fail(errorCode.FRAME_SIZE_ERROR, "PING of a wrong length");
    if (!this.#trouble(1, "ping_flood")) return;
    if ((flags & frameFlag.ACK) !== 0) {
      if (buf[start] !== alivePayload[0]) this.finishShutdown();
      return;
    }
    writePing(this.output, true, buf, start);
  }

  #onGoaway(id: number, buf: Buffer, start: number, end: number): void {
    if (id !== 0) return this.fail(errorCode.PROTOCOL_ERROR, "GOAWAY on a stream");
    if (end - start < 8) return this.fail(errorCode.FRAME_SIZE_ERROR, "GOAWAY of a wrong length");
    if (!this.#trouble(1, "goaway_flood")) return;
    const lastId = streamIdAt(buf, start);
    const code = buf.readUInt32BE(start + 4);
    this.goingAway = true;
    const { firstStreamId } = this.#options;
    this.goawayServed = this.role === "client" && this.#nextStreamId > firstStreamId && lastId >= firstStreamId;
    this.tooManyPings =
      code === errorCode.ENHANCE_YOUR_CALM && buf.toString("latin1", start + 8, end) === "too_many_pings";
    this.#handler.onGoaway(this, code);
    if (this.role === "client") {
      for (const stream of this.#streams.all()) {
        if (stream.id <= lastId) continue;
        this.#close(stream, closedHow.resetByUs, errorCode.REFUSED_STREAM, "unprocessed");
      }
    }
    this.#endIfIdle();
  }

  #onPriority(id: number, buf: Buffer, start: number, end: number): void {
    if (id === 0) return this.fail(errorCode.PROTOCOL_ERROR, "PRIORITY on stream 0");
    if (!this.#trouble(1, "priority_flood")) return;
    const stream = this.#streams.get(id);
    let code: number = errorCode.NO_ERROR;
    if (end - start !== 5) code = errorCode.FRAME_SIZE_ERROR;
    else if (streamIdAt(buf, start) === id) code = errorCode.PROTOCOL_ERROR;
    if (code === errorCode.NO_ERROR) return;
    if (stream !== undefined) this.#streamError(stream, code);
    else if (this.#isIdle(id)) this.fail(code, "PRIORITY on an idle stream");
    else this.#resetGone(id, code);
  }
}

/** In place of a code: the end of a stream that its owner knows of. */
const unreported = -1;
/** Of a peer that sets no limit (RFC 9113, 6.5.2). */
const unlimitedStreams = maxWindow;
/** Size of the peer's HPACK table before it has seen our SETTINGS (RFC 9113, 6.5.2). */
const defaultTableBytes = 4_096;
const endingPayload = Buffer.alloc(8);
const alivePayload = Buffer.from("alive?..");
/** A header block that leads to nothing, in control frames: it has to be decoded all the same. */
const headersTrouble = 10;
/** Streams whose windows are moved at the price of a control frame. */
const windowsPerFrame = 32;
