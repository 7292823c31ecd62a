/** One `contender control` in a process of its own, from its settings to its exit code. */
import { hostname } from "node:os";
import type { Logger } from "pino";
import { formatAddress } from "../base/address.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { problemLine } from "../base/parsed.ts";
import type { PemPaths } from "../base/pem.ts";
import type { ControlSettings } from "../config/control-settings.ts";
import { controlSettingsTable, formatStore } from "../config/control-settings-table.ts";
import { readUsablePem } from "../config/sources/pem-files.ts";
import { readSecret } from "../config/sources/secret-file.ts";
import { Control, type ControlEvent } from "../control/control.ts";
import { openEmbeddedStore } from "../control/embedded/open.ts";
import { ControlHttp } from "../control/ports/http.ts";
import { httpEndpoints } from "../control/ports/http-endpoints.ts";
import { ControlServer } from "../control/ports/server.ts";
import type { TlsOptions } from "../control/ports/tls-options.ts";
import type { Store } from "../control/store.ts";
import { ControlMetrics } from "../observe/control-metrics.ts";
import { openSecurity } from "./control-security.ts";
import { keepYoungGenerationSmall, logCloseMs, type ProcessPorts } from "./ports.ts";
import { openProcessLog } from "./process-log.ts";
import { replicaDialling } from "./replica-dialling.ts";

/** What is trouble. */
const warned: ReadonlySet<ControlEvent["kind"]> = new Set<ControlEvent["kind"]>([
  "store_damaged",
  "store_reread",
  "store_restored",
  "store_claimed",
  "lease_failed",
  "replica_failed",
  "counts_failed",
  "counts_left_out",
]);

/**
 * How long a replica that has started waits for the others beyond the lease of one that has died: they see it within moments, and
 * tell it of 100,000 sidecars in seconds.
 */
const informMs = 10_000;

class ControlProcess {
  readonly #settings: ControlSettings;
  readonly #ports: ProcessPorts;
  #draining = false;
  /** Whether the other replicas have told it what they know, or have had the time to. */
  #informed = false;

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
    const { listen, http, advertise, history, gracePeriodMs } = this.#settings;
    const renewed = (tls: TlsOptions): void => {
      web.secure(tls);
      server?.secure(tls);
    };
    let server: ControlServer | undefined;
    const dial = replicaDialling(this.#settings);
    const security = await openSecurity(this.#settings, log, renewed);
    const failed = (path: string, reason: unknown): void => {
      log.error({ event: "http_failed", path, reason: String(reason) });
    };
    // It keeps the process alive while the store is waited for, and tells probes so.
    const web = new ControlHttp(systemClock, failed, security.tls);
    const httpAddress = await web.listen(http);
    const store = await openStore(this.#settings);
    const name = `${hostname()}-${Math.trunc(systemChance.next() * 2 ** 32).toString(16)}`;
    const self = { name, address: "" };
    const control = new Control(
      {
        store,
        clock: systemClock,
        chance: systemChance,
        callers: security.callers,
        self,
        dial,
        onEvent: ({ kind, ...event }) => log[warned.has(kind) ? "warn" : "info"]({ event: kind, ...event }),
      },
      { ...this.#settings, historyLimit: history },
    );
    await control.open();
    security.access.onChange(() => control.recheck());
    const grpc = new ControlServer(control, systemClock);
    server = grpc;
    const metrics = this.#metrics(control);
    const endpoints = httpEndpoints({
      control,
      contentType: metrics.contentType,
      metrics: () => metrics.exposition(),
      sidecar: (request, asked) => security.sidecar(request, asked),
      reader: (request) => security.reader(request),
      unready: () => this.#unready(control),
    });
    web.serve(endpoints);
    const grpcAddress = await grpc.listen(listen, security.tls);
    // By a port that the system chose, others know it only now.
    self.address = advertise === undefined ? grpcAddress : formatAddress(advertise);
    await control.join();
    keepYoungGenerationSmall();
    const ended = new Promise<string>((resolve) => {
      this.#ports.onStop((signal) => {
        if (this.#draining) grpc.force();
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
    void this.#inform(control, grpc, log);
    const why = await ended;
    log.info({ event: "draining", why });
    control.leave();
    const clean = await grpc.close(gracePeriodMs);
    await control.close();
    await web.close();
    security.close();
    await store.close();
    log.info({ event: "stopped", clean });
    return clean ? 0 : 1;
  }

  /** What it counted and which sidecars there are it knows by halves before the others have told it. */
  async #inform(control: Control, grpc: ControlServer, log: Logger): Promise<void> {
    const missing = await control.informed(this.#settings.leaseMs + informMs);
    this.#informed = true;
    grpc.ready();
    const { replicas } = control.leadership;
    if (!this.#draining)
      log[missing.length > 0 ? "warn" : "info"]({ event: "informed", replicas: replicas.length, missing });
  }

  #unready(control: Control): string | undefined {
    if (this.#draining) return "it ends";
    return this.#informed ? undefined : `not told everything yet by ${control.untold.join(", ")}`;
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
          ["unrouted", 0],
          ["gone", 0],
        ]);
        for (const { state } of control.fleet.each()) counts.set(state, (counts.get(state) ?? 0) + 1);
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
      contender_control_store_claims_total: () =>
        Object.entries(figures.claims).map(([outcome, count]) => [[outcome], count] as const),
      contender_control_series_left_out_total: () =>
        Object.entries(figures.leftOut).map(([reason, count]) => [[reason], count] as const),
      contender_control_leader: () => [[[], control.leadership.leads ? 1 : 0]],
      contender_control_replicas: () => [[[], control.leadership.replicas.length]],
    });
  }
}

async function openStore(settings: ControlSettings): Promise<Store> {
  const { store, storeCa, storeCert, storeKey, storeUser, storePasswordFile } = settings;
  const ports = { clock: systemClock, chance: systemChance };
  if (store.kind === "dir") return await openEmbeddedStore(store.path, ports);
  const { openEtcdStore } = await import("../control/etcd-store.ts");
  const tls = storeTls({ ca: storeCa, cert: storeCert, key: storeKey });
  return await openEtcdStore({
    ...ports,
    endpoints: store.endpoints,
    prefix: store.prefix,
    tls,
    ...(storeUser !== undefined &&
      storePasswordFile !== undefined && { user: { name: storeUser, password: secretOf(storePasswordFile) } }),
  });
}

const storeFiles: Readonly<Record<string, string>> = {
  ca: controlSettingsTable.storeCa.env,
  cert: controlSettingsTable.storeCert.env,
  key: controlSettingsTable.storeKey.env,
};

/** @throws ContenderError SETTINGS_INVALID where a file is no good. */
function storeTls(paths: PemPaths): Record<string, Buffer> {
  const texts = readUsablePem(paths);
  if (!texts.ok) {
    const lines = texts.problems.map(({ path, message }) => problemLine({ path: storeFiles[path] ?? path, message }));
    throw new ContenderError("SETTINGS_INVALID", lines.join("\n"));
  }
  const entries = Object.entries(texts.value as Record<string, string>);
  return Object.fromEntries(entries.map(([kind, text]) => [kind, Buffer.from(text)]));
}

/** @throws ContenderError SETTINGS_INVALID where the file can't be read. */
function secretOf(path: string): string {
  const secret = readSecret(path);
  if (!secret.ok) throw new ContenderError("SETTINGS_INVALID", secret.message);
  return secret.value;
}

export function runControl(settings: ControlSettings, ports: ProcessPorts): Promise<number> {
  return new ControlProcess(settings, ports).run();
}
