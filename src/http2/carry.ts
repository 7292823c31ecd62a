/**
 * The bytes of a frame that has not arrived whole.
 *
 * Most reads end between two frames or within a DATA payload, so this is seldom used; it grows to the largest frame only
 * once a peer has sent one that came in pieces.
 */
const firstBytes = 1_024;

export class Carry {
  buf: Buffer = Buffer.allocUnsafeSlow(firstBytes);
  /** Bytes of it in use. */
  count = 0;
  readonly #mostBytes: number;

  /** @param mostBytes the largest frame, its head included. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(chunk: Buffer, start: number, end: number): void {
    const count = this.count + end - start;
    if (count > this.buf.length) {
      const larger = Buffer.allocUnsafeSlow(this.#mostBytes);
      this.buf.copy(larger, 0, 0, this.count);
      this.buf = larger;
    }
    chunk.copy(this.buf, this.count, start, end);
    this.count = count;
  }

  /** Takes bytes until there are `want` of them. @returns how far the chunk is used up. */
  fillTo(want: number, chunk: Buffer, start: number, end: number): number {
    if (this.count >= want) return start;
    const until = Math.min(start + want - this.count, end);
    this.add(chunk, start, until);
    return until;
  }
}
