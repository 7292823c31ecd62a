/**
 * A sidecar that is told to end while four clients call through it: no call may fail.
 *
 * The clients know one address, as those of a Kubernetes service do. Behind it, new connections go to the first sidecar as
 * long as it is ready, then to the second: what a service does, and nothing else. Connections that are there stay, until
 * the sidecar says GOAWAY and its clients connect anew.
 */
import { once } from "node:events";
import net from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { GrpcClient } from "../../support/grpc-js.ts";
import { Service } from "../lib/processes.ts";
import type { SidecarUnderTest } from "../lib/sidecar.ts";
import type { Table } from "../lib/table.ts";
import { type GhzResult, ghz, pythonClient } from "./load.ts";
import type { World } from "./world.ts";

const probeMs = 20;
/** Many of the probes above: how long a sidecar that is no longer ready may still be given connections. */
const drainDelay = "500ms";
const longestMs = 15_000;
/** Calls that each sidecar must have answered under load. */
const loadCalls = 200;
/** Eight seconds of calls, so that they go on before, in and after the drain. */
const ghzCalls = 1_000;
const ghzLoad = ["-c", "8", "--connections", "2", "--rps", "125"];

/** Which sidecar a service gives new connections to. */
class Endpoint {
  readonly #second: SidecarUnderTest;
  #target: SidecarUnderTest;
  #closed = false;
  readonly #server = net.createServer((caller) => {
    const [host = "", port = ""] = this.#target.address.split(":");
    const onward = net.connect(Number(port), host);
    caller.on("error", () => onward.destroy()).pipe(onward);
    onward.on("error", () => caller.destroy()).pipe(caller);
  });

  constructor(first: SidecarUnderTest, second: SidecarUnderTest) {
    this.#target = first;
    this.#second = second;
  }

  /** @returns the service's address. */
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    void this.#probe();
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  async #probe(): Promise<void> {
    while (!this.#closed && (await this.#target.isReady())) await pause(probeMs);
    this.#target = this.#second;
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
  }
}

interface Tally {
  readonly calls: number;
  readonly failed: readonly string[];
}

/**
 * grpc-js, which calls from this process, with its defaults: it begins a call anew that Node's HTTP/2 did not let begin, as
 * Node has seen GOAWAY when grpc-js has not.
 */
class GrpcJsLoad {
  readonly #client: GrpcClient;
  readonly #workers: Promise<void>[];
  #stopped = false;
  #calls = 0;
  readonly #failed: string[] = [];

  constructor(address: string) {
    this.#client = new GrpcClient(address, { "grpc.enable_retries": 1 });
    this.#workers = Array.from({ length: 4 }, () => this.#work());
  }

  async #work(): Promise<void> {
    const message = Buffer.from("short");
    while (!this.#stopped) {
      this.#calls++;
      const { status: end } = await this.#client.unary("/contender.judge.Echo/Unary", message, {
        timeoutMs: longestMs,
      });
      if (end.code !== status.OK) this.#failed.push(`${end.code} ${end.details}`);
      await pause(10);
    }
  }

  async finish(): Promise<Tally> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    this.#client.close();
    return { calls: this.#calls, failed: this.#failed };
  }
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + longestMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${longestMs} ms in vain until ${what}`);
    await pause(probeMs);
  }
}

/** Commands of the clients. */
export interface DrainClients {
  readonly python: string;
  readonly peer: string;
  readonly ghz: string;
}

export async function judgeDrain(table: Table, world: World, clients: DrainClients): Promise<void> {
  const first = await world.sidecar({ CONTENDER_DRAIN_DELAY: drainDelay });
  const second = await world.sidecar();
  const endpoint = new Endpoint(first, second);
  const address = await endpoint.listen();
  const python = await Service.start("grpcio", clients.python, [pythonClient, "load", address]);
  const go = await Service.start("grpc-go", clients.peer, ["load", address]);
  const js = new GrpcJsLoad(address);
  const ghzRun = ghz(clients.ghz, address, ghzCalls, ...ghzLoad);

  await until(async () => (await first.calls({ route: "credit" })) >= loadCalls, "ghz calls");
  await until(async () => (await first.calls({ route: "streams" })) >= loadCalls, "the others call");
  const start = performance.now();
  first.service.kill("SIGTERM");
  const timer = setTimeout(() => first.service.kill("SIGKILL"), longestMs);
  const code = await first.service.exited;
  clearTimeout(timer);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  await until(async () => (await second.calls({ route: "streams" })) >= loadCalls, "the calls go on elsewhere");

  const tallies: [string, Tally][] = [
    ["grpcio", (await python.finish()) as unknown as Tally],
    ["grpc-go", (await go.finish()) as unknown as Tally],
    ["grpc-js", await js.finish()],
  ];
  for (const [client, { calls, failed }] of tallies) {
    table.row(`drain: ${client}`, failed.length === 0 ? "" : failed.join("\n"), `${calls} calls, 0 failed`);
  }
  const ghzResult: GhzResult = await ghzRun;
  table.row("drain: ghz", ghzResult.problem, ghzResult.detail);
  const elsewhere = await second.calls({ route: "credit" });
  const both = elsewhere >= loadCalls && elsewhere <= ghzCalls - loadCalls;
  const moved = `${ghzCalls - elsewhere} calls of ghz by the first, ${elsewhere} by the second`;
  table.row("drain: calls at both sidecars", both ? "" : moved, moved);
  const clean = code === 0 && first.service.lines.at(-1)?.clean === true;
  const last = JSON.stringify(first.service.lines.at(-1));
  table.row("drain: the sidecar's own end", clean ? "" : `exit ${code}: ${last}`, `exit 0, ${seconds} s after SIGTERM`);
  endpoint.close();
  second.service.kill("SIGKILL");
}
