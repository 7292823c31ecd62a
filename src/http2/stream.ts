/**
 * One stream of one connection: windows, what is queued, which halves have ended.
 *
 * Its fields are the connection's to change; whoever owns the stream calls the methods.
 */
import type { Holder } from "./byte-budget.ts";
import type { Connection } from "./connection.ts";
import { errorCode } from "./constants.ts";
import type { HeaderBlock, HeaderField } from "./header-block.ts";
import { SendQueue } from "./send-queue.ts";

/** In `expectedBytes` until the answer's head is here: it will have no body, whatever length it tells (to HEAD). */
export const noBody = -2;

/** What still has to follow the queued bytes. */
export const queuedEnd = { none: 0, data: 1, trailers: 2 } as const;

export class H2Stream {
  readonly id: number;
  readonly connection: Connection;
  /** The call, copy or whatever else uses this stream; its handler knows the type. */
  owner: unknown = undefined;
  /** For whom its bytes are held: its own connection, until whoever owns it says otherwise. */
  holder: Holder;

  /** Bytes the peer may still send us. */
  recvWindow: number;
  /** Delivered bytes not yet credited to the peer. */
  recvUncredited = 0;
  /** `content-length` of the peer's message, -1 where it gave none; `noBody` where none may come. */
  expectedBytes = -1;
  receivedBytes = 0;
  gotHeaders = false;
  remoteEnded = false;

  /** Bytes we may still send; below zero after the peer shrank its windows (RFC 9113, 6.9.2). */
  sendWindow: number;
  localEnded = false;
  queue: SendQueue | undefined = undefined;
  /** One of `queuedEnd`. */
  endQueued: number = queuedEnd.none;
  trailers: HeaderField[] | undefined = undefined;
  /** What they are charged as while they wait. */
  trailerBytes = 0;
  /** Links of the connection's ready list. */
  nextReady: H2Stream | undefined = undefined;
  priorReady: H2Stream | undefined = undefined;
  inReady = false;

  closed = false;
  /** It was answered without anybody having been asked: it has cost its peer too little to pay for anything. */
  unearned = false;
  /** Our headers are out. */
  spoke = false;
  /** When it began: `nowMs` of its connection. */
  readonly openedMs: number;

  constructor(id: number, connection: Connection, sendWindow: number, recvWindow: number) {
    this.id = id;
    this.connection = connection;
    this.holder = connection.holder;
    this.sendWindow = sendWindow;
    this.recvWindow = recvWindow;
    this.openedMs = connection.nowMs;
  }

  /** Bytes held here because the peer or the socket does not take them. */
  get queuedBytes(): number {
    return this.queue === undefined ? 0 : this.queue.bytes;
  }

  /** Sends request, response or (with `endStream`) trailers-only headers at once. */
  sendHeaders(block: HeaderBlock, endStream: boolean): void {
    this.connection.sendHeaders(this, block, endStream);
  }

  /**
   * Sends part of the message stream, or holds it.
   *
   * @returns the bytes that went out now; for the others `onDelivered` is called when they do.
   */
  sendData(buf: Buffer, start: number, end: number, endStream: boolean): number {
    return this.connection.sendData(this, buf, start, end, endStream);
  }

  /** Sends trailers, after everything queued. */
  sendTrailers(block: HeaderBlock): void {
    this.connection.sendTrailers(this, block);
  }

  /** Says that `count` received bytes have found their place: the peer may send as many again. */
  consumed(count: number): void {
    if (count > 0) this.connection.credit(this, count);
  }

  /** Ends the stream in both directions; nothing more is reported of it. */
  reset(code: number = errorCode.CANCEL): void {
    this.connection.resetStream(this, code);
  }

  makeQueue(): SendQueue {
    this.queue ??= new SendQueue();
    return this.queue;
  }
}
