/**
 * A `contender sidecar` of several processes: this one accepts, configures, counts together and answers the admin port;
 * its workers serve the calls. It is to its surroundings what a lone process is: same ports, settings, signals, metrics.
 */
import type { Logger } from "pino";
import { type Readiness, readinessOf } from "../admin/readiness.ts";
import { AdminServer } from "../admin/server.ts";
import { formatAddress } from "../base/address.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import type { Problem } from "../base/parsed.ts";
import type { LineWriter } from "../compare/line-writer.ts";
import type { PredictionLog } from "../compare/prediction-log.ts";
import { descriptorLimit } from "../config/descriptor-limit.ts";
import type { RouteSource } from "../config/route-source.ts";
import type { Settings } from "../config/settings.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { Snapshot } from "../model/route.ts";
import { GroupExposition } from "../observe/group-exposition.ts";
import type { Metrics } from "../observe/metrics.ts";
import { planSnapshot } from "../plan/plan.ts";
import { resolveProxyOptions } from "../proxy/options.ts";
import { resolveOverloadOptions } from "../resilience/overload-options.ts";
import { openPredictionLog } from "../runtime/records.ts";
import { affordableConnections } from "../runtime/sidecar.ts";
import type { ListenerTlsSpec } from "../runtime/sidecar-tls.ts";
import { Door } from "../transport/door.ts";
import { resolveTransportOptions } from "../transport/options.ts";
import { Group } from "../workers/group.ts";
import type { WorkerSettings } from "../workers/messages.ts";
import { shareOf } from "../workers/shares.ts";
import { Switchover } from "../workers/switchover.ts";
import { openReports, tellRecords } from "./data-plane.ts";
import { GroupCounts } from "./group-counts.ts";
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
import { checkListener, checkUpstreams, listenerTlsOf, refuseTls, tlsWord } from "./tls.ts";

/** How long a scrape waits for a worker. Prometheus gives up after 10 s by default; a worker takes milliseconds. */
const scrapeMs = 2_000;
/** How long a readiness probe waits for one: the kubelet's own default. */
const readinessMs = 1_000;
/** Records of the prediction log among what workers write; their log lines begin with a level. */
const recordStart = '{"event":"prediction",';

export class PrimaryProcess {
  readonly #settings: Settings;
  readonly #ports: ProcessPorts;
  readonly #stdout: LineWriter;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #totals = new GroupExposition();
  /** What workers count for a config service; undefined where nobody wants reports. */
  readonly #counts: GroupCounts | undefined;
  /** The prediction log, and its file where it goes to one. */
  readonly #records: { readonly log: PredictionLog; readonly file: LineWriter | undefined } | undefined;
  readonly #group: Group;
  readonly #switchover: Switchover;
  readonly #door: Door;
  readonly #tls: ListenerTlsSpec | undefined;
  /** Of each process: a worker has its own, as many as this one. */
  readonly #descriptors = descriptorLimit();
  readonly #source: RouteSource;
  #snapshot: Snapshot | undefined = undefined;
  /** The workers have been started. */
  readonly #begun = Promise.withResolvers<void>();
  readonly #refused = new Refused();
  #listening = false;
  #draining = false;
  #forced = false;
  #force: () => void = () => undefined;
  readonly #done = Promise.withResolvers<number>();
  #collecting: Promise<void> | undefined;

