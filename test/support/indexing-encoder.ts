/**
 * A peer's HPACK encoder, as Go's and many others are: it inserts every literal that fits and Huffman-codes whatever gets
 * shorter by it. Slow and plain on purpose: what the decoder is tested and measured with shares only the RFC's two
 * tables with the encoder of the proxy.
 */
import { huffmanCodes } from "../../src/http2/hpack/huffman-code.ts";
import { staticFields } from "../../src/http2/hpack/static-table.ts";

export interface PeerField {
  readonly name: string;
  readonly value: string;
  /** How a field is sent that is not in a table; `spelled` and `never` even if it is, `spelled` with its name. Default `inserted`. */
  readonly as?: "inserted" | "plain" | "spelled" | "never";
  /** Default: where it is shorter. */
  readonly huffman?: boolean;
}

export class IndexingEncoder {
  maxSize: number;
  #entries: { name: string; value: string; size: number }[] = [];

  constructor(maxSize = 4096) {
    this.maxSize = maxSize;
  }

  /** The bytes of a size update, which takes effect here as well. */
  resize(size: number): Buffer {
    this.maxSize = size;
    this.#evict();
    return Buffer.from(integer(0x20, 5, size));
  }

  encode(fields: readonly PeerField[]): Buffer {
    const out: number[] = [];
    for (const field of fields) this.#encode(field, out);
    return Buffer.from(out);
  }

  #encode({ name, value, as = "inserted", huffman }: PeerField, out: number[]): void {
    const all = [...staticFields.slice(1), ...this.#entries];
    const exact = all.findIndex((entry) => entry?.name === name && entry.value === value) + 1;
    if (exact > 0 && as !== "never" && as !== "spelled") {
      out.push(...integer(0x80, 7, exact));
      return;
    }
    const size = name.length + value.length + 32;
    const inserted = as === "inserted" && size <= this.maxSize;
    const named = as === "spelled" ? 0 : all.findIndex((entry) => entry?.name === name) + 1;
    out.push(...(inserted ? integer(0x40, 6, named) : integer(as === "never" ? 0x10 : 0x00, 4, named)));
    if (named === 0) out.push(...stringLiteral(name, huffman));
    out.push(...stringLiteral(value, huffman));
    if (inserted) {
      this.#entries.unshift({ name, value, size });
      this.#evict();
    }
  }

  #evict(): void {
    let size = 0;
    const end = this.#entries.findIndex((entry) => {
      size += entry.size;
      return size > this.maxSize;
    });
    if (end >= 0) this.#entries = this.#entries.slice(0, end);
  }
}

/** An integer behind `prefixBits` of a byte that begins with `flags` (RFC 7541, 5.1). */
export function integer(flags: number, prefixBits: number, value: number): number[] {
  const max = 2 ** prefixBits - 1;
  if (value < max) return [flags | value];
  const bytes = [flags | max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}

export function stringLiteral(text: string, huffman?: boolean): number[] {
  const plain = [...Buffer.from(text, "latin1")];
  const coded = huffmanEncode(plain);
  const bytes = (huffman ?? coded.length < plain.length) ? coded : plain;
  return [...integer(bytes === coded ? 0x80 : 0, 7, bytes.length), ...bytes];
}

/** Symbols to bytes, the last one padded with ones. Symbol 256 is the end of a string. */
export function huffmanEncode(symbols: readonly number[]): number[] {
  const codes = huffmanCodes();
  let bits = "";
  for (const symbol of symbols) {
    const code = codes[symbol];
    if (code !== undefined) bits += code.code.toString(2).padStart(code.bits, "0");
  }
  while (bits.length % 8 !== 0) bits += "1";
  return (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
}
