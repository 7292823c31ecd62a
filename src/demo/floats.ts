/** Tensors as raw bytes: little-endian floats, as both dialects send them and as every platform of Node holds them. */

/** The floats in a message's bytes, copied because they need not be aligned; undefined where one is cut off. */
export function floatsOf(bytes: Uint8Array): Float32Array | undefined {
  if (bytes.byteLength % 4 !== 0) return undefined;
  // Not `slice`: a Buffer's gives the whole pool behind it.
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/** The bytes of whole rows, one after the other. */
export function bytesOf(rows: readonly (readonly number[])[]): Buffer {
  return Buffer.from(Float32Array.from(rows.flat()).buffer);
}
