/** An input read as a row of choices and pieces; whatever is missing at its end is 0 or empty. */
export class ByteSource {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.byte() % list.length] as T;
  }

  /** A piece whose length is the next byte. */
  piece(): Buffer {
    return this.take(this.byte());
  }

  take(count: number): Buffer {
    const piece = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return piece;
  }

  rest(): Buffer {
    return this.take(this.#bytes.length);
  }
}

/** The bytes in pieces whose lengths repeat; each in a buffer of its own, which is overwritten once the next one is there. */
export function cutBy(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const count = Math.max(1, sizes[i % sizes.length] ?? 1);
    pieces.push(Buffer.from(bytes.subarray(at, at + count)));
    at += count;
  }
  return pieces;
}
