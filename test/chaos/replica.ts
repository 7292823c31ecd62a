/** One `contender control` at addresses of its own, which it has again after each start. */

import { AdminClient } from "../../src/api/admin-client.ts";
import { type Callable, ControlChannel } from "../../src/api/channel.ts";
import type { FetchResponse } from "../../src/api/messages.ts";
import { method, type ServiceName } from "../../src/api/protos.ts";
import { systemClock } from "../../src/base/clock.ts";
import { type ControlClient, parseControlClient } from "../../src/config/control-client.ts";
import { pemFiles } from "../../src/config/sources/pem-files.ts";
import { freePort } from "../soak/subject.ts";
import { parsedValue } from "../support/parsed.ts";
import { Program } from "./program.ts";

const ports = { clock: systemClock, openPem: pemFiles(systemClock), actor: "chaos" };
const timeoutMs = 8_000;

export class Replica {
  readonly address: string;
  readonly admin: AdminClient;
  program: Program | undefined = undefined;
  readonly #http: string;
  readonly #folder: string;
  readonly #store: string;
  readonly #channel: ControlChannel;

  private constructor(folder: string, store: string, grpc: number, http: number) {
    this.#folder = folder;
    this.#store = store;
    this.address = `127.0.0.1:${grpc}`;
    this.#http = `127.0.0.1:${http}`;
    const control: ControlClient = parsedValue(parseControlClient({ CONTENDER_CONTROL: this.address }));
    this.admin = new AdminClient({ ...ports, control, timeoutMs });
    this.#channel = new ControlChannel(control, ports);
  }

  static async create(folder: string, store: string): Promise<Replica> {
    return new Replica(folder, store, await freePort(), await freePort());
  }

  async start(): Promise<void> {
    this.program = await new Program(this.#folder, "control", {
      CONTENDER_STORE: this.#store,
      CONTENDER_CONTROL_LISTEN: this.address,
      CONTENDER_CONTROL_HTTP: this.#http,
      CONTENDER_HEARTBEAT: "1s",
      CONTENDER_REPORT_INTERVAL: "1s",
      CONTENDER_LEASE: "3s",
    }).ready();
  }

  /** Where it should run and does not. */
  async again(): Promise<void> {
    if (this.program?.alive !== true) await this.start();
  }

  get running(): Program {
    if (this.program === undefined) throw new Error("the replica was never started");
    return this.program;
  }

  get leads(): boolean {
    return this.program?.alive === true && this.program.last("leadership")?.leads === true;
  }

  async #ask<Answer extends object>(service: ServiceName, name: string, request: object): Promise<Answer> {
    const asked: Callable<object, Answer> = method<object, Answer>(service, name);
    return await this.#channel.call(asked, request, timeoutMs);
  }

  /** The version that a sidecar of this workload is to have. */
  async version(workload: string): Promise<string> {
    const node = { instance: "judge", workload, capabilities: ["ttl", "gates"] };
    return (await this.#ask<FetchResponse>("ConfigService", "Fetch", { node })).version;
  }

  /** What sidecars counted of a route: calls by variant. */
  async counts(route: string): Promise<Map<string, number>> {
    const { series } = await this.#ask<{
      readonly series: readonly { readonly variant: string; readonly traffic: string; readonly requests: number }[];
    }>("AdminService", "GetCounts", { route });
    const sums = new Map<string, number>();
    for (const { variant, traffic, requests } of series) {
      if (traffic === "live") sums.set(variant, (sums.get(variant) ?? 0) + requests);
    }
    return sums;
  }

  async end(): Promise<void> {
    await this.program?.kill();
    this.admin.close();
    this.#channel.close();
  }
}
