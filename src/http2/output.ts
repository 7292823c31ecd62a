/**
 * What a connection has to say and its socket has not yet been given.
 *
 * Frames are written one after the other into an arena, so that a turn of the event loop costs one system call however
 * many calls it moved. Large payloads are not copied: they go in between as slices of the buffer they came in, which is
 * held until the socket has taken them.
 */
import { lent, type ReadMemory } from "./read-memory.ts";

const arenaBytes = 65_536;
/** Longest run of output pieces handed over at once; beyond it, a turn's output is split into several. */
const noPieces: readonly Buffer[] = [];

export class Output {
  /** Room to write in: `buf[pos...]`. Call `reserve` first. */
  buf: Buffer = Buffer.allocUnsafeSlow(arenaBytes);
  pos = 0;
  /** Bytes written and not yet taken. */
  bytes = 0;
  /** Start of what has been written into `buf` and not yet been cut off as a piece. */
  #start = 0;
  #pieces: Buffer[] = [];
  /** Read memory that pieces lie in: of those that have not been taken, and of those that have. */
  #held: ReadMemory[] = [];
  #given: ReadMemory[] = [];
  /** Called on the first byte after a `take`. */
  readonly #onDirty: () => void;

  constructor(onDirty: () => void) {
    this.#onDirty = onDirty;
  }

  /** Makes sure that `count` more bytes can be written at `pos`. */
  reserve(count: number): void {
    if (this.pos + count <= this.buf.length) return;
    this.#cut();
    this.buf = Buffer.allocUnsafeSlow(count > arenaBytes ? count : arenaBytes);
    this.pos = 0;
    this.#start = 0;
  }

  /** Says that `buf` now holds bytes up to `pos`. */
  wrote(pos: number): void {
    if (this.bytes === 0) this.#onDirty();
    this.bytes += pos - this.pos;
    this.pos = pos;
  }

  /** Puts `buf[start, end)` next in line, uncopied: it must not change until it has been sent, unless it is lent. */
  slice(buf: Buffer, start = 0, end = buf.length): void {
    this.#cut();
    if (this.bytes === 0) this.#onDirty();
    const memory = lent.memoryOf(buf);
    if (memory !== undefined && memory !== this.#held[this.#held.length - 1]) {
      memory.hold();
      this.#held.push(memory);
    }
    this.#pieces.push(start === 0 && end === buf.length ? buf : buf.subarray(start, end));
    this.bytes += end - start;
  }

  #cut(): void {
    if (this.pos > this.#start) this.#pieces.push(this.buf.subarray(this.#start, this.pos));
    this.#start = this.pos;
  }

  /** The only piece, where there is one: the common case, without an array. */
  takeOne(): Buffer | undefined {
    if (this.#pieces.length > 0 || this.pos === this.#start) return undefined;
    const piece = this.buf.subarray(this.#start, this.pos);
    this.#start = this.pos;
    this.bytes = 0;
    return piece;
  }

  /** Everything, in order. */
  take(): readonly Buffer[] {
    this.#cut();
    this.bytes = 0;
    if (this.#pieces.length === 0) return noPieces;
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const memory of this.#held) this.#given.push(memory);
    this.#held = [];
    return pieces;
  }

  /**
   * Copies what fits of it into `target`, from the front: for a socket that takes bytes by working on a copy, and one large
   * piece better than several. What has been copied is given back at once. @returns how many bytes that were.
   */
  move(target: Buffer): number {
    this.#cut();
    const pieces = this.#pieces;
    let filled = 0;
    let done = 0;
    while (done < pieces.length && filled < target.length) {
      const piece = pieces[done] as Buffer;
      const copied = piece.copy(target, filled);
      filled += copied;
      if (copied < piece.length) {
        pieces[done] = piece.subarray(copied);
        break;
      }
      done++;
    }
    if (done > 0) pieces.splice(0, done);
    this.bytes -= filled;
    if (pieces.length === 0) {
      for (const memory of this.#held) memory.release();
      this.#held = [];
      this.rewind();
    }
    return filled;
  }

  /** The socket has passed on everything it was ever given, or never will: what it lay in may be written over. */
  rewind(): void {
    if (this.#given.length > 0) {
      for (const memory of this.#given) memory.release();
      this.#given = [];
    }
    if (this.pos === this.#start && this.#pieces.length === 0) {
      this.pos = 0;
      this.#start = 0;
    }
  }
}
