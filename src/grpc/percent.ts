/**
 * Percent-encoding of `grpc-message` (PROTOCOL-HTTP2.md, "Status-Message"), for the answers that we give ourselves. What
 * upstreams say is passed on as it came, so nothing here decodes.
 */

const unencoded = /^[\x20-\x24\x26-\x7e]*$/;
const hex = "0123456789ABCDEF";

/** The text as its UTF-8 bytes, with every byte outside printable ASCII, and `%` itself, as `%XX`. */
export function encodeGrpcMessage(text: string): string {
  if (unencoded.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${hex.charAt(byte >> 4)}${hex.charAt(byte & 15)}`;
  }
  return encoded;
}
