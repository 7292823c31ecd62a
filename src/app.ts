/**
 * The composition root: which parts make which command, and nothing else. What only one command needs is loaded by that
 * command, so that a sidecar starts without the demo's weight.
 */
import { setFlagsFromString } from "node:v8";
import pino, { type Logger } from "pino";
import { askAdmin } from "./admin/client.ts";
import { readinessOf } from "./admin/readiness.ts";
import { AdminServer } from "./admin/server.ts";
import { type Address, formatAddress } from "./base/address.ts";
import { systemChance } from "./base/chance.ts";
import { systemClock } from "./base/clock.ts";
import { ContenderError } from "./base/errors.ts";
import { keyFromText } from "./base/hash.ts";
import { type Problem, problemLine } from "./base/parsed.ts";
import { trusts } from "./base/trust.ts";
import type { Handlers } from "./cli/handlers.ts";
import { standardOutput } from "./compare/line-sinks.ts";
import { LineWriter } from "./compare/line-writer.ts";
import { loadTexts } from "./config/files.ts";
import { openRoutes } from "./config/routes.ts";
import type { Settings, Strings } from "./config/settings.ts";
import type { Loaded } from "./config/snapshot.ts";
import { toDocument } from "./config/to-document.ts";
import { demoDefaults } from "./demo/options.ts";
import type { Screen } from "./demo/progress.ts";
import type { TrialSidecar } from "./init/options.ts";
import type { RouteSpec } from "./model/route.ts";
import { Metrics } from "./observe/metrics.ts";
import { collectProcessMetrics } from "./observe/process-metrics.ts";
import { explain } from "./router/explain.ts";
import { compileAssigner } from "./router/route-assigner.ts";
import { openRecords, type Records } from "./runtime/records.ts";
import { Sidecar } from "./runtime/sidecar.ts";

/** What only the process itself can give. */
export interface ProcessPorts {
  readonly version: string;
  readonly nodeVersion: string;
  readonly env: Strings;
  /** The environment as it is, for processes of our own. */
  readonly demoEnv: NodeJS.ProcessEnv;
  /** Standard error, as a place to draw progress on. */
  readonly screen: Screen;
  out(text: string): void;
  err(text: string): void;
  /** Calls `fn` at every signal that asks to end; the returned function ends that. */
  onStop(fn: (signal: string) => void): () => void;
}

export function handlers(ports: ProcessPorts): Handlers {
  return {
    version: ports.version,
    sidecar: (settings) => new SidecarProcess(settings, ports).run(),
    explain: explainKey,
    askAdmin,
    init: async (options) => {
      const { runInit } = await import("./init/run.ts");
      const startSidecar = (routeText: string) => startTrial(routeText, ports);
      return await runInit(options, { ...ports, clock: systemClock, startSidecar });
    },
    demo: {
      defaults: demoDefaults,
      run: async (options) => {
        const { runDemo } = await import("./demo/run.ts");
        const { out, screen, demoEnv: env, onStop: onInterrupt } = ports;
        return await runDemo(options, { out, screen, env, clock: systemClock, chance: systemChance, onInterrupt });
      },
    },
  };
}

function explainKey(route: RouteSpec, key: string): ReturnType<Handlers["explain"]> {
  const assigner = compileAssigner(route);
  if (!assigner.ok) {
    throw new ContenderError("CONFIG_INVALID", assigner.problems.map(problemLine).join("\n"));
  }
  return explain(assigner.value, keyFromText(key));
}

/** Least time between two writes of log lines. The first goes at once; what follows closely on it goes together. */
const logFlushMs = 10;
/** For the last lines, once everything else has ended: beyond it nobody reads them. */
const logCloseMs = 1_000;

/** A sidecar for `init` to measure: in this process, on a free port of loopback, with the limits that any other has. */
async function startTrial(routeText: string, { version, nodeVersion }: ProcessPorts): Promise<TrialSidecar> {
  const local: Address = { kind: "tcp", host: "127.0.0.1", port: 8500 };
  const loaded = loadTexts("init", [{ name: "route", text: routeText }], { local: formatAddress(local) });
  const sidecar = new Sidecar({
    clock: systemClock,
    chance: systemChance,
    metrics: new Metrics({ clock: systemClock, version, node: nodeVersion }),
    local,
    trustsHop: trusts([]),
    onEvent: () => undefined,
  });
  const applied = loaded.ok ? sidecar.apply(loaded.value) : loaded;
  if (!applied.ok) throw new ContenderError("INTERNAL", applied.problems.map(problemLine).join("\n"));
  return {
    address: await sidecar.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }),
    async close() {
      const drained = sidecar.drain(0, 0);
      sidecar.force();
      await drained;
    },
  };
}

/** One `contender sidecar`, from its settings to its exit code. */
class SidecarProcess {
  readonly #settings: Settings;
  readonly #ports: ProcessPorts;
  readonly #stdout: LineWriter;
  readonly #records: Records;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #sidecar: Sidecar;
  /** What is wrong with the configuration that was refused last; empty once a good one came after it. */
  #refused: readonly Problem[] = [];
  #ended: (code: number) => void = () => undefined;

