/**
 * PEM texts to what a TLS handshake needs, or to everything that is wrong with them.
 *
 * OpenSSL says of a bad file that there is `no start line`; here the file is named, and what it holds instead.
 */
import { constants, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { Parsed, Problem } from "../base/parsed.ts";
import type { PemPaths, PemTexts } from "../base/pem.ts";
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
  const problems: Problem[] = [];
  const fail = (kind: keyof PemPaths, message: string): void => {
    problems.push({ path: kind, message: `${paths[kind] ?? kind}: ${message}` });
  };
  const chain = texts.cert === undefined ? [] : certificates(texts.cert, "cert", fail);
  const key = texts.key === undefined ? undefined : privateKey(texts.key, fail);
  if (texts.ca !== undefined) certificates(texts.ca, "ca", fail);
  const [leaf] = chain;
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key)) {
    fail("key", `is not the key of the certificate in ${paths.cert ?? "cert"}`);
  }
  if (problems.length > 0) return { ok: false, problems };
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

type Fail = (kind: keyof PemPaths, message: string) => void;

const block = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

const beginning = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/g;

function certificates(text: string, kind: keyof PemPaths, fail: Fail): X509Certificate[] {
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) fail(kind, "want a certificate in PEM, got none");
  // OpenSSL would stop there without a word: a bundle that is just being written would lose authorities.
  else if ((text.match(beginning) ?? []).length > blocks.length)
    fail(kind, `certificate ${blocks.length + 1} is cut off`);
  const read: X509Certificate[] = [];
  blocks.forEach((pem, index) => {
    try {
      read.push(new X509Certificate(pem));
    } catch {
      fail(kind, `certificate ${index + 1} can't be read`);
    }
  });
  return read;
}

function privateKey(text: string, fail: Fail): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch (reason) {
    // Only what kind of mistake it is: the text is a secret.
    const { code } = reason as NodeJS.ErrnoException;
    const encrypted = code === "ERR_MISSING_PASSPHRASE" || text.includes("ENCRYPTED");
    fail(
      "key",
      encrypted ? "the key is encrypted; want one without a passphrase" : "want a private key in PEM, got none",
    );
    return undefined;
  }
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
