/** Why handshakes fail, in few words: those of a metric's label. What OpenSSL says goes to the log. */

export const tlsFailures = [
  /** The first bytes were no TLS: a plain-text caller on a TLS port, or a plain-text server behind a TLS address. */
  "not_tls",
  /** TLS where this port speaks plain text. */
  "tls_not_expected",
  /** No version of TLS, or no cipher, that both sides take. */
  "version",
  /** `h2` was not agreed on. */
  "alpn",
  /** The peer has no certificate to show, and must have one. */
  "no_certificate",
  "certificate_expired",
  /** Not signed by an authority that we know, or not fit for this use. */
  "certificate_untrusted",
  /** A good certificate for other names. */
  "name",
  /** The peer didn't take ours, or what else we said. */
  "refused_by_peer",
  /** The connection went away in the middle. */
  "closed",
  "timeout",
  /** Everything else: broken records, for example. */
  "protocol",
] as const;
export type TlsFailure = (typeof tlsFailures)[number];

/** By the error codes of Node and OpenSSL; the first pattern that is found counts. */
const rules: readonly (readonly [RegExp, TlsFailure])[] = [
  [/NO_APPLICATION_PROTOCOL/, "alpn"],
  [/UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|ALERT_PROTOCOL_VERSION|NO_SHARED_CIPHER|NO_PROTOCOLS_AVAILABLE/, "version"],
  [/HTTP_REQUEST|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/, "not_tls"],
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE|ALERT_CERTIFICATE_REQUIRED/, "no_certificate"],
  [/ALTNAME_INVALID/, "name"],
  [/_ALERT_/, "refused_by_peer"],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, "certificate_expired"],
  [/^(CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|INVALID_|PATH_LENGTH|HOSTNAME_MISMATCH)/, "certificate_untrusted"],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, "closed"],
];

/** @param code an error's `code`, or what `authorizationError` says. */
export function tlsFailureOf(code: string | undefined): TlsFailure {
  return rules.find(([pattern]) => pattern.test(code ?? ""))?.[1] ?? "protocol";
}

/** What OpenSSL adds to an error. */
export interface TlsError extends NodeJS.ErrnoException {
  /** In words, without the numbers and the source line around it. */
  readonly reason?: string;
}

const hints: Partial<Record<TlsFailure, string>> = {
  not_tls: "the server does not speak TLS",
  alpn: "the server does not take h2 (ALPN)",
  version: "no version of TLS or cipher in common",
  no_certificate: "the server wants a client certificate",
};

/** One line about a handshake that failed, the same for the same reason. */
export function tlsErrorText(error: TlsError): string {
  const { reason, code = "" } = error;
  if (reason === undefined || !code.startsWith("ERR_SSL_")) return error.message;
  const hint = hints[tlsFailureOf(code)];
  return hint === undefined ? `TLS: ${reason}` : `TLS: ${reason}: ${hint}`;
}
