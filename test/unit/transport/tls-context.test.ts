import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { PemTexts } from "../../../src/base/pem.ts";
import { makeContext } from "../../../src/transport/tls-context.ts";
import { Authority, type KeyPair } from "../../support/certificates.ts";
import { parsedValue, problemsOf } from "../../support/parsed.ts";

const paths = { ca: "/tls/ca.crt", cert: "/tls/tls.crt", key: "/tls/tls.key" };

describe("a TLS context", () => {
  let authority: Authority;
  let pair: KeyPair;
  let other: KeyPair;

  before(async () => {
    authority = await Authority.create();
    pair = await authority.sign({ dns: ["a.test"], toDays: 3 });
    other = await authority.sign({ dns: ["a.test"] });
  });

  it("is made of a certificate, its key and authorities, and tells which it is and how long it lasts", () => {
    const context = parsedValue(makeContext({ ca: authority.cert, cert: pair.cert, key: pair.key }, paths, "TLSv1.2"));
    assert.equal(context.serial, pair.serial);
    assert.ok(Math.abs((context.notAfterMs ?? 0) - Date.now() - 3 * 86_400_000) < 60_000);
    assert.equal(context.options.minVersion, "TLSv1.2");
    assert.equal(context.options.maxVersion, "TLSv1.3");
  });

  it("needs no certificate of its own", () => {
    const context = parsedValue(makeContext({ ca: authority.cert }, paths, "TLSv1.3"));
    assert.deepEqual([context.serial, context.notAfterMs], [undefined, undefined]);
  });

  const encrypted = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "s3cret" },
  }).privateKey;
  const broken = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n";
  const rows: readonly (readonly [what: string, texts: () => PemTexts, problems: readonly string[]])[] = [
    [
      "a key of another certificate",
      () => ({ cert: pair.cert, key: other.key }),
      ["key: /tls/tls.key: is not the key of the certificate in /tls/tls.crt"],
    ],
    [
      "no PEM at all",
      () => ({ ca: "x", cert: "y", key: "z" }),
      [
        "cert: /tls/tls.crt: want a certificate in PEM, got none",
        "key: /tls/tls.key: want a private key in PEM, got none",
        "ca: /tls/ca.crt: want a certificate in PEM, got none",
      ],
    ],
    [
      "a certificate that is none",
      () => ({ cert: pair.cert + broken, key: pair.key }),
      ["cert: /tls/tls.crt: certificate 2 can't be read"],
    ],
    [
      "authorities of which the last is cut off",
      () => ({ ca: pair.cert + other.cert.slice(0, -20) }),
      ["ca: /tls/ca.crt: certificate 2 is cut off"],
    ],
    [
      "a key where the certificate belongs",
      () => ({ cert: pair.key, key: pair.key }),
      ["cert: /tls/tls.crt: want a certificate in PEM, got none"],
    ],
    [
      "an encrypted key",
      () => ({ cert: pair.cert, key: encrypted }),
      ["key: /tls/tls.key: the key is encrypted; want one without a passphrase"],
    ],
  ];
  for (const [what, texts, problems] of rows) {
    it(`is not made of ${what}, and says why without a word of what the files hold`, () => {
      const found = problemsOf(makeContext(texts(), paths, "TLSv1.2"));
      assert.deepEqual(
        found.map(({ path, message }) => `${path}: ${message}`),
        problems,
      );
    });
  }
});
