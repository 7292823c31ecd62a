/**
 * The request bytes that a call may still need: those that wait for a decision or a connection, and, while nothing has
 * been answered, those that would have to be sent again.
 *
 * The usual request is one piece of one socket read: it is kept as a range of it, without a copy, and most are gone again
 * when that read ends. What is not is copied then, as is what would pin much more memory than the message has.
 */
import { type Borrower, lent } from "../http2/read-memory.ts";

const none = Buffer.alloc(0);

/**
 * Copies up to this length, of most requests and answers, lie in memory that is used again: to make some costs more than to
 * fill it. It is less than what outputs take in slices, so nobody refers to it once the buffer is cleared.
 */
const shortBytes = 1_024;
/** As many as calls may be open on one connection. */
const sparesKept = 1_000;
const spares: Buffer[] = [];

/** A read of at most this size may be pinned whole by any message in it. */
const smallRead = 16_384;

export class RequestBuffer implements Borrower {
  /** All of it, where it is in one piece. */
  head: Buffer = none;
  start = 0;
  end = 0;
  /** What came after the first piece; own copies, of which the last may have room behind it. */
  #more: Buffer[] | undefined = undefined;
  /** Bytes of the last one in use. */
  #lastUsed = 0;
  bytes = 0;
  /** `head` is a read under way, which another will go over. */
  #borrowed = false;
  /** `head` is one of the spares. */
  #spare = false;

  /** @param brief it is held so briefly that what it pins does not matter. */
  push(buf: Buffer, start: number, end: number, brief = false): void {
    const length = end - start;
    if (length === 0) return;
    if (this.bytes === 0) {
      this.#borrowed = lent.memoryOf(buf) !== undefined;
      if (this.#borrowed) lent.borrow(this);
      if (this.#borrowed || brief || isWorthPinning(buf, length)) {
        this.head = buf;
        this.start = start;
        this.end = end;
      } else {
        this.head = copyOf(buf, start, end);
        this.start = 0;
        this.end = length;
      }
    } else {
      this.#append(buf, start, end);
    }
    this.bytes += length;
  }

  /** Small pieces share memory: made for one each, a message that comes byte by byte would take hundreds of times its length. */
  #append(buf: Buffer, start: number, end: number): void {
    this.#more ??= [];
    const more = this.#more;
    const last = more[more.length - 1];
    let at = start;
    if (last !== undefined && this.#lastUsed < last.length) {
      at += buf.copy(last, this.#lastUsed, start, end);
      this.#lastUsed += at - start;
      if (at === end) return;
    }
    const left = end - at;
    const fresh = Buffer.allocUnsafeSlow(left >= shortBytes ? left : sharedBytes(this.bytes));
    more.push(fresh);
    this.#lastUsed = buf.copy(fresh, 0, at, end);
  }

  /** Whether the process should hold no more of it. */
  get unaffordable(): boolean {
    return false;
  }

  /** Whether its first message is known to be longer than `limit`. */
  exceeds(limit: number): boolean {
    if (this.bytes > limit) return true;
    return this.end - this.start >= 5 && this.head.readUInt32BE(this.start + 1) + 5 > limit;
  }

  /** Sees to it that nothing changes what it holds any more. */
  own(): void {
    if (!this.#borrowed) return;
    const { head, start, end } = this;
    const length = end - start;
    this.#borrowed = false;
    this.#spare = length <= shortBytes;
    if (this.#spare) {
      this.head = spares.pop() ?? Buffer.allocUnsafeSlow(shortBytes);
      head.copy(this.head, 0, start, end);
    } else {
      this.head = copyOf(head, start, end);
    }
    this.start = 0;
    this.end = length;
  }

  /** All of it, for whoever needs it longer than this buffer does. */
  copy(): Buffer {
    this.flatten();
    return copyOf(this.head, this.start, this.end);
  }

  /** Makes one piece of it: `head[start, end)`. */
  flatten(): void {
    const more = this.#more;
    if (more === undefined) return;
    const last = (more.pop() as Buffer).subarray(0, this.#lastUsed);
    const whole = Buffer.concat([this.head.subarray(this.start, this.end), ...more, last]);
    this.#let();
    this.head = whole;
    this.start = 0;
    this.end = whole.length;
  }

  clear(): void {
    this.#let();
    this.head = none;
    this.start = 0;
    this.end = 0;
    this.bytes = 0;
  }

  /** Lets go of all pieces. */
  #let(): void {
    if (this.#spare && spares.length < sparesKept) spares.push(this.head);
    this.#spare = false;
    this.#borrowed = false;
    this.#more = undefined;
    this.#lastUsed = 0;
  }

  /** The first message's declared length; -1 before its five bytes of prefix are here. */
  messageBytes(): number {
    if (this.end - this.start < 5) {
      if (this.bytes < 5) return -1;
      this.flatten();
    }
    return this.head.readUInt32BE(this.start + 1);
  }

  /** The first message's flag byte; call `messageBytes` first. */
  get flag(): number {
    return this.head[this.start] ?? 0;
  }
}

/** Room for small pieces: as much as there is already, so that no more than half of it is empty. */
function sharedBytes(held: number): number {
  return held <= shortBytes ? shortBytes : held >= smallRead ? smallRead : held;
}

function isWorthPinning(buf: Buffer, length: number): boolean {
  const pinned = buf.buffer.byteLength;
  return pinned <= smallRead || length * 2 >= pinned;
}

/** Quicker than `Buffer.from`, and without a share in Node's pool, which would pin what lies beside it. */
function copyOf(buf: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  buf.copy(copy, 0, start, end);
  return copy;
}
