/**
 * gRPC's length-prefixed messages: a flag byte, four bytes of length, the message (PROTOCOL-HTTP2.md). Who takes them
 * apart again does so where the bytes are held: `proxy/request-buffer.ts` and `proxy/message-rewriter.ts`.
 */

/** Bytes of flag and length before every message. */
export const prefixBytes = 5;

/** The message with its prefix, in one buffer. */
export function frameMessage(payload: Uint8Array, flag = 0): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + payload.length);
  framed[0] = flag;
  framed.writeUInt32BE(payload.length, 1);
  framed.set(payload, prefixBytes);
  return framed;
}
