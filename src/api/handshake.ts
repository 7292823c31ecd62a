/**
 * What a server says to a handshake of TLS, and which certificate it shows: asked on a connection of its own, after a gRPC library has
 * failed and has one sentence for every reason.
 *
 * Nothing is sent but the handshake, so that whose certificate it is does not matter here: what would be wrong with it is told. Who we
 * are is shown to nobody but a server that has proved who it is.
 */
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type PeerCertificate } from "node:tls";
import type { Clock } from "../base/clock.ts";
import type { PemTexts } from "../base/pem.ts";
import type { HostPort } from "../config/control-client.ts";

export type Handshake =
  /** TLS is spoken there. */
  | { readonly kind: "tls"; readonly wrong: string | undefined; readonly certificate: PeerCertificate }
  /** An alert of the server's: it refuses what we show or offer. */
  | { readonly kind: "refused"; readonly alert: string }
  /** Bytes that are none of TLS's. */
  | { readonly kind: "plain" }
  /** No connection, and by which code of the system; or nothing in time. */
  | { readonly kind: "nothing"; readonly code?: string };

/** @param name whom the certificate must be for @param forMs of each of two tries at most. Never rejects. */
export async function shakeHands(
  { host, port }: HostPort,
  { ca, cert, key }: PemTexts,
  name: string,
  clock: Clock,
  forMs: number,
): Promise<Handshake> {
  const named = isIP(name) === 0 ? { servername: name } : {};
  const options = { host, port, ca, ALPNProtocols: ["h2"], ...named };
  const first = await shake({ ...options, rejectUnauthorized: false }, clock, forMs);
  const ours = cert !== undefined && (first.kind === "refused" || (first.kind === "tls" && first.wrong === undefined));
  if (!ours) return first;
  const second = await shake({ ...options, cert, key }, clock, forMs);
  return second.kind === "nothing" ? first : second;
}

function shake(options: ConnectionOptions, clock: Clock, forMs: number): Promise<Handshake> {
  return new Promise((resolve) => {
    const socket = connect(options);
    let seen: Handshake | undefined;
    const end = (handshake: Handshake): void => {
      cancel();
      socket.destroy();
      resolve(handshake);
    };
    const cancel = clock.after(forMs, () => end(seen ?? { kind: "nothing" }));
    socket.on("secureConnect", () => {
      const wrong = socket.authorizationError as Error | string | null | undefined;
      const certificate = socket.getPeerCertificate(true);
      const code = wrong instanceof Error ? (wrong as NodeJS.ErrnoException).code : wrong;
      seen = { kind: "tls", wrong: code ?? undefined, certificate };
      // With TLS 1.3 a server looks at our certificate after that, and then greets or sends an alert.
      if (seen.wrong !== undefined) end(seen);
    });
    socket.on("data", () => end(seen ?? { kind: "nothing" }));
    socket.on("end", () => end(seen ?? { kind: "nothing" }));
    socket.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
      if (/ALERT|NO_APPLICATION_PROTOCOL/.test(code)) end({ kind: "refused", alert: code });
      else if (code.startsWith("ERR_SSL_")) end({ kind: "plain" });
      else end(seen ?? { kind: "nothing", code });
    });
  });
}
