/** One `contender control` in a process of its own, from its settings to its exit code. */
import { hostname } from "node:os";
import { Client, credentials, ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { method } from "../api/protos.ts";
import { formatAddress } from "../base/address.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import type { ControlSettings } from "../config/control-settings.ts";
import { formatStore } from "../config/control-settings-table.ts";
import { Control, type ControlEvent } from "../control/control.ts";
import { openEmbeddedStore } from "../control/embedded/open.ts";
import { ControlHttp } from "../control/http.ts";
import { httpEndpoints } from "../control/http-endpoints.ts";
import { openCallers } from "../control/open-callers.ts";
import type { PeersPorts, ShareResponse } from "../control/peers.ts";
import { ControlServer } from "../control/server.ts";
import type { Store } from "../control/store.ts";
import { ControlMetrics } from "../observe/control-metrics.ts";
import { logCloseMs, type ProcessPorts } from "./ports.ts";
import { openProcessLog } from "./process-log.ts";

/** What is trouble. */
const warned: ReadonlySet<ControlEvent["kind"]> = new Set<ControlEvent["kind"]>([
  "store_damaged",
  "store_reread",
  "store_restored",
  "lease_failed",
  "replica_failed",
]);

export class ControlProcess {
  readonly #settings: ControlSettings;
  readonly #ports: ProcessPorts;
  #draining = false;

  constructor(settings: ControlSettings, ports: ProcessPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  async run(): Promise<number> {
    const { stdout, log } = openProcessLog(this.#settings.logLevel, null, () => undefined);
    try {
      return await this.#run(log);
    } finally {
      await stdout.close(logCloseMs);
    }
  }

  async #run(log: Logger): Promise<number> {
    const { listen, http, advertise, history, heartbeatMs, reportIntervalMs, leaseMs, gracePeriodMs } = this.#settings;
    // It keeps the process alive while the store is waited for, and tells probes so.
    const web = new ControlHttp(systemClock, (path, reason) =>
      log.error({ event: "http_failed", path, reason: String(reason) }),
    );
    const httpAddress = await web.listen(http);
    const store = await openStore(this.#settings);
    const name = `${hostname()}-${Math.trunc(systemChance.next() * 2 ** 32).toString(16)}`;
    const control = new Control(
      {
        store,
        clock: systemClock,
        chance: systemChance,
        callers: openCallers,
        self: { name, address: formatAddress(advertise ?? listen) },
        dial,
        onEvent: ({ kind, ...event }) => log[warned.has(kind) ? "warn" : "info"]({ event: kind, ...event }),
      },
      { historyLimit: history, heartbeatMs, reportIntervalMs, leaseMs },
    );
    await control.open();
    const server = new ControlServer(control, systemClock);
    const metrics = this.#metrics(control);
    const endpoints = httpEndpoints({
      control,
      contentType: metrics.contentType,
      metrics: () => metrics.exposition(),
      sidecar: (_, asked) => asked,
      reader: () => undefined,
      draining: () => this.#draining,
    });
    web.serve(endpoints);
    const grpcAddress = await server.listen(listen, ServerCredentials.createInsecure());
    await control.join();
    const ended = new Promise<string>((resolve) => {
      this.#ports.onStop((signal) => {
        if (this.#draining) server.force();
        this.#draining = true;
        resolve(signal);
      });
    });
    const { revision, routes } = control.routes;
    log.info({
      event: "ready",
      grpc: grpcAddress,
      http: httpAddress,
      store: formatStore(this.#settings.store),
      revision,
      routes: routes.length,
      version: this.#ports.version,
    });
    const why = await ended;
    log.info({ event: "draining", why });
    await control.close();
    await server.close(gracePeriodMs);
    await web.close();
    await store.close();
    log.info({ event: "stopped", clean: true });
    return 0;
  }

  #metrics(control: Control): ControlMetrics {
    const { version, nodeVersion } = this.#ports;
    const { figures } = control;
    return new ControlMetrics(version, nodeVersion, {
      contender_control_sidecars: () => {
        const counts = new Map([
          ["current", 0],
          ["pending", 0],
          ["rejected", 0],
          ["gone", 0],
        ]);
        for (const { state } of control.fleet.list()) counts.set(state, (counts.get(state) ?? 0) + 1);
        return [...counts].map(([state, count]) => [[state], count] as const);
      },
      contender_control_routes: () => [[[], control.routes.routes.length]],
      contender_control_revision: () => [[[], control.routes.revision]],
      contender_control_store_damaged: () => [[[], control.registry.problems.length > 0 ? 1 : 0]],
      contender_control_snapshots_total: () => [
        [["whole"], figures.snapshots],
        [["name"], figures.labels],
      ],
      contender_control_answers_total: () => [
        [["applied"], figures.acks],
        [["rejected"], figures.nacks],
      ],
      contender_control_reports_total: () =>
        Object.entries(figures.reports).map(([result, count]) => [[result], count] as const),
      contender_control_leader: () => [[[], control.leadership.leads ? 1 : 0]],
      contender_control_replicas: () => [[[], control.leadership.replicas.length]],
    });
  }
}

async function openStore({ store }: ControlSettings): Promise<Store> {
  if (store.kind === "dir") return await openEmbeddedStore(store.path, { clock: systemClock, chance: systemChance });
  throw new Error("etcd comes next");
}

const dial: PeersPorts["dial"] = (address) => {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = method<object, ShareResponse>("PeerService", "Share");
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  return {
    stream,
    close: () => {
      stream.cancel();
      client.close();
    },
  };
};
