/** Protobuf bytes written by hand, for what no encoder writes: fields twice, out of order, cut off. */

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

export function varintField(number: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

/** A length-delimited field: text, bytes or an embedded message in pieces. */
export function bytesField(number: number, ...parts: (string | Uint8Array)[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return Buffer.concat([varint((number << 3) | 2), varint(payload.length), payload]);
}

export function floatField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((number << 3) | 5), bytes]);
}

/** The message within other bytes, as it lies in a peer's buffer: readers must stay inside their range. */
export function embedded(message: Uint8Array): { bytes: Buffer; start: number; end: number } {
  const bytes = Buffer.concat([Buffer.alloc(7, 0xff), message, Buffer.alloc(7, 0x0a)]);
  return { bytes, start: 7, end: 7 + message.length };
}

/** Little-endian elements. */
export function elements(type: "float" | "double" | "int32" | "int64" | "uint16" | "uint8", values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  let at = 0;
  for (const value of values) {
    if (type === "float") at = bytes.writeFloatLE(value, at);
    else if (type === "double") at = bytes.writeDoubleLE(value, at);
    else if (type === "int32") at = bytes.writeInt32LE(value, at);
    else if (type === "int64") at = bytes.writeBigInt64LE(BigInt(value), at);
    else if (type === "uint16") at = bytes.writeUInt16LE(value, at);
    else at = bytes.writeUInt8(value, at);
  }
  return bytes.subarray(0, at);
}
