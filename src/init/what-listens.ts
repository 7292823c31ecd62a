/**
 * What answers at an address, before a gRPC library is let loose on it.
 *
 * The usual slips (the REST port instead of the gRPC one, a port with TLS) all end in the same "protocol error" of a gRPC
 * client. The first bytes of an answer tell them apart: an HTTP/2 server greets with a SETTINGS frame (RFC 9113 section 3.4),
 * an HTTP/1 server complains in a status line, a TLS server in an alert record (RFC 8446 section 5.1).
 */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Address } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";

export type Listening =
  | { readonly kind: "http2" }
  | { readonly kind: "http1" }
  | { readonly kind: "tls" }
  /** No connection, with the system's reason: `ECONNREFUSED`, `ENOTFOUND`. */
  | { readonly kind: "unreachable"; readonly why: string }
  /** A connection, but not a byte within the time. */
  | { readonly kind: "silent" }
  /** It answers, or hangs up, in no way that we know. */
  | { readonly kind: "unknown" };

type Answer =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "unreachable"; readonly why: string }
  | { readonly kind: "silent" };

/** The client's preface and an empty SETTINGS frame, RFC 9113 section 3.4. */
const http2Greeting = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
const http1Request = Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

/** Enough to tell one from the other: the head of an HTTP/2 frame. */
const enoughBytes = 9;

/** Finds out what listens; each of at most three attempts gets `timeoutMs`. Never rejects. */
export async function whatListens(address: Address, timeoutMs: number, clock: Clock): Promise<Listening> {
  const greeted = await ask(address, http2Greeting, timeoutMs, clock);
  if (greeted.kind !== "bytes") return greeted;
  const first = judge(greeted.bytes);
  if (first !== undefined) return { kind: first };
  // Some HTTP/1 servers hang up on a version that they don't know, and some of TLS on what is no handshake.
  const asked = await ask(address, http1Request, timeoutMs, clock);
  const second = asked.kind === "bytes" ? judge(asked.bytes) : undefined;
  if (second !== undefined) return { kind: second };
  return { kind: (await shakesHands(address, timeoutMs, clock)) ? "tls" : "unknown" };
}

function judge(bytes: Buffer): "http2" | "http1" | "tls" | undefined {
  // A SETTINGS frame (type 4) on stream 0.
  if (bytes.length >= enoughBytes && bytes[0] === 0 && bytes[3] === 4 && bytes.readUInt32BE(5) === 0) return "http2";
  const text = bytes.toString("latin1");
  // Python's http.server answers a version that it does not know in HTTP/0.9: a page without a head.
  if (text.startsWith("HTTP/") || text.startsWith("<")) return "http1";
  return bytes[0] === 0x15 && bytes[1] === 3 ? "tls" : undefined;
}

/** Says `words` on a connection of its own and gives what comes first; no bytes where the peer just hangs up. */
function ask(address: Address, words: Buffer, timeoutMs: number, clock: Clock): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = open(address);
    let connected = false;
    let bytes: Buffer = Buffer.alloc(0);
    const end = (answer: Answer) => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = clock.after(timeoutMs, () => {
      end(connected ? { kind: "silent" } : { kind: "unreachable", why: "no connection in time" });
    });
    socket.on("connect", () => {
      connected = true;
      socket.write(words);
    });
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= enoughBytes) end({ kind: "bytes", bytes });
    });
    socket.on("end", () => end({ kind: "bytes", bytes }));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      end(connected ? { kind: "bytes", bytes } : { kind: "unreachable", why: error.code ?? error.message });
    });
  });
}

function open(address: Address): Socket {
  return connect(placeOf(address));
}

function placeOf(address: Address): { path: string } | { host: string; port: number } {
  return address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
}

/** Whether the peer takes part in a TLS handshake. Nothing is sent by it, so whose certificate it is does not matter. */
function shakesHands(address: Address, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const name = address.kind === "tcp" && isIP(address.host) === 0 ? { servername: address.host } : {};
    const socket = connectTls({ ...placeOf(address), rejectUnauthorized: false, ALPNProtocols: ["h2"], ...name });
    const end = (does: boolean) => {
      cancel();
      socket.destroy();
      resolve(does);
    };
    const cancel = clock.after(timeoutMs, () => end(false));
    socket.on("secureConnect", () => end(true));
    socket.on("end", () => end(false));
    // An alert, such as one that asks for a certificate, is TLS too.
    socket.on("error", (error: NodeJS.ErrnoException) => end(/^ERR_SSL_.*ALERT/.test(error.code ?? "")));
  });
}