  constructor(settings: Settings, ports: ProcessPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#tls = listenerTlsOf(settings);
    const { stdout, log, metrics } = openReports(settings.logLevel, null, ports);
    this.#stdout = stdout;
    this.#log = log;
    this.#metrics = metrics;
    this.#records = this.#openRecords();
    // Who reports to nobody keeps no counts for it.
    const reports = settings.controlClient !== undefined;
    this.#counts = reports ? new GroupCounts(metrics, () => this.#group.serving) : undefined;
    this.#source = routeSource(settings, {
      log,
      metrics,
      version: ports.version,
      apply: (loaded, first) => this.#apply(loaded, first),
      adopt: (version) => this.#adopt(version),
      counts: this.#counts,
    });
    const limits = resolveTransportOptions(settings.limits.transport);
    const perWorker = affordableConnections(this.#descriptors);
    this.#group = new Group(
      {
        clock: systemClock,
        chance: systemChance,
        program: { path: ports.program, args: ["worker"] },
        settingsOf: (worker) => this.#settingsOf(worker),
        onLine: (line) => this.#takeLine(line),
        onEvent: ({ kind, ...event }) => {
          const level = kind === "worker_started" || this.#draining ? "info" : "error";
          log[level]({ event: kind, ...event });
        },
        onBreaker: ({ labels: [route, variant, traffic], from, to }) =>
          log.warn({ event: "breaker", route, variant, traffic, from, to }),
        onRefused: () => this.#metrics.connectionRefused(),
        onGone: (worker, last) => {
          if (last !== undefined) this.#totals.note(worker, last.metrics);
          this.#totals.end(worker);
          this.#counts?.end(worker, last?.counts);
        },
      },
      {
        workers: settings.workers,
        breaker: settings.limits.breaker,
        maxConnections: Math.min(limits.maxConnectionsAccepted, settings.workers * perWorker),
        maxConnectionsPerWorker: perWorker,
        maxWaiting: limits.backlog,
      },
    );
    this.#switchover = new Switchover(this.#group, settings.limits.breaker);
    const refused = (): void => this.#metrics.connectionRefused();
    this.#door = new Door({ backlog: limits.backlog, socketMode: settings.listenMode, onRefused: refused }, (handle) =>
      this.#group.hand(handle),
    );
    this.#registerFigures();
  }

  async run(): Promise<number> {
    try {
      return await this.#run();
    } finally {
      this.#group.close();
      await this.#stdout.close(logCloseMs);
    }
  }

  async #run(): Promise<number> {
    const problems = await opened(this.#source);
    const first = this.#snapshot;
    if (first === undefined) return refuseStart(problems, this.#source.status);
    const wrong = this.#tls === undefined ? [] : checkListener(this.#tls);
    if (wrong.length > 0) return refuseTls(wrong);

    const admin = this.#admin();
    const adminAddress = await listenAdmin(admin, this.#settings.admin);
    // Before anybody is told that we are there: who is told may end us at once.
    let signals = 0;
    const stopWatching = this.#ports.onStop((signal) => {
      if (++signals === 1) this.#drain(signal);
      else this.#forceEnd();
    });
    await this.#startWorkers(first);
    this.#begun.resolve();
    if (!this.#draining) await this.#open(first, formatAddress(adminAddress));
    this.#source.begin();
    keepYoungGenerationSmall();
    const code = await this.#done.promise;
    stopWatching();
    await this.#source.close();
    await admin.close();
    await this.#records?.file?.close(logCloseMs);
    this.#log.info({ event: "stopped", clean: code === 0 });
    return code;
  }

  async #startWorkers(snapshot: Snapshot): Promise<void> {
    try {
      await this.#switchover.start(snapshot);
    } catch (reason) {
      if (!this.#draining) throw ContenderError.from(reason); // else they ended because they were told to
    }
  }

  async #open(snapshot: Snapshot, admin: string): Promise<void> {
    const listen = await listening("CONTENDER_LISTEN", this.#settings.listen, () =>
      this.#door.listen(this.#settings.listen),
    );
    this.#listening = true;
    this.#tellLimit();
    this.#log.info({
      event: "ready",
      listen,
      tls: tlsWord(this.#tls),
      admin,
      config: snapshot.version,
      source: snapshot.source,
      version: this.#ports.version,
      workers: this.#settings.workers,
    });
  }

  #tellLimit(): void {
    const { limits, workers } = this.#settings;
    const limit = workers * affordableConnections(this.#descriptors);
    if (limit >= resolveTransportOptions(limits.transport).maxConnectionsAccepted) return;
    this.#log.warn({ event: "connections_limited", limit, descriptors: this.#descriptors });
  }

  #inForce(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#metrics.setGeneration(snapshot);
  }

  #adopt(version: string): void {
    if (this.#snapshot === undefined) return;
    const before = this.#snapshot.version;
    this.#inForce(Object.freeze({ ...this.#snapshot, version }));
    this.#switchover.adopt(this.#snapshot, before);
  }

  /** @returns why it is not in force; empty where it is, in every worker, or will be in those that are yet to begin. */
  async #apply(loaded: Loaded, first: boolean): Promise<readonly Problem[]> {
    const before = this.#snapshot;
    // Workers that are being started get what there was first: what comes meanwhile is for them, too.
    if (before !== undefined) await this.#begun.promise;
    const problems = await this.#switch(loaded);
    if (first && problems.length > 0) return problems;
    if (!this.#refused.note(loaded, problems)) return problems;
    logWarnings(this.#log, loaded);
    if (problems.length > 0) this.#metrics.configRejected();
    if (before !== undefined || problems.length > 0) logReload(this.#log, problems, this.#snapshot?.version);
    return problems;
  }

  async #switch(loaded: Loaded): Promise<readonly Problem[]> {
    if (!loaded.ok) return loaded.problems;
    const plan = planSnapshot(loaded.value);
    if (!plan.ok) return plan.problems;
    const usable = checkUpstreams(plan.value);
    if (!usable.ok) return usable.problems;
    const problems = this.#snapshot === undefined ? [] : await this.#switchover.apply(loaded.value, this.#snapshot);
    if (problems.length === 0) this.#inForce(loaded.value);
    return problems;
  }

  #drain(why: string): void {
    if (this.#draining) return;
    this.#draining = true;
    const { drainDelayMs, gracePeriodMs } = this.#settings;
    this.#log.info({ event: "draining", why, drainDelayMs, gracePeriodMs });
    void this.#end().then((clean) => this.#done.resolve(clean ? 0 : 1));
  }

  async #end(): Promise<boolean> {
    const { drainDelayMs, gracePeriodMs } = this.#settings;
    await new Promise<void>((resolve) => {
      this.#force = resolve;
      systemClock.after(drainDelayMs, resolve);
    });
    // In this order: what was accepted is on its way to a worker before that one is told to end.
    this.#door.close();
    this.#listening = false;
    const drained = this.#group.drain(this.#forced ? 0 : gracePeriodMs - drainDelayMs);
    if (this.#forced) this.#group.force();
    return (await drained) && !this.#forced;
  }

  #forceEnd(): void {
    this.#forced = true;
    this.#force();
    this.#group.force();
  }

  #settingsOf(worker: number): WorkerSettings {
    const { accessLog, gracePeriodMs, limits, listen, local, logLevel, predictionLogSample, trustHop, workers } =
      this.#settings;
    const full = {
      ...limits,
      transport: resolveTransportOptions(limits.transport),
      proxy: resolveProxyOptions(limits.proxy),
      overload: resolveOverloadOptions(limits.overload),
    };
    return {
      worker,
      workers,
      local,
      unix: listen.kind === "unix",
      tls: this.#tls,
      trustHop,
      nonGrpc: this.#settings.nonGrpc,
      limits: shareOf(full, workers),
      logLevel,
      accessLog,
      predictionLog: this.#settings.predictionLog !== undefined,
      predictionLogSample,
      counts: this.#counts !== undefined,
      gracePeriodMs,
    };
  }

  #openRecords(): { readonly log: PredictionLog; readonly file: LineWriter | undefined } | undefined {
    const { predictionLog } = this.#settings;
    if (predictionLog === undefined) return undefined;
    const onEvent = tellRecords(this.#log);
    const ports = { clock: systemClock, stdout: this.#stdout, metrics: this.#metrics, onEvent };
    return openPredictionLog(ports, predictionLog);
  }

  /** All lines for one place go through one writer: two processes on one pipe would cut into each other's. */
  #takeLine(line: string): void {
    if (this.#records !== undefined && line.startsWith(recordStart)) this.#records.log.addLine(`${line}\n`);
    else this.#stdout.add(`${line}\n`, () => this.#metrics.hookFailed("log"));
  }

  #registerFigures(): void {
    this.#metrics.register("contender_workers", () => [{ labels: [], value: this.#group.ready }]);
    this.#metrics.register("contender_worker_restarts_total", () => [{ labels: [], value: this.#group.restarts }]);
    this.#metrics.register("contender_breaker_open", () =>
      this.#group.breakers.states().map(({ labels, state }) => ({ labels, value: state === "closed" ? 0 : 1 })),
    );
  }

  #admin(): AdminServer {
    return new AdminServer(
      {
        contentType: this.#metrics.contentType,
        metrics: (byWorker) => this.#exposition(byWorker),
        readiness: () => this.#readiness(),
        failing: () =>
          this.#listening && this.#group.ready === 0 ? "every worker has ended; they are being replaced" : undefined,
        config: () => {
          if (this.#snapshot === undefined) return undefined;
          return {
            ...effective(this.#snapshot, this.#refused.problems, this.#source.status),
            workers: this.#switchover.versions(),
          };
        },
        drain: () => this.#drain("admin port"),
        failed: (endpoint, reason) => this.#log.error({ event: "admin_failed", endpoint, reason: String(reason) }),
      },
      systemClock,
    );
  }

  async #exposition(byWorker: boolean): Promise<string> {
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = undefined;
    });
    await this.#collecting;
    const own = await this.#metrics.exposition();
    return byWorker ? this.#totals.apart(own) : this.#totals.together(own);
  }

  async #collect(): Promise<void> {
    await Promise.all(
      this.#group.serving.map(async (worker) => {
        try {
          this.#totals.note(worker.number, await worker.ask({ kind: "metrics" }, scrapeMs));
        } catch {
          this.#totals.missed(worker.number);
        }
      }),
    );
  }

  async #readiness(): Promise<Readiness> {
    const { waitForChampion } = this.#settings;
    const answers = waitForChampion
      ? await Promise.allSettled(this.#group.serving.map((worker) => worker.ask({ kind: "readiness" }, readinessMs)))
      : [];
    const without = answers.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    const silent = answers.some(({ status }) => status === "rejected");
    const none = this.#listening && this.#group.ready === 0 && !this.#draining;
    return readinessOf({
      listening: this.#listening,
      configured: this.#snapshot !== undefined,
      draining: this.#draining,
      waitForChampion,
      routesWithoutChampion: [...new Set(without)],
      workersMissing: none ? "no worker can take calls yet" : silent ? "a worker does not answer" : undefined,
    });
  }
}
