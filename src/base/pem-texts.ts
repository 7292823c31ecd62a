/**
 * What is in PEM texts, or everything that is wrong with them, before OpenSSL is given any.
 *
 * OpenSSL says of a bad file that there is `no start line`, and of authorities without a certificate nothing: nobody is trusted then, and
 * each handshake fails. Here the file is named, and what it holds instead.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Parsed, Problem } from "./parsed.ts";
import type { PemPaths, PemTexts } from "./pem.ts";

export interface PemContents {
  /** Our own certificate. */
  readonly leaf: X509Certificate | undefined;
}

/** @param paths where the texts are from, for what is said about them. @returns problems under the names of the kinds */
export function readPemTexts(texts: PemTexts, paths: PemPaths): Parsed<PemContents> {
  const problems: Problem[] = [];
  const fail: Fail = (kind, message) => {
    problems.push({ path: kind, message: `${paths[kind] ?? kind}: ${message}` });
  };
  const chain = texts.cert === undefined ? [] : certificates(texts.cert, "cert", fail);
  const key = texts.key === undefined ? undefined : privateKey(texts.key, fail);
  if (texts.ca !== undefined) certificates(texts.ca, "ca", fail);
  const [leaf] = chain;
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key)) {
    fail("key", `is not the key of the certificate in ${paths.cert ?? "cert"}`);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: { leaf } };
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
