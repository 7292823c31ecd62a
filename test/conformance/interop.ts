/**
 * gRPC's own interoperability cases, by grpc-go's client and server: each is run against the server directly and through a
 * sidecar, and must end alike.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { run, Service } from "../judges/lib/processes.ts";
import { scratchFile } from "../judges/lib/scratch.ts";
import { SidecarUnderTest } from "../judges/lib/sidecar.ts";
import type { Table } from "../judges/lib/table.ts";
import { routeDocument } from "../support/route-document.ts";
import { type InteropMode, interopCases, interopModes } from "./cases.ts";

/** Of one case, as in `interop_test.sh`. */
const caseMs = 20_000;

export interface InteropTools {
  readonly client: string;
  readonly server: string;
  /** Folder of `ca.pem`, `server1.pem` and `server1.key`. */
  readonly certificates: string;
}

/** A name that the test certificates are for. */
const serverName = "foo.test.google.fr";

export interface InteropVerdict {
  readonly mode: string;
  readonly cases: number;
  readonly alike: number;
}

/** Runs every case of every mode, a row each. */
export async function judgeInterop(table: Table, tools: InteropTools): Promise<InteropVerdict[]> {
  const verdicts: InteropVerdict[] = [];
  for (const mode of interopModes) {
    const [champion, shadow] = await Promise.all([interopServer(mode, tools), interopServer(mode, tools)]);
    const sidecar = await SidecarUnderTest.start({
      CONTENDER_CONFIG: routeFile(mode, tools, `127.0.0.1:${champion.ready.port}`, `127.0.0.1:${shadow.ready.port}`),
      ...(mode.tls ? certificatePair(tools.certificates) : {}),
    });
    const through = Number(sidecar.address.split(":").at(-1));
    let alike = 0;
    for (const name of interopCases) {
      const direct = await runCase(mode, tools, name, Number(champion.ready.port));
      const proxied = await runCase(mode, tools, name, through);
      const same = direct.code === 0 && proxied.code === direct.code;
      if (same) alike++;
      const detail = `exit ${proxied.code}, and ${direct.code} directly`;
      table.row(`interop ${mode.name}: ${name}`, same ? "" : `${detail}\n${proxied.stderr}${direct.stderr}`, detail);
    }
    if (mode.shadow) await judgeCopies(table, sidecar);
    verdicts.push({ mode: mode.name, cases: interopCases.length, alike });
    await Promise.all([sidecar.service.stop(), champion.stop(), shadow.stop()]);
  }
  return verdicts;
}

/** Settings of a sidecar whose callers speak TLS. @param certificates folder of them. */
export function certificatePair(certificates: string): NodeJS.ProcessEnv {
  return { CONTENDER_TLS_CERT: `${certificates}/server1.pem`, CONTENDER_TLS_KEY: `${certificates}/server1.key` };
}

function runCase({ tls }: InteropMode, { client, certificates }: InteropTools, name: string, port: number) {
  const lookups = JSON.stringify({ loadBalancingConfig: [{ test_backend_metrics_load_balancer: {} }] });
  const args = ["--server_host=127.0.0.1", `--server_port=${port}`, `--test_case=${name}`];
  const trusting = [`--server_host_override=${serverName}`, "--use_test_ca", `--ca_file=${certificates}/ca.pem`];
  const secure = tls ? ["--use_tls", ...trusting] : [];
  return run(client, [...args, `--service_config_json=${lookups}`, ...secure], { timeoutMs: caseMs });
}

/** On a port that the system chose: its log tells which. */
function interopServer({ tls }: InteropMode, { server, certificates }: InteropTools): Promise<Service> {
  const pair = [`--tls_cert_file=${certificates}/server1.pem`, `--tls_key_file=${certificates}/server1.key`];
  return Service.start("interop server", server, ["--port=0", ...(tls ? ["--use_tls", ...pair] : [])], {
    env: { GRPC_GO_LOG_SEVERITY_LEVEL: "info" },
    readyWhen: (line) => {
      const [, port] = /interop server listening on .*:(\d+)$/.exec(line) ?? [];
      return port === undefined ? undefined : { port: Number(port) };
    },
  });
}

/** With a shadow, every call that may be copied is. */
function routeFile(
  { shadow, tls }: InteropMode,
  { certificates }: InteropTools,
  champion: string,
  copies: string,
): string {
  const secure = tls ? { tls: { ca: `${certificates}/ca.pem`, serverName } } : {};
  const spec = {
    match: { services: ["grpc.testing.TestService"] },
    variants: { v1: { address: champion, ...secure }, ...(shadow ? { v2: { address: copies, ...secure } } : {}) },
    champion: "v1",
    ...(shadow ? { shadows: { v2: { percent: 100, timeout: "10s" } } } : {}),
  };
  return scratchFile(`interop/${shadow ?? false}-${tls ?? false}.json`, routeDocument("interop", spec));
}

/** A shadow that gets nothing would show nothing. */
async function judgeCopies(table: Table, sidecar: SidecarUnderTest): Promise<void> {
  const sum = async (name: string, labels: Readonly<Record<string, string>>) =>
    (await sidecar.samples(name, labels)).reduce((total, { value }) => total + value, 0);
  // Those of the last calls may still be under way.
  let ended = 0;
  let dropped = 0;
  for (let look = 0; look < 100 && ended < fewestCopies; look++) {
    ended = await sum("contender_requests_total", { traffic: "shadow" });
    dropped = await sum("contender_shadow_dropped_total", {});
    await sleep(50);
  }
  const detail = `${ended} copies ended, ${dropped} were not sent or not finished`;
  table.row("interop with a shadow: its copies", ended >= fewestCopies ? "" : detail, detail);
}

/** Each of the two soaks makes ten calls that may be copied, others a few. */
const fewestCopies = 20;
