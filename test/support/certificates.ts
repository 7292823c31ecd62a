/** Certificates for tests, made on the spot: an authority, and what it signs. All keys are P-256, which is quick to make. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 86_400_000;

export interface CertificateOptions {
  readonly commonName?: string;
  /** DNS names. */
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  /** URIs such as SPIFFE ids. */
  readonly uri?: readonly string[];
  /** Days from now at which it begins and ends to be valid. Default -1 and 1. */
  readonly fromDays?: number;
  readonly toDays?: number;
}

export interface KeyPair {
  /** PEM: the certificate. */
  readonly cert: string;
  /** PEM: its private key, PKCS #8. */
  readonly key: string;
  /** Its serial number in hexadecimal, as `tls` shows it. */
  readonly serial: string;
}

let made = 0;

export class Authority {
  /** PEM. */
  readonly cert: string;
  readonly #name: string;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(name: string, keys: webcrypto.CryptoKeyPair, cert: string) {
    this.#name = name;
    this.#keys = keys;
    this.cert = cert;
  }

  static async create(commonName = "contender test authority"): Promise<Authority> {
    const keys = await newKeys();
    const name = `CN=${commonName}`;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: nextSerial(),
      name,
      keys,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    return new Authority(name, keys, certificate.toString("pem"));
  }

  /** A certificate for servers and clients alike, signed by this authority. */
  async sign(options: CertificateOptions = {}): Promise<KeyPair> {
    const { commonName = "leaf", dns = [], ip = [], uri = [], fromDays = -1, toDays = 1 } = options;
    const keys = await newKeys();
    const names: x509.JsonGeneralNames = [
      ...dns.map((value) => ({ type: "dns" as const, value })),
      ...ip.map((value) => ({ type: "ip" as const, value })),
      ...uri.map((value) => ({ type: "url" as const, value })),
    ];
    const serial = nextSerial();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: `CN=${commonName}`,
      issuer: this.#name,
      notBefore: new Date(Date.now() + fromDays * dayMs),
      notAfter: new Date(Date.now() + toDays * dayMs),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    return { cert: certificate.toString("pem"), key: await pemOf(keys.privateKey), serial: serial.toUpperCase() };
  }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

/** Authorities of the same name and serial would be taken for each other. */
function nextSerial(): string {
  made++;
  return (0x10_0000 + made).toString(16);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
