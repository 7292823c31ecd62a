/**
 * `contender demo`: real models behind a real sidecar, with traffic from real rows, and what came of it.
 *
 * The sidecar is the program that people would run, in a process of its own, set up by a route file as they would write
 * it; the figures are read from its /metrics. Nothing here reaches into it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { whyUnavailable } from "./availability.ts";
import { type Cast, startCast } from "./cast.ts";
import type { Child } from "./children.ts";
import { openClient } from "./clients.ts";
import { type CreditData, loadCreditData } from "./data.ts";
import { type DemoOptions, demoUsers } from "./options.ts";
import { ProgressView, type Screen } from "./progress.ts";
import { formatLegend, formatReport } from "./report.ts";
import { demoRoutes, modelName } from "./routes.ts";
import { scrape } from "./scrape.ts";
import { type DemoReport, isSettled, summarise } from "./summary.ts";
import { Tally } from "./tally.ts";
import { Traffic } from "./traffic.ts";

export interface DemoIo {
  /** The result goes here, and nothing else. */
  readonly out: (text: string) => void;
  /** Progress and what went wrong. */
  readonly screen: Screen;
  /** Environment of the demo's own processes; settings of Contender in it are kept from them. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Calls `fn` at every Ctrl-C (or SIGTERM); the returned function ends that. */
  readonly onInterrupt: (fn: () => void) => () => void;
}

/** Connections of the callers, per route. */
const clientsPerRoute = 2;
const refreshMs = 1000;
/** How long the last figures may take to reach /metrics: the sidecar reads scores after it has answered. */
const settleMs = 2000;
const settlePollMs = 50;
/** Longest that `--once` goes on beyond its time until every user was met. */
const extraMs = 15_000;
const endGraceMs = 3000;
/** npm passes a Ctrl-C on to the process that the terminal sent it to already: two within this time are one. */
const sameInterruptMs = 300;

const titles = new Map(demoRoutes.map(({ name, title }) => [name, title]));

/** Runs the demo to its end. @returns the exit code: 0, or 1 with the reason written to the screen. */
export async function runDemo(options: DemoOptions, io: DemoIo): Promise<number> {
  const unavailable = whyUnavailable();
  if (unavailable !== undefined) {
    io.screen.write(`contender demo: ${unavailable}\n`);
    return 1;
  }
  const children: Child[] = [];
  let closing = false;
  const onStart = (child: Child) => {
    children.push(child);
    // Started by what was under way when the demo was stopped.
    if (closing) child.kill();
  };
  const interrupts = watchInterrupts(io);
  const folder = await mkdtemp(join(tmpdir(), "contender-demo-"));
  try {
    const played = play(options, io, folder, { children, onStart }, interrupts.first);
    const forced = interrupts.second.then(() => {
      throw new Error("stopped");
    });
    await Promise.race([played, forced]);
    return 0;
  } catch (reason) {
    for (const child of children) child.kill();
    io.screen.write(`contender demo: ${reason instanceof Error ? reason.message : String(reason)}\n`);
    return 1;
  } finally {
    closing = true;
    interrupts.close();
    await Promise.all(children.map((child) => child.end(endGraceMs)));
    await rm(folder, { recursive: true, force: true });
  }
}

/** The demo itself, to its report; the caller cleans up. */
async function play(
  options: DemoOptions,
  io: DemoIo,
  folder: string,
  { children, onStart }: { readonly children: readonly Child[]; readonly onStart: (child: Child) => void },
  interrupted: Promise<"interrupted">,
): Promise<void> {
  const data = loadCreditData();
  const { clock, env, screen } = io;
  screen.write("Starting three model servers and a sidecar…\n");
  const starting = startCast({ ...options, folder, env, clock, onStart });
  const cast = await Promise.race([starting, interrupted]);
  if (cast === "interrupted") throw new Error("stopped before it began");
  screen.write(introduce(cast, options));

  const callers = startCallers(cast, data, options, io);
  try {
    await untilOver(options, io, cast, callers, children, interrupted);
  } finally {
    await callers.stop();
  }
  const report = await settled(cast, callers.tallies, clock);
  tellFailures(callers.tallies, screen);
  const text = options.json
    ? JSON.stringify(report, undefined, 2)
    : `${formatReport(report, titles)}\n${formatLegend(report)}`;
  io.out(`${text}\n`);
  if ([...callers.tallies.values()].every(({ calls, errors }) => calls === errors))
    throw new Error("no call was answered");
}

/** Shows progress until time is up or someone interrupts. Rejects where a process ends before that. */
async function untilOver(
  options: DemoOptions,
  io: DemoIo,
  cast: Cast,
  callers: Callers,
  children: readonly Child[],
  interrupted: Promise<"interrupted">,
): Promise<void> {
  const broken = children.map(async (child) => {
    const how = await child.ended;
    throw new Error(`${child.title} ended (${how})${child.lastWords()}`);
  });
  const ends: Promise<unknown>[] = [interrupted, ...broken];
  if (options.once) ends.push(timeUp(options, io.clock, callers));
  const view = new ProgressView(io.screen);
  const watching = watch(cast, callers, options, io, view);
  try {
    await Promise.race(ends);
  } finally {
    await watching.stop();
    view.clear();
  }
}

