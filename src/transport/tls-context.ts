/** PEM texts to what a TLS handshake needs, or to everything that is wrong with them. */
import { constants } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { Parsed } from "../base/parsed.ts";
import type { PemPaths, PemTexts } from "../base/pem.ts";
import { readPemTexts } from "../base/pem-texts.ts";
import type { TlsVersion } from "../base/tls-versions.ts";

export interface TlsContext {
  readonly options: SecureContextOptions;
  readonly secure: SecureContext;
  /** When our own certificate ends to be valid, in milliseconds since the epoch; undefined without one. */
  readonly notAfterMs: number | undefined;
  /** Its serial number, by which logs tell certificates apart. */
  readonly serial: string | undefined;
}

/**
 * Of TLS 1.2 only what HTTP/2 allows (RFC 9113 section 9.2.2): an ephemeral exchange and an AEAD. As a server we take the
 * first of these that the client has: AES with 128 bits is the fastest wherever the processor knows AES.
 */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** @param paths where the texts are from, for what is said about them. */
export function makeContext(texts: PemTexts, paths: PemPaths, minVersion: TlsVersion): Parsed<TlsContext> {
  const read = readPemTexts(texts, paths);
  if (!read.ok) return read;
  const { leaf } = read.value;
  const options: SecureContextOptions = {
    cert: texts.cert,
    key: texts.key,
    ca: texts.ca,
    minVersion,
    maxVersion: "TLSv1.3",
    ciphers,
    // RFC 9113 section 9.2.1: no renegotiation; it would also be work that a peer can have for nothing.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
  try {
    const secure = createSecureContext(options);
    return {
      ok: true,
      value: { options, secure, notAfterMs: leaf?.validToDate.getTime(), serial: leaf?.serialNumber },
    };
  } catch (reason) {
    return { ok: false, problems: [{ path: "cert", message: `${paths.cert ?? "TLS"}: ${messageOf(reason)}` }] };
  }
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
