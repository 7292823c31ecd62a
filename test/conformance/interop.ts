/**
 * gRPC's own interoperability cases, by grpc-go's client and server: each is run against the server directly and through a
 * sidecar, and must end alike.
 *
 * The cases are those that grpc-go's `interop_test.sh` runs: all that need no cloud's credentials.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { run, Service } from "../judges/lib/processes.ts";
import { scratchFile } from "../judges/lib/scratch.ts";
import { routeDocument, SidecarUnderTest } from "../judges/lib/sidecar.ts";
import type { Table } from "../judges/lib/table.ts";

export const interopCases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "orca_per_rpc",
  "orca_oob",
  "rpc_soak",
  "channel_soak",
] as const;

/** Of one case, as in `interop_test.sh`. */
const caseMs = 20_000;

export interface InteropMode {
  readonly name: string;
  readonly shadow?: true;
}

export const interopModes: readonly InteropMode[] = [{ name: "plain" }, { name: "with a shadow", shadow: true }];

export interface InteropTools {
  readonly client: string;
  readonly server: string;
}

export interface InteropVerdict {
  readonly mode: string;
  readonly cases: number;
  readonly alike: number;
}

/** Runs every case of every mode, a row each. */
export async function judgeInterop(table: Table, { client, server }: InteropTools): Promise<InteropVerdict[]> {
  const verdicts: InteropVerdict[] = [];
  for (const mode of interopModes) {
    const [champion, shadow] = await Promise.all([interopServer(server), interopServer(server)]);
    const sidecar = await SidecarUnderTest.start({
      CONTENDER_CONFIG: routeFile(mode, `127.0.0.1:${champion.ready.port}`, `127.0.0.1:${shadow.ready.port}`),
    });
    const through = Number(sidecar.address.split(":").at(-1));
    let alike = 0;
    for (const name of interopCases) {
      const direct = await runCase(client, name, Number(champion.ready.port));
      const proxied = await runCase(client, name, through);
      const same = direct.code === 0 && proxied.code === direct.code;
      if (same) alike++;
      const detail = `exit ${proxied.code}, and ${direct.code} directly`;
      table.row(`interop ${mode.name}: ${name}`, same ? "" : `${detail}\n${proxied.stderr}${direct.stderr}`, detail);
    }
    if (mode.shadow) await judgeCopies(table, sidecar);
    verdicts.push({ mode: mode.name, cases: interopCases.length, alike });
    sidecar.service.kill("SIGKILL");
    champion.kill("SIGKILL");
    shadow.kill("SIGKILL");
  }
  return verdicts;
}

function runCase(client: string, name: string, port: number) {
  const lookups = JSON.stringify({ loadBalancingConfig: [{ test_backend_metrics_load_balancer: {} }] });
  const args = ["--server_host=127.0.0.1", `--server_port=${port}`, `--test_case=${name}`];
  return run(client, [...args, `--service_config_json=${lookups}`], { timeoutMs: caseMs });
}

/** On a port that the system chose: its log tells which. */
function interopServer(command: string): Promise<Service> {
  return Service.start("interop server", command, ["--port=0"], {
    env: { GRPC_GO_LOG_SEVERITY_LEVEL: "info" },
    readyWhen: (line) => {
      const [, port] = /interop server listening on .*:(\d+)$/.exec(line) ?? [];
      return port === undefined ? undefined : { port: Number(port) };
    },
  });
}

/** With a shadow, every call that may be copied is. */
function routeFile({ shadow }: InteropMode, champion: string, copies: string): string {
  const spec = {
    match: { services: ["grpc.testing.TestService"] },
    variants: { v1: { address: champion }, ...(shadow ? { v2: { address: copies } } : {}) },
    champion: "v1",
    ...(shadow ? { shadows: { v2: { percent: 100, timeout: "10s" } } } : {}),
  };
  return scratchFile(`interop-${shadow ? "shadow" : "plain"}.json`, routeDocument("interop", spec));
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
