/**
 * TLS towards one upstream: whom we expect there, what we show, and the session to go on from.
 *
 * The certificate is always verified; there is no switch to leave it out. An upstream with a certificate of its own making
 * is verified by that very certificate, given as `ca`.
 */
import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate, type TLSSocket } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { namesOf } from "../base/tls-names.ts";
import type { TlsContext } from "./tls-context.ts";
import { type TlsError, tlsFailureOf } from "./tls-failure.ts";
import type { TlsFigures } from "./tls-figures.ts";

export interface UpstreamTlsPorts {
  readonly clock: Clock;
  readonly figures: TlsFigures;
  /** What new connections use: asked for at each. */
  readonly context: () => TlsContext;
}

interface Session {
  readonly ticket: Buffer;
  readonly context: TlsContext;
  /** When the certificate ends that was verified for it. */
  readonly validToMs: number;
}

export class UpstreamTls {
  readonly #serverName: string;
  readonly #ports: UpstreamTlsPorts;
  #session: Session | undefined = undefined;

  /** @param serverName a DNS name, an IP address, or a URI such as a SPIFFE id: what the certificate must be for. */
  constructor(serverName: string, ports: UpstreamTlsPorts) {
    this.#serverName = serverName;
    this.#ports = ports;
  }

  /** Options of `tls.connect` for the next connection. */
  options(): ConnectionOptions {
    const name = this.#serverName;
    const context = this.#ports.context();
    return {
      secureContext: context.secure,
      ALPNProtocols: ["h2"],
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => identityError(name, certificate),
      ...(isIP(name) === 0 && !isUri(name) ? { servername: name } : {}),
      ...this.#resume(context),
    };
  }

  /** Looks after a socket that was opened with those options. */
  attend(socket: TLSSocket): void {
    const { figures } = this.#ports;
    const context = this.#ports.context();
    let reached = false;
    let told = false;
    socket.once("connect", () => {
      reached = true;
    });
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== "h2") {
        const error: NodeJS.ErrnoException = new Error("TLS: the server did not agree on h2 (ALPN)");
        error.code = "ERR_NO_APPLICATION_PROTOCOL";
        socket.destroy(error);
        return;
      }
      told = true;
      figures.done("upstream", socket.getProtocol(), socket.isSessionReused());
    });
    socket.on("session", (ticket) => {
      // One that is given up in its handshake, for want of h2, still tells its ticket, and has no certificate any more.
      if (socket.destroyed) return;
      this.#session = { ticket, context, validToMs: Date.parse(socket.getPeerCertificate().valid_to) };
    });
    socket.once("error", (error: TlsError) => {
      // In TLS 1.3 a server judges our certificate when for us the handshake is over, and says so by an alert.
      if (!reached || (told && !error.code?.includes("_ALERT_"))) return;
      told = true;
      // What a session was good for may be the very thing that has changed.
      this.#session = undefined;
      figures.failed("upstream", tlsFailureOf(error.code));
    });
    socket.once("close", () => {
      if (reached && !told) figures.failed("upstream", "timeout");
    });
  }

  /** Sessions are for the context that verified them, and no longer than the certificate that it verified. */
  #resume(context: TlsContext): ConnectionOptions {
    const session = this.#session;
    if (session === undefined || session.context !== context) return {};
    if (session.validToMs < this.#ports.clock.wallMs()) return {};
    return { session: session.ticket };
  }
}

const isUri = (name: string): boolean => name.includes("://");

function identityError(name: string, certificate: PeerCertificate): Error | undefined {
  // Node falls back to the common name where there is no DNS name; that is left out of what it sees.
  if (!isUri(name))
    return checkServerIdentity(name, { ...certificate, subject: undefined } as unknown as PeerCertificate);
  if (namesOf(certificate.subjectaltname).includes(name)) return undefined;
  const error: NodeJS.ErrnoException = new Error(
    `the certificate is not for ${name}, but for ${certificate.subjectaltname ?? "no name"}`,
  );
  error.code = "ERR_TLS_CERT_ALTNAME_INVALID";
  return error;
}
