/**
 * Long values that a peer writes out in every call, though they stay the same.
 *
 * Some clients never index bearer tokens: nghttp2 (and so node:http2, grpc-js and Envoy) and Rust's h2
 * (`Header::skip_value_index`) send them Huffman-coded each time, gRPC's C core plain. To compare the bytes with those of
 * the last such literal takes a twentieth of decoding them, and gives back the same object, which the encoder then knows
 * by identity. That the connection keeps the last few such values is no more than a table would do; a value that is new
 * each time costs a copy of its bytes.
 */
import type { HeaderField } from "../header-block.ts";

/** Names at a time: one line each, chosen by the name. */
const lines = 4;
/** Longer literals are not kept: so much is what a connection's memo may take, four times. */
const longest = 2048;

const nothing = Buffer.alloc(0);

export class LiteralMemo {
  readonly #fields = new Array<HeaderField | undefined>(lines).fill(undefined);
  /** By line: the literal with its length in front, and perhaps the rest of a longer one behind it. */
  readonly #copies = new Array<Buffer>(lines).fill(nothing);

  /** The field whose value is `bytes[start, stop)`, a whole string literal; undefined where it was not the last one. */
  find(name: string, sensitive: boolean, bytes: Buffer, start: number, stop: number): HeaderField | undefined {
    const line = lineOf(name);
    const length = stop - start;
    const field = this.#fields[line];
    if (field === undefined || field.sensitive !== sensitive || field.name !== name) return undefined;
    const copy = this.#copies[line]!;
    // Tokens of one issuer begin alike and end differently.
    if (copy[length - 1] !== bytes[stop - 1] || copy[length - 2] !== bytes[stop - 2]) return undefined;
    return copy.compare(bytes, start, stop, 0, length) === 0 ? field : undefined;
  }

  /** Remembers that `bytes[start, stop)` is the field's value. */
  keep(field: HeaderField, bytes: Buffer, start: number, stop: number): void {
    const length = stop - start;
    if (length > longest) return;
    const line = lineOf(field.name);
    if (this.#copies[line]!.length < length) this.#copies[line] = Buffer.allocUnsafeSlow(roomFor(length));
    bytes.copy(this.#copies[line]!, 0, start, stop);
    this.#fields[line] = field;
  }
}

function lineOf(name: string): number {
  return (name.length + name.charCodeAt(0)) & (lines - 1);
}

/** The next power of two, so that values that vary in length do not each take a buffer of their own. */
function roomFor(length: number): number {
  return 2 ** Math.ceil(Math.log2(length));
}
