/**
 * String literals (RFC 7541, 5.2): plain or Huffman-coded bytes to names and values, and whether HTTP allows them.
 *
 * One instance serves all connections: what it holds is used up before anything else can run.
 */
import { hasForbidden } from "../header-rules.ts";
import { hpackError } from "./hpack-error.ts";
import { decodedBound, decodedForbidden, decodedLength, decodeHuffman, huffmanFailed } from "./huffman-decoder.ts";
import { Cursor, integerTooLarge, readInteger } from "./integer.ts";
import { latin1Of } from "./latin1.ts";
import { type KnownName, nameOf, unnamed } from "./name-cache.ts";

/** Decoded strings of up to this many bytes share one scratch; longer ones, which are rare, get one for the moment. */
const scratchSize = 16_384;

/** The same bytes twice: a view is what two bytes are stored in at once, a buffer what strings are made of. */
class Scratch {
  readonly bytes: Buffer;
  readonly view: DataView;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }
}

const huffmanFlag = 0x80;
const lengthMax = 0x7f;

/** Whether the literal at `start` has 127 bytes or more. */
export function isLong(bytes: Buffer, start: number, end: number): boolean {
  return start < end && (bytes[start]! & lengthMax) === lengthMax;
}

export class StringReader {
  /** The last name read. */
  name: KnownName = unnamed;
  /** The last value read. */
  value = "";
  /** Whether HTTP allows it. */
  valueOk = false;
  /** Where the bytes of the string begin whose length was read last. */
  #at = 0;
  readonly #cursor = new Cursor();
  readonly #scratch = new Scratch(scratchSize);

  /** Reads the length only. Returns the position behind the string, or the negative of an `hpackError`. */
  endOf(bytes: Buffer, start: number, end: number): number {
    if (start >= end) return -hpackError.truncated;
    let at = start + 1;
    let length = bytes[start]! & lengthMax;
    if (length === lengthMax) {
      length = readInteger(bytes, at, end, lengthMax, this.#cursor);
      if (length < 0) return length === integerTooLarge ? -hpackError.integer : -hpackError.truncated;
      at = this.#cursor.position;
    }
    this.#at = at;
    return length > end - at ? -hpackError.truncated : at + length;
  }

  /** Reads a name. Returns the position behind it, or the negative of an `hpackError`. */
  readName(bytes: Buffer, start: number, end: number): number {
    const stop = this.endOf(bytes, start, end);
    if (stop < 0) return stop;
    const at = this.#at;
    if (bytes[start]! < huffmanFlag) {
      this.name = nameOf(bytes, at, stop - at);
      return stop;
    }
    const scratch = this.#scratchFor(stop - at);
    const result = decodeHuffman(bytes, at, stop, scratch.view);
    if (result === huffmanFailed) return -hpackError.huffman;
    this.name = nameOf(scratch.bytes, 0, decodedLength(result));
    return stop;
  }

  /** Reads a value. Returns the position behind it, or the negative of an `hpackError`. */
  readValue(bytes: Buffer, start: number, end: number): number {
    const stop = this.endOf(bytes, start, end);
    if (stop < 0) return stop;
    const at = this.#at;
    if (bytes[start]! < huffmanFlag) {
      const value = latin1Of(bytes, at, stop - at);
      this.value = value;
      this.valueOk = !hasForbidden(value);
      return stop;
    }
    const scratch = this.#scratchFor(stop - at);
    const result = decodeHuffman(bytes, at, stop, scratch.view);
    if (result === huffmanFailed) return -hpackError.huffman;
    const value = latin1Of(scratch.bytes, 0, decodedLength(result));
    this.value = value;
    this.valueOk = !decodedForbidden(result);
    return stop;
  }

  /** Finds a string's end and errors without making it. Returns as the others do. */
  skip(bytes: Buffer, start: number, end: number): number {
    const stop = this.endOf(bytes, start, end);
    if (stop < 0 || bytes[start]! < huffmanFlag) return stop;
    const scratch = this.#scratchFor(stop - this.#at);
    return decodeHuffman(bytes, this.#at, stop, scratch.view) === huffmanFailed ? -hpackError.huffman : stop;
  }

  #scratchFor(encodedLength: number): Scratch {
    const bound = decodedBound(encodedLength);
    return bound <= scratchSize ? this.#scratch : new Scratch(bound);
  }
}
