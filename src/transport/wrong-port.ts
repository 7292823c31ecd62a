/**
 * Peers that speak TLS to a port without, or no TLS to one with it. Both get an answer that their library shows or that a
 * person can read, since what they would see otherwise is a connection that ends for no reason.
 */
import type { Socket } from "node:net";
import { errorCode, frameHeadBytes, frameType } from "../http2/constants.ts";
import { writeHead } from "../http2/frames.ts";
import { looksLikeHttp1, refuseHttp1, thisPort } from "./http1.ts";

/** A handshake record of any version of TLS since SSL 3 (RFC 8446 section 5.1); nothing else that we speak begins so. */
export function looksLikeTls(first: Buffer): boolean {
  return first[0] === 0x16 && (first.length < 2 || first[1] === 3);
}

const plainPort = `${thisPort}Call it with plain-text credentials, or give the sidecar CONTENDER_TLS_CERT and CONTENDER_TLS_KEY.\n`;

export const tlsPort =
  "contender: this port speaks gRPC over HTTP/2 with TLS. Call it with TLS credentials and ALPN h2.\n";

/** In HTTP/1, by which TLS libraries know that they called a plain-text port; Go's even says so. */
export function refuseTls(socket: Socket): void {
  refuseHttp1(socket, plainPort);
}

/** What a client of HTTP/2 may take as a reason: SETTINGS, then GOAWAY with INADEQUATE_SECURITY (RFC 9113 section 7). */
const goaway = settingsAndGoaway(errorCode.INADEQUATE_SECURITY, tlsPort.slice(0, -1));

function settingsAndGoaway(code: number, text: string): Buffer {
  const numbers = frameHeadBytes * 2 + 8;
  const frames = Buffer.alloc(numbers + text.length);
  writeHead(frames, 0, 0, frameType.SETTINGS, 0, 0);
  writeHead(frames, frameHeadBytes, 8 + text.length, frameType.GOAWAY, 0, 0);
  frames.writeUInt32BE(code, numbers - 4);
  frames.write(text, numbers, "latin1");
  return frames;
}

/** Answers a peer whose first bytes are no TLS, and ends. */
export function refusePlainText(socket: Socket, first: Buffer): void {
  if (looksLikeHttp1(first)) return refuseHttp1(socket, tlsPort);
  if (first.toString("latin1", 0, 3) === "PRI") socket.end(goaway);
  else socket.end();
  socket.resume();
}
