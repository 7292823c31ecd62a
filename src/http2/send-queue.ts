/**
 * Bytes of one stream that wait for a window or for the socket.
 *
 * What is counted is what is pinned: a slice that is less than half of the buffer it lies in is copied, so that a
 * 64-byte message cannot hold on to a 64 KiB read, and so is what is only lent. Small pieces share a tail buffer, so that
 * many tiny messages do not become many tiny buffers.
 */
import { lent } from "./read-memory.ts";

const tailBytes = 16_384;
const smallestTail = 1_024;

/** Places of pieces that have left, before they are given up. */
const longTrail = 64;
/** Stands in such a place. */
const spent = Buffer.alloc(0);

export class SendQueue {
  readonly #pieces: Buffer[] = [];
  #head = 0;
  /** Bytes of the first piece already taken. */
  #offset = 0;
  /** Own buffer that the last piece lies in, with room behind it; undefined where the last piece is a slice. */
  #tail: Buffer | undefined;
  #tailUsed = 0;
  bytes = 0;
  /** Bytes that have left, in all. */
  #taken = 0;
  /** Of them, those that had left at the first of the looks since which none has. */
  #seenTaken = -1;
  #seenMs = 0;

  /** For how long nothing has left, as far as looks from time to time can tell: 0 at the first, and where nothing waits. */
  stalledMs(nowMs: number): number {
    if (this.bytes > 0 && this.#seenTaken === this.#taken) return nowMs - this.#seenMs;
    this.#seenTaken = this.bytes > 0 ? this.#taken : -1;
    this.#seenMs = nowMs;
    return 0;
  }

  push(buf: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    this.bytes += length;
    if (length >= tailBytes && length * 2 >= buf.buffer.byteLength && lent.memoryOf(buf) === undefined) {
      this.#pieces.push(start === 0 && end === buf.length ? buf : buf.subarray(start, end));
      this.#tail = undefined;
      return;
    }
    const tail = this.#tail;
    if (tail !== undefined && this.#tailUsed + length <= tail.length) {
      const from = this.#pieces[this.#pieces.length - 1] as Buffer;
      buf.copy(tail, this.#tailUsed, start, end);
      this.#tailUsed += length;
      this.#pieces[this.#pieces.length - 1] = tail.subarray(this.#tailUsed - from.length - length, this.#tailUsed);
      return;
    }
    const fresh = Buffer.allocUnsafeSlow(Math.max(length, tailFor(this.bytes)));
    buf.copy(fresh, 0, start, end);
    this.#tail = fresh;
    this.#tailUsed = length;
    this.#pieces.push(fresh.subarray(0, length));
  }

  /** The next piece of at most `most` bytes, removed; the queue must not be empty. */
  shift(most: number): Buffer {
    const piece = this.#pieces[this.#head] as Buffer;
    const left = piece.length - this.#offset;
    const take = left < most ? left : most;
    const part = piece.subarray(this.#offset, this.#offset + take);
    this.bytes -= take;
    this.#taken += take;
    if (take < left) {
      this.#offset += take;
      return part;
    }
    this.#offset = 0;
    this.#pieces[this.#head++] = spent;
    if (this.#head === this.#pieces.length) this.clear();
    else if (this.#head >= longTrail && this.#head * 2 >= this.#pieces.length) {
      // A queue that is never empty, for as long as its stream lives, must not grow by what has left it.
      this.#pieces.splice(0, this.#head);
      this.#head = 0;
    }
    return part;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#head = 0;
    this.#offset = 0;
    this.#tail = undefined;
    this.#tailUsed = 0;
    this.bytes = 0;
  }
}

/** As much as there is already, so that no more than half of what is pinned is empty; most queues hold one short message. */
function tailFor(held: number): number {
  return held < smallestTail ? smallestTail : held < tailBytes ? held : tailBytes;
}
