/**
 * gRPC's length-prefixed messages (PROTOCOL-HTTP2.md: a flag byte, four bytes of length, the message), as they come out of
 * DATA frames: cut anywhere, even within the prefix.
 *
 * Both classes are one per stream, reused by `reset()`, and allocate nothing per message or piece, but for the collector's
 * own buffer where a message comes in several pieces.
 */

/** Bytes of flag and length before every message. */
export const prefixBytes = 5;

/** Counts the messages of one direction of a stream without looking into them. */
export class MessageScanner {
  /** Messages seen to their last byte. */
  complete = 0;
  /** Whether the first message's flag says that it is compressed. Known once `started` is true. */
  firstCompressed = false;
  /** The first message's prefix has been seen whole. */
  started = false;
  #prefixSeen = 0;
  #length = 0;
  #left = 0;

  /** Whether the stream could end here: no message is cut in two. */
  get atBoundary(): boolean {
    return this.#prefixSeen === 0;
  }

  /** Takes the next piece; gives how many messages it completed. */
  push(bytes: Uint8Array, start: number, end: number): number {
    const before = this.complete;
    let at = start;
    while (at < end) {
      if (this.#prefixSeen < prefixBytes) {
        const byte = bytes[at++] as number;
        if (this.#prefixSeen === 0) {
          if (!this.started) this.firstCompressed = (byte & 1) === 1;
          this.#length = 0;
        } else {
          this.#length = this.#length * 256 + byte;
        }
        if (++this.#prefixSeen < prefixBytes) continue;
        this.started = true;
        this.#left = this.#length;
      } else {
        const taken = Math.min(this.#left, end - at);
        at += taken;
        this.#left -= taken;
      }
      if (this.#left === 0) {
        this.complete++;
        this.#prefixSeen = 0;
      }
    }
    return this.complete - before;
  }

  reset(): void {
    this.complete = 0;
    this.firstCompressed = false;
    this.started = false;
    this.#prefixSeen = 0;
    this.#length = 0;
    this.#left = 0;
  }
}

export type Collected = "need_more" | "complete" | "too_large";

/** A buffer of its own that is kept for the next message; larger ones are given back. */
const keptBytes = 16 * 1024;
const none = new Uint8Array(0);

/** Gathers the first message of a stream, up to a limit. */
export class MessageCollector {
  state: Collected = "need_more";
  /** The message's flag byte: 0 plain, 1 compressed. Known once its first byte came. */
  flag = 0;
  /** With `complete`: the message is `bytes[start, end)`. It is valid until `reset()`, and while nobody overwrites the piece. */
  bytes: Uint8Array = none;
  start = 0;
  end = 0;
  /** Bytes of the last piece that lie after the message: the next one has begun. */
  rest = 0;
  #limit: number;
  #prefixSeen = 0;
  #length = 0;
  #filled = 0;
  #own: Uint8Array = none;

  /** Messages of more than `limitBytes`, prefix not counted, are `too_large`. */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** The message's length as its prefix declares it; 0 until that is known. */
  get declaredBytes(): number {
    return this.#prefixSeen === prefixBytes ? this.#length : 0;
  }

  /** Bytes of the collector's own buffer: what it pins beyond the pieces given to it. */
  get heldBytes(): number {
    return this.#own.length;
  }

  get compressed(): boolean {
    return (this.flag & 1) === 1;
  }

  /**
   * Takes the next piece. A message that lies within one piece is not copied. The own buffer grows with what has come, never
   * with what the prefix promises: a promise of a gigabyte must not cost one.
   */
  push(bytes: Uint8Array, start: number, end: number): Collected {
    if (this.state !== "need_more") return this.state;
    let at = start;
    while (this.#prefixSeen < prefixBytes) {
      if (at === end) return "need_more";
      const byte = bytes[at++] as number;
      if (this.#prefixSeen++ === 0) this.flag = byte;
      else this.#length = this.#length * 256 + byte;
    }
    if (this.#length > this.#limit) {
      this.state = "too_large";
      return "too_large";
    }
    const wanted = this.#length - this.#filled;
    const there = end - at;
    if (this.#filled === 0 && there >= wanted) {
      this.#settle(bytes, at, at + wanted, there - wanted);
      return "complete";
    }
    const taken = Math.min(wanted, there);
    this.#reserve(this.#filled + taken);
    this.#own.set(bytes.subarray(at, at + taken), this.#filled);
    this.#filled += taken;
    if (taken < wanted) return "need_more";
    this.#settle(this.#own, 0, this.#length, there - taken);
    return "complete";
  }

  /** With `complete`: the message in a buffer that nobody else writes to, and that outlives `reset()`. */
  detach(): Uint8Array {
    const message = this.bytes.subarray(this.start, this.end);
    if (this.bytes !== this.#own) return Uint8Array.prototype.slice.call(message);
    this.#own = none;
    return message;
  }

  /** Makes it ready for another stream. */
  reset(limitBytes: number = this.#limit): void {
    this.#limit = limitBytes;
    this.state = "need_more";
    this.flag = 0;
    this.bytes = none;
    this.start = 0;
    this.end = 0;
    this.rest = 0;
    this.#prefixSeen = 0;
    this.#length = 0;
    this.#filled = 0;
    if (this.#own.length > keptBytes) this.#own = none;
  }

  #settle(bytes: Uint8Array, start: number, end: number, rest: number): void {
    this.state = "complete";
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.rest = rest;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#own.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.#length, Math.max(1024, 2 * bytes))));
    grown.set(this.#own.subarray(0, this.#filled));
    this.#own = grown;
  }
}

/** The message with its prefix, in one buffer. */
export function frameMessage(payload: Uint8Array, flag = 0): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + payload.length);
  framed[0] = flag;
  framed.writeUInt32BE(payload.length, 1);
  framed.set(payload, prefixBytes);
  return framed;
}
