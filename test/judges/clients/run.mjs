/**
 * Lets gRPC clients that others wrote call real models and streams through a sidecar, and compares with direct calls.
 *
 *     npx node test/judges/clients/run.mjs
 *
 * grpcurl, ghz, grpcio, grpc-go, grpc-js, nghttp and curl, unchanged, some of them over mutual TLS too; 64 MiB messages, ten
 * thousand messages of a conversation in bounded memory, and a drain under load. Needs Go and Python 3, and root or sudo where
 * a Debian package is missing; it installs the rest below the system's temporary folder and keeps it there. Prints a line per
 * judged thing and exits 1 if any failed, or, with CI=true, if any could not be judged.
 */

import { run } from "../lib/processes.ts";
import { scratchFile } from "../lib/scratch.ts";
import { Table } from "../lib/table.ts";
import { callByCurl, callByGrpcurl, callByNghttp, keptOut, predictRequest, refuseCurl } from "./command-line.ts";
import { compare } from "./compare.ts";
import { judgeDrain } from "./drain.ts";
import { callByGrpcJs } from "./grpc-js.ts";
import { judgeFlood, judgeGhz, pythonClient } from "./load.ts";
import { mutualTls, plain } from "./security.ts";
import { installTools, stubs } from "./tools.ts";
import { oneRow, World } from "./world.ts";

const table = new Table();

/** Records of a client that is a process of its own; its last words where it prints none. */
async function recordsOf(command, args, env = {}) {
  const { stdout, stderr, code } = await run(command, args, { timeoutMs: 180_000, env });
  const lines = stdout
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  const records = lines.map((line) => JSON.parse(line));
  return code === 0 ? records : [...records, { name: "its end", problem: `exit ${code}: ${stderr}`, detail: "" }];
}

/** Judges calls directly and through a sidecar; of those through it, some ran into their deadline, and must be counted so. */
async function compareCalls(client, calls, { models, echo }, sidecar, security = plain) {
  const deadlines = () => sidecar.calls({ route: "streams", grpc_code: "DEADLINE_EXCEEDED" });
  const direct = await calls(models, echo, plain);
  const before = await deadlines();
  compare(table, client, direct, await calls(sidecar.address, sidecar.address, security));
  // One more comes of the server's own statuses.
  const counted = (await deadlines()) - before - 1;
  table.row(
    `${client}: deadlines in the metrics`,
    counted > 0 ? "" : "are counted as something else",
    `${counted} of 3`,
  );
}

const callByGrpcio =
  (python) =>
  (models, echo, { python: env }) =>
    recordsOf(python, [pythonClient, "call", stubs, models, echo, JSON.stringify(oneRow)], env);

/** The clients that come with TLS of three makes: Go's, OpenSSL and BoringSSL. */
async function judgeTls({ grpcurl, python }, world) {
  const { models, echo } = world;
  const { security, sidecar: env, strangers } = await mutualTls();
  const sidecar = await world.sidecar(env);
  const { address } = sidecar;
  compare(
    table,
    "mutual TLS, grpcurl",
    await callByGrpcurl(grpcurl, models),
    await callByGrpcurl(grpcurl, address, security),
  );
  compare(table, "mutual TLS, curl", await callByCurl(models, echo), await callByCurl(address, address, security));
  await compareCalls("mutual TLS, grpcio", callByGrpcio(python), world, sidecar, security);
  for (const [who, args] of Object.entries(strangers)) {
    table.row(`mutual TLS: ${who}`, await keptOut(address, args), "is refused");
  }
}

/** Every judge with the tools that it needs, the cheap ones first. */
const judges = [
  {
    name: "grpcurl",
    needs: ["grpcurl"],
    run: async ({ grpcurl }, world, sidecar) =>
      compare(
        table,
        "grpcurl",
        await callByGrpcurl(grpcurl, world.models),
        await callByGrpcurl(grpcurl, sidecar.address),
      ),
  },
  {
    name: "nghttp",
    needs: ["nghttp"],
    run: async (_commands, { models, echo }, { address }) =>
      compare(table, "nghttp", await callByNghttp(models, echo), await callByNghttp(address, address)),
  },
  {
    name: "curl",
    needs: ["curl"],
    run: async (_commands, { models, echo }, { address }) => {
      compare(table, "curl", await callByCurl(models, echo), await callByCurl(address, address));
      for (const row of await refuseCurl(address)) table.row(...row);
    },
  },
  {
    name: "grpc-js",
    needs: [],
    run: (_commands, world, sidecar) => compareCalls("grpc-js", callByGrpcJs, world, sidecar),
  },
  {
    name: "grpc-go",
    needs: ["peer"],
    run: ({ peer }, world, sidecar) => {
      const calls = (models, echo) => recordsOf(peer, ["call", models, echo, scratchFile("predict", predictRequest)]);
      return compareCalls("grpc-go", calls, world, sidecar);
    },
  },
  {
    name: "grpcio",
    needs: ["python"],
    run: ({ python }, world, sidecar) => compareCalls("grpcio", callByGrpcio(python), world, sidecar),
  },
  { name: "mutual TLS", needs: ["grpcurl", "curl", "python"], run: judgeTls },
  {
    name: "messages in bounded memory",
    needs: ["python"],
    run: ({ python }, world) => judgeFlood(table, python, world),
  },
  {
    name: "ghz",
    needs: ["ghz"],
    run: ({ ghz }, world, sidecar) => judgeGhz(table, ghz, world, sidecar),
  },
  {
    name: "drain under load",
    needs: ["python", "peer", "ghz"],
    run: (commands, world) => judgeDrain(table, world, commands),
  },
];

async function judgeAll() {
  const tools = await installTools();
  console.log(`tools ready after ${Math.round(performance.now() / 1_000)} s`);
  if (tools.peer.missing !== undefined) {
    table.skip("all: the streams' server", tools.peer.missing);
    return;
  }
  const commands = Object.fromEntries(Object.entries(tools).map(([name, { command }]) => [name, command]));
  const world = await World.start(tools.peer.command);
  const sidecar = await world.sidecar();
  for (const { name, needs, run: judge } of judges) {
    const missing = needs.map((need) => tools[need].missing).filter((why) => why !== undefined);
    if (missing.length > 0) {
      table.skip(name, missing.join("\n"));
      continue;
    }
    try {
      await judge(commands, world, sidecar);
    } catch (reason) {
      table.row(name, reason instanceof Error ? (reason.stack ?? reason.message) : String(reason), "");
    }
  }
}

try {
  await judgeAll();
} catch (reason) {
  table.row("the judge itself", String(reason?.stack ?? reason), "");
}
process.exit(table.end() ? 0 : 1);