  constructor(settings: Settings, ports: ProcessPorts) {
    this.#settings = settings;
    this.#ports = ports;
    const options = { level: settings.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime };
    // A log that nobody reads, or that has no space, must neither make a call wait nor end the process.
    this.#stdout = new LineWriter({ clock: systemClock, sink: standardOutput() }, { flushMs: logFlushMs });
    this.#log = pino(options, {
      write: (line) => this.#stdout.add(line, () => this.#metrics.hookFailed("log")),
    });
    this.#metrics = new Metrics({ clock: systemClock, version: ports.version, node: ports.nodeVersion });
    collectProcessMetrics(this.#metrics.registry);
    // Who asks for an access log gets one, whatever the level of everything else.
    const accessLog = this.#log.child({}, { level: "info" });
    this.#records = openRecords(
      {
        clock: systemClock,
        chance: systemChance,
        metrics: this.#metrics,
        stdout: this.#stdout,
        writeAccess: (line) => accessLog.info({ event: "call", ...line }),
        onEvent: ({ kind, ...event }) => {
          const level = kind === "prediction_log_failing" ? "warn" : "info";
          this.#log[level]({ event: kind, ...event });
        },
      },
      settings,
    );
    const trusted = trusts(settings.trustHop);
    this.#sidecar = new Sidecar({
      clock: systemClock,
      chance: systemChance,
      metrics: this.#metrics,
      local: settings.local,
      trustsHop: trusted,
      records: this.#records.calls,
      onEvent: ({ kind, ...event }) => {
        // What ends while we end is as it should be.
        const level = kind === "connected" || kind === "resolved" || this.#sidecar.draining ? "info" : "warn";
        this.#log[level]({ event: kind, ...event });
      },
      nonGrpc: settings.nonGrpc,
      limits: settings.limits,
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
    const source = await openRoutes(this.#settings, systemClock, (loaded) => this.#reload(loaded));
    const { first } = source;
    if (!first.ok) return this.#refuseStart(first.problems);
    for (const warning of first.warnings) this.#log.warn({ event: "config_warning", ...warning });
    const applied = this.#sidecar.apply(first.value);
    if (!applied.ok) return this.#refuseStart(applied.problems);

    const admin = this.#admin();
    const adminAddress = await listening("CONTENDER_ADMIN", this.#settings.admin, () =>
      admin.listen(this.#settings.admin),
    );
    const listen = await listening("CONTENDER_LISTEN", this.#settings.listen, () =>
      this.#sidecar.listen(this.#settings.listen),
    );
    const { version, source: from } = first.value;
    this.#log.info({
      event: "ready",
      listen,
      admin: formatAddress(adminAddress),
      config: version,
      source: from,
      version: this.#ports.version,
    });

    keepYoungGenerationSmall();
    const done = new Promise<number>((resolve) => {
      this.#ended = resolve;
    });
    let signals = 0;
    const stopWatching = this.#ports.onStop((signal) => {
      if (++signals === 1) this.#drain(signal);
      else this.#sidecar.force();
    });
    const code = await done;
    stopWatching();
    await source.close();
    await admin.close();
    await this.#records.close(logCloseMs);
    this.#log.info({ event: "stopped", clean: code === 0 });
    return code;
  }

  #refuseStart(problems: readonly Problem[]): number {
    const lines = problems.map(problemLine).join("\n");
    throw new ContenderError("CONFIG_INVALID", `the routes are wrong, so nothing is served:\n${lines}`);
  }

  #reload(loaded: Loaded): void {
    for (const warning of loaded.warnings) this.#log.warn({ event: "config_warning", ...warning });
    const applied = loaded.ok ? this.#sidecar.apply(loaded.value) : loaded;
    if (!loaded.ok) this.#metrics.configRejected();
    if (applied.ok) {
      this.#refused = [];
      this.#log.info({ event: "config_applied", config: this.#sidecar.generation?.version });
    } else {
      this.#refused = applied.problems;
      const inForce = this.#sidecar.generation?.version;
      this.#log.error({ event: "config_rejected", inForce, problems: applied.problems.map(problemLine) });
    }
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
    const snapshot = this.#sidecar.generation?.plan.snapshot;
    if (snapshot === undefined) return undefined;
    return {
      version: snapshot.version,
      source: snapshot.source,
      rejected: this.#refused.length === 0 ? undefined : this.#refused,
      routes: snapshot.routes.map(toDocument),
    };
  }
}

/**
 * A call's objects die within milliseconds. With a small young generation they are collected while they are still in
 * the processor's cache, and the socket buffers that they hold go back at once: measured under load, half of the memory
 * and a tenth less CPU than with V8's growth to 16 MiB and more. Once everything is loaded: what loads lives long.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Binds a port, or says by its setting's name why it can't be had. */
async function listening<T>(setting: string, address: Address, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (reason) {
    if (reason instanceof ContenderError) throw reason;
    const { code = "", message = String(reason) } = reason as NodeJS.ErrnoException;
    const text =
      code === "EADDRINUSE"
        ? `${setting}: ${formatAddress(address)} is taken by another process; choose another port`
        : `${setting}: cannot listen on ${formatAddress(address)}: ${message}`;
    throw new ContenderError("ADDRESS_IN_USE", text, { cause: reason });
  }
}
