/**
 * Integers with a prefix (RFC 7541, 5.1): small ones share a byte with the flags before them, which callers handle in
 * place; these functions are for the rest.
 */

/** Where reading ended: the second result of the functions that need one, without an object for each. */
export class Cursor {
  position = 0;
}

/** The block ends within the integer. */
export const integerTruncated = -1;
/** The integer is above 2^31 - 1, or is spread over more bytes than such a one needs. */
export const integerTooLarge = -2;

/** Above any length or index that could be meant, and still exact in 32 bits. */
const largest = 0x7fff_ffff;
/** 7 bits each: five bytes hold any integer up to `largest`. */
const mostBytes = 5;

/**
 * Reads what follows a prefix whose bits are all ones (`prefixMax`). Sets `cursor.position` behind it.
 * Returns the integer, `integerTruncated` or `integerTooLarge`.
 */
export function readInteger(bytes: Uint8Array, start: number, end: number, prefixMax: number, cursor: Cursor): number {
  let value = prefixMax;
  let scale = 1;
  for (let position = start; position < start + mostBytes; position++) {
    if (position >= end) return integerTruncated;
    const byte = bytes[position]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value > largest) return integerTooLarge;
      cursor.position = position + 1;
      return value;
    }
    scale *= 0x80;
  }
  return integerTooLarge;
}

/** Writes any integer below 2^31 behind `flags`, the bits above the prefix. Returns the position behind it. */
export function writeInteger(buf: Uint8Array, start: number, flags: number, prefixMax: number, value: number): number {
  let position = start;
  if (value < prefixMax) {
    buf[position++] = flags | value;
    return position;
  }
  buf[position++] = flags | prefixMax;
  let rest = value - prefixMax;
  while (rest >= 0x80) {
    buf[position++] = 0x80 | (rest & 0x7f);
    rest >>>= 7;
  }
  buf[position++] = rest;
  return position;
}
