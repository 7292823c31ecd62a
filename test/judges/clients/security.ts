/** How clients speak to what they call: in the clear, or over TLS with a certificate of their own. */
import { Authority } from "../../support/certificates.ts";
import { scratchFile } from "../lib/scratch.ts";

export interface Security {
  readonly scheme: "http" | "https";
  /** Arguments. */
  readonly grpcurl: readonly string[];
  readonly curl: readonly string[];
  /** Environment of the Python client. */
  readonly python: NodeJS.ProcessEnv;
}

export const plain: Security = { scheme: "http", grpcurl: ["-plaintext"], curl: [], python: {} };

export interface MutualTls {
  readonly security: Security;
  /** Settings of a sidecar whose callers need a certificate with the caller's name. */
  readonly sidecar: NodeJS.ProcessEnv;
  /** What curl is told where it has no certificate, and where it has one with a name that is not allowed. */
  readonly strangers: Readonly<Record<string, readonly string[]>>;
}

export async function mutualTls(): Promise<MutualTls> {
  const authority = await Authority.create();
  const name = "spiffe://judge.test/ns/ml/sa/caller";
  const pairs = {
    server: await authority.sign({ ip: ["127.0.0.1"] }),
    client: await authority.sign({ uri: [name] }),
    stranger: await authority.sign({ uri: [`${name}/other`] }),
  };
  const ca = scratchFile("tls/ca.pem", authority.cert);
  const [server, client, stranger] = Object.entries(pairs).map(([who, { cert, key }]) => ({
    cert: scratchFile(`tls/${who}.pem`, cert),
    key: scratchFile(`tls/${who}-key.pem`, key),
  })) as [Files, Files, Files];
  const byCurl = ({ cert, key }: Files) => ["--cacert", ca, "--cert", cert, "--key", key];
  return {
    security: {
      scheme: "https",
      grpcurl: ["-cacert", ca, "-cert", client.cert, "-key", client.key],
      curl: byCurl(client),
      python: { JUDGE_TLS_CA: ca, JUDGE_TLS_CERT: client.cert, JUDGE_TLS_KEY: client.key },
    },
    sidecar: {
      CONTENDER_TLS_CERT: server.cert,
      CONTENDER_TLS_KEY: server.key,
      CONTENDER_TLS_CLIENT_CA: ca,
      CONTENDER_TLS_ALLOWED_NAMES: name,
    },
    strangers: { "no certificate": ["--cacert", ca], "another name": byCurl(stranger) },
  };
}

interface Files {
  readonly cert: string;
  readonly key: string;
}
