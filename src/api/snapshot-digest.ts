/**
 * The digest of a snapshot in the bytes that it came in: a version names it, so that half a snapshot, or one that belongs to another
 * version, is not taken for what it says it is. What was decoded can't be used for that, since fields that a release does not
 * know are gone from it.
 */
import { createHash } from "node:crypto";

/** Of an encoded `Snapshot`, as versions have it. */
export function digestOf(snapshot: Uint8Array): string {
  return createHash("sha256").update(snapshot).digest("hex").slice(0, 8);
}

/** Field of `WatchResponse` and `FetchResponse`, by its number in `proto/contender/v1/config.proto`. */
export const watchSnapshotField = 3;

/**
 * The bytes of a field that is a message, in bytes that were decoded before, and so are well formed.
 * @returns undefined where it is not there, or more than once
 */
export function fieldBytes(bytes: Uint8Array, field: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (Math.floor(tag / 8) === field) {
        if (found !== undefined) return undefined;
        found = bytes.subarray(at, at + length);
      }
      at += length;
    } else return undefined; // groups, which nobody sends
  }
  return found;
}
