/**
 * Inflates one compressed message, for a call whose model has to be replaced: the message is then sent on uncompressed with
 * flag 0. Synchronous, as the call is held anyway and a limit bounds the work: the caller's peek limit, not the peer's word.
 */
import { gunzipSync, inflateSync } from "node:zlib";

/**
 * The message behind `grpc-encoding` `gzip` or `deflate` (the zlib format, RFC 1950, as gRPC means it). Undefined for another
 * encoding, damaged or cut-off bytes, and for more than `limit` bytes of output.
 */
export function inflateMessage(
  encoding: string | undefined,
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
): Uint8Array | undefined {
  const inflate = encoding === "gzip" ? gunzipSync : encoding === "deflate" ? inflateSync : undefined;
  if (inflate === undefined || limit < 1) return undefined;
  try {
    return inflate(bytes.subarray(start, end), { maxOutputLength: limit });
  } catch {
    return undefined;
  }
}
