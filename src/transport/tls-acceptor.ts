/**
 * Makes TLS connections of accepted sockets. Whoever accepted them, here or in another process, hands them over raw.
 *
 * The first bytes are looked at before OpenSSL gets them, for two reasons. Who speaks no TLS at all gets an answer in
 * plain text. And a ClientHello costs us a signature, a third of a millisecond with RSA, within one turn of the loop: a
 * thousand of them at once would hold up every call for as long. So they wait in line, and a few begin in each turn.
 */
import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { type NameCheck, namesOf } from "../base/tls-names.ts";
import type { TlsContext } from "./tls-context.ts";
import { type TlsError, type TlsFailure, tlsFailureOf } from "./tls-failure.ts";
import type { TlsFigures } from "./tls-figures.ts";
import { looksLikeTls, refusePlainText } from "./wrong-port.ts";

export interface TlsAcceptorOptions {
  /** Whether callers must show a certificate of an authority in the context's `ca`. */
  readonly clientCertificates: boolean;
  /** Allows callers by their certificate's names; undefined allows all whose certificate is good. */
  readonly allows: NameCheck | undefined;
  readonly handshakesPerTurn: number;
}

export interface TlsPorts {
  readonly figures: TlsFigures;
  /** For the log: a caller whose TLS, or lack of it, came to nothing. It has been counted. */
  readonly onFailure: (reason: TlsFailure, peer: string | undefined, detail: string) => void;
}

/** What a raw socket becomes. */
export interface Accepted {
  /** TLS is established: `h2` was agreed on, and the peer is who it may be. */
  secure(socket: TLSSocket, identity: string | undefined): void;
  /** The peer's address, for the log. */
  readonly address: string | undefined;
}

interface Waiting {
  readonly raw: Socket;
  readonly accepted: Accepted;
  /** OpenSSL has it. */
  begun: boolean;
  failed: boolean;
}

/** Node's own timer for handshakes, which must not be 0: ours counts from the accept to the end of HTTP/2's preface. */
const never = 0x7fff_ffff;
/** Of what a log line shows of a stranger's names. */
const longestNames = 200;

export class TlsAcceptor {
  readonly #server: Server;
  readonly #ports: TlsPorts;
  readonly #clock: Clock;
  readonly #options: TlsAcceptorOptions;
  /** Handshakes that have not ended, by raw socket. */
  readonly #pending = new Map<Socket, Waiting>();
  /** Those whose ClientHello is here and that have not begun. */
  readonly #line: Waiting[] = [];
  #scheduled = false;

  constructor(context: TlsContext, clock: Clock, ports: TlsPorts, options: TlsAcceptorOptions) {
    this.#ports = ports;
    this.#clock = clock;
    this.#options = options;
    this.#server = createServer({
      ...context.options,
      requestCert: options.clientCertificates,
      rejectUnauthorized: options.clientCertificates,
      ALPNProtocols: ["h2"],
      handshakeTimeout: never,
    });
    this.#server.on("secureConnection", (socket) => this.#secure(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#failedWith(error, socket));
  }

  /** New connections use this context; those that there are keep theirs. Sessions of the old one are not resumed. */
  use(context: TlsContext): void {
    this.#server.setSecureContext(context.options);
  }

  /** Takes a socket that has not been read from. */
  accept(raw: Socket, accepted: Accepted): void {
    const waiting: Waiting = { raw, accepted, begun: false, failed: false };
    this.#pending.set(raw, waiting);
    raw.once("close", () => {
      const tell = (): void => {
        if (this.#pending.has(raw)) this.#fail(waiting, "closed", "closed before its handshake ended");
      };
      // Of what ends while it shakes hands Node tells more, in a moment.
      if (waiting.begun) setImmediate(tell);
      else tell();
    });
    const onEnd = (): void => void raw.end();
    raw.once("end", onEnd);
    raw.once("data", (first: Buffer) => {
      raw.pause();
      raw.off("end", onEnd);
      if (!looksLikeTls(first)) {
        this.#fail(waiting, "not_tls", "the first bytes are not TLS");
        return refusePlainText(raw, first);
      }
      raw.unshift(first);
      this.#line.push(waiting);
      this.#schedule();
    });
    raw.resume();
  }

  /** The listener gives up on it. */
  timedOut(raw: Socket): void {
    const waiting = this.#pending.get(raw);
    if (waiting !== undefined) this.#fail(waiting, "timeout", "no handshake within the time for it");
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const waiting of this.#line.splice(0, this.#options.handshakesPerTurn)) {
        if (waiting.raw.destroyed) continue;
        waiting.begun = true;
        this.#server.emit("connection", waiting.raw);
      }
      if (this.#line.length > 0) this.#schedule();
    });
  }

  #secure(socket: TLSSocket): void {
    const waiting = this.#waitingOf(socket);
    if (waiting === undefined) return void socket.destroy();
    const refuse = (reason: TlsFailure, detail: string): void => {
      this.#fail(waiting, reason, detail);
      socket.destroy();
    };
    if (socket.alpnProtocol !== "h2") return refuse("alpn", "the caller offered no ALPN; want h2");
    const { clientCertificates, allows } = this.#options;
    let identity: string | undefined;
    if (clientCertificates) {
      // Looked at for resumed sessions too: the certificate has aged since, and other names may be allowed now.
      const certificate = socket.getPeerX509Certificate();
      const names = namesOf(certificate?.subjectAltName);
      identity = allows === undefined ? names[0] : allows(names);
      if (certificate === undefined || certificate.validToDate.getTime() < this.#clock.wallMs()) {
        return refuse("certificate_expired", "CERT_HAS_EXPIRED");
      }
      if (allows !== undefined && identity === undefined) {
        const has = names.length === 0 ? "it has none" : names.join(", ").slice(0, longestNames);
        return refuse("name", `none of the certificate's names is allowed: ${has}`);
      }
    }
    this.#pending.delete(waiting.raw);
    this.#ports.figures.done("downstream", socket.getProtocol(), socket.isSessionReused());
    waiting.accepted.secure(socket, identity);
  }

  #failedWith(error: TlsError, socket: TLSSocket): void {
    const waiting = this.#waitingOf(socket);
    // A certificate that is not accepted closes the connection without an error of its own.
    const refused = socket.authorizationError as unknown;
    const code = typeof refused === "string" ? refused : error.code;
    const detail = typeof refused === "string" ? refused : (error.reason ?? error.message);
    if (waiting !== undefined) this.#fail(waiting, tlsFailureOf(code), detail);
    socket.destroy();
  }

  #fail(waiting: Waiting, reason: TlsFailure, detail: string): void {
    if (waiting.failed) return;
    waiting.failed = true;
    this.#pending.delete(waiting.raw);
    this.#ports.figures.failed("downstream", reason);
    this.#ports.onFailure(reason, waiting.accepted.address, detail);
  }

  /** Node keeps the socket that a TLS socket is around, under no public name. */
  #waitingOf(socket: TLSSocket): Waiting | undefined {
    return this.#pending.get((socket as unknown as { readonly _parent: Socket })._parent);
  }
}
