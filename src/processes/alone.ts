/** One `contender sidecar` in a process of its own, from its settings to its exit code. */
import type { Logger } from "pino";
import { readinessOf } from "../admin/readiness.ts";
import { AdminServer } from "../admin/server.ts";
import { formatAddress } from "../base/address.ts";
import { systemClock } from "../base/clock.ts";
import type { Problem } from "../base/parsed.ts";
import type { LineWriter } from "../compare/line-writer.ts";
import { descriptorLimit } from "../config/descriptor-limit.ts";
import type { RouteSource } from "../config/route-source.ts";
import type { Settings } from "../config/settings.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { Snapshot } from "../model/route.ts";
import type { Metrics } from "../observe/metrics.ts";
import { ReportStore } from "../observe/report-store.ts";
import type { Records } from "../runtime/records.ts";
import type { Sidecar } from "../runtime/sidecar.ts";
import { openDataPlane } from "./data-plane.ts";
import {
  effective,
  keepYoungGenerationSmall,
  listenAdmin,
  listening,
  logCloseMs,
  opened,
  type ProcessPorts,
  refuseStart,
} from "./ports.ts";
import { logReload, logWarnings } from "./process-log.ts";
import { Refused } from "./refused.ts";
import { routeSource } from "./route-source.ts";
import { listenerTlsOf, refuseTls, tlsWord } from "./tls.ts";

export class SidecarProcess {
  readonly #settings: Settings;
  readonly #ports: ProcessPorts;
  readonly #stdout: LineWriter;
  readonly #records: Records;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #sidecar: Sidecar;
  readonly #refused = new Refused();
  readonly #source: RouteSource;
  #snapshot: Snapshot | undefined = undefined;
  #ended: (code: number) => void = () => undefined;

  constructor(settings: Settings, ports: ProcessPorts) {
    this.#settings = settings;
    this.#ports = ports;
    // Who reports to nobody keeps no counts for it.
    const counts = settings.controlClient === undefined ? undefined : new ReportStore();
    const plane = openDataPlane(settings, null, ports, { descriptors: descriptorLimit(), counts });
    this.#stdout = plane.stdout;
    this.#log = plane.log;
    this.#metrics = plane.metrics;
    this.#records = plane.records;
    this.#sidecar = plane.sidecar;
    this.#source = routeSource(settings, {
      log: plane.log,
      metrics: plane.metrics,
      version: ports.version,
      apply: (loaded, first) => this.#apply(loaded, first),
      adopt: (version) => this.#adopt(version),
      counts,
    });
  }

  async run(): Promise<number> {
    try {
      return await this.#run();
    } finally {
      await this.#stdout.close(logCloseMs);
    }
  }

  async #run(): Promise<number> {
    const problems = await opened(this.#source);
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return refuseStart(problems, this.#source.status);
    const tls = listenerTlsOf(this.#settings);
    const secured = tls === undefined ? undefined : this.#sidecar.secure(tls);
    if (secured?.ok === false) return refuseTls(secured.problems);

    const admin = this.#admin();
    const adminAddress = await listenAdmin(admin, this.#settings.admin);
    const listen = await listening("CONTENDER_LISTEN", this.#settings.listen, () =>
      this.#sidecar.listen(this.#settings.listen, this.#settings.listenMode),
    );
    // Before anybody is told that we are there: who is told may end us at once.
    const done = new Promise<number>((resolve) => {
      this.#ended = resolve;
    });
    let signals = 0;
    const stopWatching = this.#ports.onStop((signal) => {
      if (++signals === 1) this.#drain(signal);
      else this.#sidecar.force();
    });
    this.#log.info({
      event: "ready",
      listen,
      tls: tlsWord(tls),
      admin: formatAddress(adminAddress),
      config: snapshot.version,
      source: snapshot.source,
      version: this.#ports.version,
    });

    this.#source.begin();
    keepYoungGenerationSmall();
    const code = await done;
    stopWatching();
    await this.#source.close();
    await admin.close();
    await this.#records.close(logCloseMs);
    this.#log.info({ event: "stopped", clean: code === 0 });
    return code;
  }

  /** @returns why it is not in force; empty where it is. */
  #apply(loaded: Loaded, first: boolean): readonly Problem[] {
    const plan = loaded.ok ? this.#sidecar.prepare(loaded.value) : loaded;
    const problems = plan.ok ? [] : plan.problems;
    if (first && !plan.ok) return problems;
    if (!this.#refused.note(loaded, problems)) return problems;
    logWarnings(this.#log, loaded);
    const before = this.#snapshot;
    if (plan.ok) {
      this.#sidecar.use(plan.value);
      this.#snapshot = plan.value.snapshot;
    } else this.#metrics.configRejected();
    if (before !== undefined || !plan.ok) logReload(this.#log, problems, this.#snapshot?.version);
    return problems;
  }

  #adopt(version: string): void {
    if (this.#snapshot === undefined) return;
    this.#snapshot = Object.freeze({ ...this.#snapshot, version });
    this.#sidecar.rename(version);
  }

  #drain(why: string): void {
    if (this.#sidecar.draining) return;
    const { drainDelayMs, gracePeriodMs } = this.#settings;
    this.#log.info({ event: "draining", why, drainDelayMs, gracePeriodMs });
    void this.#sidecar.drain(drainDelayMs, gracePeriodMs).then((clean) => this.#ended(clean ? 0 : 1));
  }

  #admin(): AdminServer {
    const metrics = this.#metrics;
    return new AdminServer(
      {
        contentType: metrics.contentType,
        metrics: () => metrics.exposition(),
        readiness: () =>
          readinessOf({
            listening: this.#sidecar.listening,
            configured: this.#sidecar.generation !== undefined,
            draining: this.#sidecar.draining,
            waitForChampion: this.#settings.waitForChampion,
            routesWithoutChampion: this.#settings.waitForChampion ? this.#sidecar.routesWithoutChampion() : [],
          }),
        config: () => this.#effective(),
        drain: () => this.#drain("admin port"),
        failed: (endpoint, reason) => this.#log.error({ event: "admin_failed", endpoint, reason: String(reason) }),
      },
      systemClock,
    );
  }

  #effective(): unknown {
    if (this.#snapshot === undefined) return undefined;
    return effective(this.#snapshot, this.#refused.problems, this.#source.status);
  }
}