/** Over after `seconds`, but on a machine that can't keep the pace not before the shares mean something. */
async function timeUp({ seconds }: DemoOptions, clock: Clock, callers: Callers): Promise<void> {
  await after(clock, seconds * 1000);
  const latestMs = clock.nowMs() + extraMs;
  while (!callers.metAll() && clock.nowMs() < latestMs) await after(clock, settlePollMs);
}

function introduce(cast: Cast, { weights, rate, users = demoUsers }: DemoOptions): string {
  const [v1, v2, v3] = cast.models;
  return [
    `  models   v1 (champion) ${v1}, v2 (challenger) ${v2}, v3 (shadow) ${v3}`,
    `  sidecar  ${cast.sidecar}, its metrics at http://${cast.admin}/metrics`,
    `  routes   ${cast.routesFile}: weights ${weights.join("/")}; edit it, the sidecar follows`,
    `  traffic  ${users.toLocaleString("en-US")} users, ${rate} calls/s on each of two routes`,
    "",
    "",
  ].join("\n");
}

interface Callers {
  /** By route. */
  readonly tallies: ReadonlyMap<string, Tally>;
  /** Whether every user has sent a call on every route. */
  metAll(): boolean;
  /** Sends no more and closes the connections when the last answer is there. */
  stop(): Promise<void>;
}

function startCallers(
  cast: Cast,
  { heldOut }: CreditData,
  { rate, users = demoUsers }: DemoOptions,
  io: DemoIo,
): Callers {
  const { clock, chance } = io;
  const tallies = new Map(demoRoutes.map(({ name }) => [name, new Tally()]));
  const running = demoRoutes.map(({ name, dialect }) => {
    const tally = tallies.get(name) ?? new Tally();
    const clients = Array.from({ length: clientsPerRoute }, () =>
      openClient({ target: cast.sidecar, dialect, model: modelName, clock }),
    );
    const traffic = new Traffic({
      ...{ clients, clock, chance, rows: heldOut, users, callsPerSecond: rate },
      onAnswer: (user, answer) => tally.answered(user, answer),
      onError: (failure) => tally.failed(failure),
    });
    return { clients, traffic };
  });
  return {
    tallies,
    metAll: () => running.every(({ traffic }) => traffic.metAll),
    async stop() {
      await Promise.all(running.map(({ traffic }) => traffic.stop()));
      for (const client of running.flatMap(({ clients }) => clients)) client.close();
    },
  };
}

/** Shows progress until stopped. A scrape that fails is left out: should the sidecar be gone, another watch tells. */
function watch(cast: Cast, callers: Callers, options: DemoOptions, io: DemoIo, view: ProgressView) {
  const { clock } = io;
  const startMs = clock.nowMs();
  let stopped = false;
  let cancel: (() => void) | undefined;
  let under: Promise<void> = Promise.resolve();
  const refresh = async () => {
    const samples = await scrape(cast.admin).catch(() => undefined);
    if (stopped) return;
    const tallies = [...callers.tallies.values()];
    view.show({
      elapsedMs: clock.nowMs() - startMs,
      totalMs: options.once ? options.seconds * 1000 : undefined,
      calls: tallies.reduce((sum, { calls }) => sum + calls, 0),
      errors: tallies.reduce((sum, { errors }) => sum + errors, 0),
      table: samples === undefined ? "" : formatReport(summarise(samples, callers.tallies), titles),
    });
    next();
  };
  const next = () => {
    cancel = clock.after(refreshMs, () => {
      under = refresh();
    });
  };
  next();
  return {
    stop(): Promise<void> {
      stopped = true;
      cancel?.();
      return under;
    },
  };
}

/** The report when the sidecar has counted everything, or what there is when that takes too long. */
async function settled(cast: Cast, tallies: ReadonlyMap<string, Tally>, clock: Clock): Promise<DemoReport> {
  const untilMs = clock.nowMs() + settleMs;
  for (;;) {
    const samples = await scrape(cast.admin);
    const report = summarise(samples, tallies);
    if (isSettled(samples, report) || clock.nowMs() >= untilMs) return report;
    await after(clock, settlePollMs);
  }
}

function tellFailures(tallies: ReadonlyMap<string, Tally>, screen: Screen): void {
  for (const [route, { failures }] of tallies) {
    for (const [why, count] of failures) screen.write(`  ${route}: ${count} calls failed with ${why}\n`);
  }
}

function after(clock: Clock, delayMs: number): Promise<"done"> {
  return new Promise((resolve) => {
    clock.after(delayMs, () => resolve("done"));
  });
}

/** The first interrupt asks for the report, a second one for an end at once. */
function watchInterrupts({ onInterrupt, clock }: DemoIo) {
  const first = Promise.withResolvers<"interrupted">();
  const second = Promise.withResolvers<void>();
  let firstMs: number | undefined;
  const close = onInterrupt(() => {
    const nowMs = clock.nowMs();
    if (firstMs === undefined) {
      firstMs = nowMs;
      first.resolve("interrupted");
    } else if (nowMs - firstMs > sameInterruptMs) {
      second.resolve();
    }
  });
  return { first: first.promise, second: second.promise, close };
}
