/** One request to a sidecar's admin port: what the commands `drain`, `healthcheck` and `why --admin` ask. */
import { type Address, formatAddress } from "../base/address.ts";
import { ContenderError } from "../base/errors.ts";

/** As in `server.ts`: an import would load much more than this. */
const { request } = process.getBuiltinModule("node:http");

export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

/** A configuration of a thousand routes takes a few megabytes; more is no sidecar's answer. */
const largestBodyBytes = 64 * 1024 * 1024;

/** A port that speaks TLS ends a connection that begins with plain text, or answers in bytes that are no HTTP. */
function perhapsTls(reason: unknown, where: string): string {
  const code = (reason as { code?: unknown } | null)?.code;
  if (code !== "ECONNRESET" && !String(code).startsWith("HPE_")) return "";
  return ` Where TLS is spoken, as a config service's HTTP port may, ask by https: curl --cacert PATH https://${where}`;
}

/** @throws ContenderError UPSTREAM_UNREACHABLE where nobody answers within `timeoutMs` of silence. */
export function askAdmin(
  address: Address,
  method: "GET" | "POST",
  path: string,
  timeoutMs: number,
): Promise<AdminAnswer> {
  const place = address.kind === "unix" ? { socketPath: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve, reject) => {
    const fail = (reason: unknown): void => {
      const text = `${formatAddress(address)} does not answer: ${reason instanceof Error ? reason.message : String(reason)}. Does a sidecar run, with its admin port there?${perhapsTls(reason, `${formatAddress(address)}${path}`)}`;
      reject(new ContenderError("UPSTREAM_UNREACHABLE", text, { cause: reason }));
    };
    const asked = request({ ...place, method, path, timeout: timeoutMs, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > largestBodyBytes) asked.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      answer.on("end", () => {
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
      });
      answer.on("error", fail);
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    asked.on("error", fail);
    asked.end();
  });
}
