/** Callers that speak HTTP/1: recognised by their first line, and told what this port is. */
import type { Socket } from "node:net";

const longestMethod = 20;

/** Whether the first bytes of a connection begin an HTTP/1 request (`GET / HTTP/1.1`) rather than HTTP/2's preface. */
export function looksLikeHttp1(first: Buffer): boolean {
  const space = first.indexOf(0x20);
  if (space <= 0 || space > longestMethod) return false;
  for (let i = 0; i < space; i++) {
    const code = first[i] as number;
    if (code < 0x41 || code > 0x5a) return false;
  }
  const line = first.subarray(0, Math.max(first.indexOf(0x0a), 0)).toString("latin1");
  return / HTTP\/1\.[01]\r?$/.test(line);
}

/** What a port without TLS is, to whoever takes it for another. */
export const thisPort = "contender: this port speaks gRPC over HTTP/2 without TLS (h2c with prior knowledge). ";

const plainText = `${thisPort}HTTP/1.1, REST and gRPC-web callers must reach the model server at its own port.\n`;

export function refuseHttp1(socket: Socket, body = plainText): void {
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
  socket.resume();
}
