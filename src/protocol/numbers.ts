/**
 * Numbers of every element type that the inference protocols know, out of little-endian bytes or out of varints.
 *
 * Bits become floats by way of two views of the same few bytes: a DataView would be an object per message.
 */

/** Element types, dense, so that a `switch` on them is a jump. */
export const numberKind = {
  float32: 0,
  float64: 1,
  float16: 2,
  bfloat16: 3,
  int8: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  uint8: 8,
  uint16: 9,
  uint32: 10,
  uint64: 11,
  bool: 12,
} as const;
export type NumberKind = (typeof numberKind)[keyof typeof numberKind];

/** Bytes of one element, by kind. */
export const numberWidth: readonly number[] = [4, 8, 2, 2, 1, 2, 4, 8, 1, 2, 4, 8, 1];

/** Whether elements of this kind can be a key: integers, but not truth values. */
export function isInteger(kind: NumberKind): boolean {
  return kind >= numberKind.int8 && kind <= numberKind.uint64;
}

export function isSignedInteger(kind: NumberKind): boolean {
  return kind >= numberKind.int8 && kind <= numberKind.int64;
}

const upper = 2 ** 32;
const float64View = new Float64Array(1);
const halves = new Uint32Array(float64View.buffer);
const float32View = new Float32Array(1);
const float32Bits = new Uint32Array(float32View.buffer);
/** Which half of a double comes first in this machine's memory. */
const lowHalf = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;

function uint16At(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

export function uint32At(bytes: Uint8Array, at: number): number {
  return (uint16At(bytes, at) | (uint16At(bytes, at + 2) << 16)) >>> 0;
}

function float32Of(bits: number): number {
  float32Bits[0] = bits;
  return float32View[0] as number;
}

/** IEEE 754 binary16: one bit of sign, five of exponent, ten of fraction. */
function float16Of(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const magnitude =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

/** The element at this place, which must lie within the bytes. 64-bit integers round to the nearest double. */
export function numberAt(kind: NumberKind, bytes: Uint8Array, at: number): number {
  switch (kind) {
    case numberKind.float32:
      return float32Of(uint32At(bytes, at));
    case numberKind.float64:
      halves[lowHalf] = uint32At(bytes, at);
      halves[1 - lowHalf] = uint32At(bytes, at + 4);
      return float64View[0] as number;
    case numberKind.float16:
      return float16Of(uint16At(bytes, at));
    case numberKind.bfloat16:
      return float32Of(uint16At(bytes, at) << 16);
    case numberKind.int8:
      return ((bytes[at] as number) << 24) >> 24;
    case numberKind.int16:
      return (uint16At(bytes, at) << 16) >> 16;
    case numberKind.int32:
      return uint32At(bytes, at) | 0;
    case numberKind.int64:
      return (uint32At(bytes, at + 4) | 0) * upper + uint32At(bytes, at);
    case numberKind.uint8:
      return bytes[at] as number;
    case numberKind.uint16:
      return uint16At(bytes, at);
    case numberKind.uint32:
      return uint32At(bytes, at);
    case numberKind.uint64:
      return uint32At(bytes, at + 4) * upper + uint32At(bytes, at);
    case numberKind.bool:
      return bytes[at] === 0 ? 0 : 1;
  }
}

/** The element that came as a varint, in two unsigned halves. Half floats come as the integer of their bits. */
export function numberOfVarint(kind: NumberKind, low: number, high: number): number {
  switch (kind) {
    case numberKind.float16:
      return float16Of(low & 0xffff);
    case numberKind.bfloat16:
      return float32Of((low & 0xffff) << 16);
    case numberKind.int64:
      return (high | 0) * upper + low;
    case numberKind.uint32:
      return low;
    case numberKind.uint64:
      return high * upper + low;
    case numberKind.bool:
      return low === 0 && high === 0 ? 0 : 1;
    default:
      return low | 0;
  }
}
