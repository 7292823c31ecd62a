/**
 * Huffman decoding, a byte of input at a time.
 *
 * A node of the code's tree and the next byte determine the one or two symbols that end within the byte (codes have at
 * least 5 bits) and the node it ends on. Each such step is one number in a table of 256 nodes by 256 bytes, so that a
 * byte costs one load instead of eight branches. A step also says whether HTTP forbids one of its symbols in a value,
 * which makes that check free.
 *
 * The table takes 256 KiB if all is used, but text visits some thirty of its rows. Rows are therefore filled when they
 * are first met: nothing is spent on them when the process starts, and untouched ones never become memory.
 */
import { isForbidden } from "../header-rules.ts";
import { endOfString, huffmanCodes } from "./huffman-code.ts";

/** What `decodeHuffman` returns for a string that RFC 7541, 5.2 forbids. */
export const huffmanFailed = -1;

/**
 * The tree: `children[2 * node + bit]` is a node, or `leaf + symbol`. Nodes 0 (the root) to 7 are those that 0 to 7
 * ones lead to, so that padding is right if, and only if, the last node is one of them.
 */
const leaf = 256;
const lastPadding = 7;
const children = buildTree();

/**
 * A step: bits 0-1 the count of symbols, 2 whether one is forbidden, 8-15 the next node, 16-23 the first symbol, 24-31
 * the second one. The second one's code has less than 8 bits, all of which are ASCII: a step is positive.
 */
const steps = new Int32Array(256 * 256);
const notFilled = 0;
/** Bytes of a string that may be decoded again for each row it meets first: at most 256 times, in a process's life. */
const longestRepeated = 1_024;
const countBits = 3;
const forbiddenBit = 4;
const nodeBits = 0xff00;

/** The most bytes that `decodeHuffman` may write for so many bytes of input: the shortest codes have 5 bits. */
export function decodedBound(encodedLength: number): number {
  return Math.ceil((encodedLength * 8) / 5);
}

/**
 * Decodes `bytes[start, end)` into `out` from 0 on; `out` has room for `decodedBound(end - start)` bytes.
 * Returns what `decodedLength` and `decodedForbidden` read, or `huffmanFailed`: the end-of-string symbol is in the
 * string, or its padding has more than 7 bits or others than ones.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: DataView): number {
  let row = 0;
  let length = 0;
  let flags = 0;
  let i = start;
  // Both symbols of a step are stored at once, whether there are any or not: what is not counted, the next step
  // overwrites. Two steps a turn: the loop's own work is a third of what a step costs.
  for (const last = end - 1; i < last; i += 2) {
    const at = row | bytes[i]!;
    const step = steps[at]!;
    if (step <= 0) return fillOrFail(at, bytes, start, end, out);
    out.setUint16(length, step >> 16, true);
    length += step & countBits;
    const nextAt = (step & nodeBits) | bytes[i + 1]!;
    const next = steps[nextAt]!;
    if (next <= 0) return fillOrFail(nextAt, bytes, start, end, out);
    out.setUint16(length, next >> 16, true);
    length += next & countBits;
    flags |= step | next;
    row = next & nodeBits;
  }
  if (i < end) {
    const at = row | bytes[i]!;
    const step = steps[at]!;
    if (step <= 0) return fillOrFail(at, bytes, start, end, out);
    out.setUint16(length, step >> 16, true);
    length += step & countBits;
    flags |= step;
    row = step & nodeBits;
  }
  if (row > lastPadding << 8) return huffmanFailed;
  return length * 2 + (flags & forbiddenBit) / forbiddenBit;
}

/**
 * For a step that can't be taken: the string is wrong, or it begins again with the row filled. To go on in the middle
 * would take more variables than there are registers, and that, in each step of each string. So that a long string does
 * not begin again 256 times, it has all rows filled at once.
 */
function fillOrFail(at: number, bytes: Uint8Array, start: number, end: number, out: DataView): number {
  if (steps[at] !== notFilled) return huffmanFailed;
  if (end - start <= longestRepeated) fillRow(at >> 8);
  else for (let node = 0; node < 256; node++) fillRow(node);
  return decodeHuffman(bytes, start, end, out);
}

export function decodedLength(result: number): number {
  return result >> 1;
}

/** Whether NUL, CR or LF is in the string. */
export function decodedForbidden(result: number): boolean {
  return (result & 1) !== 0;
}

function fillRow(node: number): void {
  for (let byte = 0; byte < 256; byte++) steps[(node << 8) | byte] = stepOf(node, byte);
}

function stepOf(from: number, byte: number): number {
  let node = from;
  let count = 0;
  let symbols = 0;
  let flags = 0;
  for (let bit = 7; bit >= 0; bit--) {
    node = children[2 * node + ((byte >> bit) & 1)]!;
    if (node < leaf) continue;
    const symbol = node - leaf;
    if (symbol === endOfString) return huffmanFailed;
    symbols |= symbol << (16 + 8 * count);
    if (isForbidden(symbol)) flags = forbiddenBit;
    count++;
    node = 0;
  }
  return symbols | (node << 8) | flags | count;
}

function buildTree(): Int16Array {
  const tree = new Int16Array(2 * 256);
  let nodes = 1;
  const grow = (node: number, bit: number): number => {
    const at = 2 * node + bit;
    if (tree[at] === 0) tree[at] = nodes++;
    return tree[at]!;
  };
  for (let node = 0; node < lastPadding; ) node = grow(node, 1);
  for (const { symbol, code, bits } of huffmanCodes()) {
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) node = grow(node, (code >> bit) & 1);
    tree[2 * node + (code & 1)] = leaf + symbol;
  }
  return tree;
}
