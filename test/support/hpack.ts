/** Header blocks in tests: fields as `[name, value]`, with a third item `"never"` where they are sensitive. */
import { HeaderBlock, HeaderField } from "../../src/http2/header-block.ts";
import type { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import type { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { hpackErrorName } from "../../src/http2/hpack/hpack-error.ts";

export type Pair = readonly [name: string, value: string, sensitive?: "never"];

export function blockOf(fields: readonly (Pair | HeaderField)[]): HeaderBlock {
  const block = new HeaderBlock();
  for (const field of fields) {
    block.add(field instanceof HeaderField ? field : new HeaderField(field[0], field[1], field[2] === "never"));
  }
  return block;
}

export function pairsOf(block: HeaderBlock): Pair[] {
  return block.fields
    .slice(0, block.count)
    .map(({ name, value, sensitive }) => (sensitive ? [name, value, "never"] : [name, value]));
}

/** Hex digits, with spaces where they help. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(/\s/g, ""), "hex");
}

export interface Decoded {
  readonly error: string;
  readonly fields: Pair[];
  readonly block: HeaderBlock;
}

export function decode(decoder: HpackDecoder, bytes: Buffer): Decoded {
  const block = new HeaderBlock();
  const error = hpackErrorName(decoder.decode(bytes, 0, bytes.length, block));
  return { error, fields: pairsOf(block), block };
}

/** Encodes with no byte more room than is promised, and fails if another one is touched. */
export function encode(encoder: HpackEncoder, fields: readonly (Pair | HeaderField)[]): Buffer {
  const block = blockOf(fields);
  const before = 3;
  const room = block.size + 16;
  const buf = Buffer.alloc(before + room + 3, 0xa5);
  const end = encoder.encode(block, buf, before);
  const outside = Buffer.concat([buf.subarray(0, before), buf.subarray(before + room)]);
  if (end > before + room || outside.some((byte) => byte !== 0xa5)) {
    throw new Error(`${end - before} bytes written for a block of ${block.size}`);
  }
  return Buffer.from(buf.subarray(before, end));
}

/** A literal that is neither Huffman coded nor put into the table. */
export function literal(name: string, value: string | Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x00), counted(Buffer.from(name)), counted(Buffer.from(value))]);
}

/** The same, put into the table. */
export function inserted(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), counted(Buffer.from(name)), counted(Buffer.from(value))]);
}

/** Text behind its length (RFC 7541, 5.1 and 5.2). */
function counted(bytes: Buffer): Buffer {
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}
