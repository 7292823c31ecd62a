/**
 * Text out of message bytes.
 *
 * Names of models and versions are UTF-8, as they are compared with what people write in a route. A sticky key is *its bytes
 * as Latin-1*, one character a byte: that is how header values come too, it is exact for bytes that are no UTF-8, and the hash
 * wants bytes. Integers are decimal text, so that the key 42 is the same in metadata, in a string tensor and in an integer one.
 */

/** Two to the 32nd: the weight of the upper half of a 64-bit integer. */
const upper = 2 ** 32;
const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as Record<
  "latin1Slice" | "utf8Slice",
  (this: Uint8Array, start: number, end: number) => string
>;

/** One character per byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return start === end ? "" : latin1Slice.call(bytes, start, end);
}

/** UTF-8; bytes that are none become U+FFFD. */
export function utf8(bytes: Uint8Array, start: number, end: number): string {
  return start === end ? "" : utf8Slice.call(bytes, start, end);
}

export function sameBytes(bytes: Uint8Array, start: number, end: number, expected: Uint8Array): boolean {
  const length = end - start;
  if (length !== expected.length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== expected[i]) return false;
  return true;
}

/** A signed 64-bit integer, given as two unsigned halves, in decimal digits. */
export function int64Text(low: number, high: number): string {
  if (high === 0) return String(low);
  const signedHigh = high | 0;
  if (signedHigh >= -0x20_0000 && signedHigh < 0x20_0000) return String(signedHigh * upper + low);
  return ((BigInt(signedHigh) << 32n) | BigInt(low)).toString();
}

/** An unsigned 64-bit integer, given as two unsigned halves, in decimal digits. */
export function uint64Text(low: number, high: number): string {
  if (high < 0x20_0000) return String(high * upper + low);
  return ((BigInt(high) << 32n) | BigInt(low)).toString();
}

/** Longest text that is remembered: names of models and versions are far shorter. */
const rememberedBytes = 256;

/**
 * UTF-8 text that is nearly always the same as the last time, as a route's model name is: then no string is made.
 */
export class RepeatedText {
  readonly #bytes = new Uint8Array(rememberedBytes);
  #length = -1;
  #text = "";

  read(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length === this.#length) {
      const known = this.#bytes;
      let i = 0;
      while (i < length && bytes[start + i] === known[i]) i++;
      if (i === length) return this.#text;
    }
    const text = utf8(bytes, start, end);
    if (length <= rememberedBytes) {
      for (let i = 0; i < length; i++) this.#bytes[i] = bytes[start + i] as number;
      this.#length = length;
      this.#text = text;
    }
    return text;
  }
}

/** The decimal text of an integer that is nearly always the same as the last time, as a model's version is. */
export class RepeatedInteger {
  #low = -1;
  #high = -1;
  #text = "";

  read(low: number, high: number): string {
    if (low !== this.#low || high !== this.#high) {
      this.#low = low;
      this.#high = high;
      this.#text = int64Text(low, high);
    }
    return this.#text;
  }
}
