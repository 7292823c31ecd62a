/** What tests of TLS have in common: an authority, a server and a caller signed by it, and files of them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, ServerCredentials } from "@grpc/grpc-js";
import type { ListenerTlsSpec } from "../../src/runtime/sidecar-tls.ts";
import { Authority, type CertificateOptions, type KeyPair } from "./certificates.ts";
import type { Owned } from "./owned.ts";
import { TempFolder } from "./temp-folder.ts";

export class TestTls {
  readonly authority: Authority;
  readonly server: KeyPair;
  readonly client: KeyPair;
  readonly #folder: TempFolder;

  private constructor(authority: Authority, server: KeyPair, client: KeyPair, folder: TempFolder) {
    this.authority = authority;
    this.server = server;
    this.client = client;
    this.#folder = folder;
  }

  static async create(
    own: Owned,
    server: CertificateOptions = { dns: ["localhost"], ip: ["127.0.0.1"] },
    client: CertificateOptions = { dns: ["caller.test"], uri: ["spiffe://test/ns/ml/sa/caller"] },
  ): Promise<TestTls> {
    const authority = await Authority.create();
    const folder = own.add(new TempFolder());
    const made = new TestTls(authority, await authority.sign(server), await authority.sign(client), folder);
    made.write({ ca: authority.cert });
    made.write({ cert: made.server.cert, key: made.server.key });
    return made;
  }

  /** Replaces files, one after the other. @returns the folder. */
  write(texts: { readonly ca?: string; readonly cert?: string; readonly key?: string }): string {
    for (const [kind, text] of Object.entries(texts)) writeFileSync(this.path(kind as "ca"), text);
    return this.#folder.path;
  }

  path(kind: "ca" | "cert" | "key"): string {
    return join(this.#folder.path, `${kind}.pem`);
  }

  /** A file beside them. @returns its path. */
  file(name: string, text: string): string {
    writeFileSync(join(this.#folder.path, name), text);
    return join(this.#folder.path, name);
  }

  /** For a listener whose callers need no certificate. */
  listener(more: Partial<ListenerTlsSpec> = {}): ListenerTlsSpec {
    return {
      cert: this.path("cert"),
      key: this.path("key"),
      clientCa: undefined,
      allowedNames: [],
      minVersion: "TLSv1.2",
      ...more,
    };
  }

  /** For one whose callers need one. */
  mutual(...allowedNames: readonly string[]): ListenerTlsSpec {
    return this.listener({ clientCa: this.path("ca"), allowedNames });
  }

  /** A grpc-js caller's, with a certificate of its own where one is given. */
  caller(own?: KeyPair) {
    const pem = own === undefined ? [] : [Buffer.from(own.key), Buffer.from(own.cert)];
    return credentials.createSsl(Buffer.from(this.authority.cert), ...pem);
  }

  /** A grpc-js server's; a mutual one asks its callers for certificates of the same authority. */
  grpcServer(mutual = false, pair: KeyPair = this.server) {
    const pairs = [{ private_key: Buffer.from(pair.key), cert_chain: Buffer.from(pair.cert) }];
    return ServerCredentials.createSsl(mutual ? Buffer.from(this.authority.cert) : null, pairs, mutual);
  }
}
