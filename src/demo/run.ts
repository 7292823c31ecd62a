/**
 * `contender demo`: real models behind a real sidecar, with traffic from real rows, and what came of it.
 *
 * The sidecar and the config service that it follows are the programs that people would run, in processes of their own. They are
 * given a route file as people would write it, and other weights while traffic flows, by the commands that people would type;
 * the figures are read from their ports. Nothing here reaches into them.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { whyUnavailable } from "./availability.ts";
import { type Callers, startCallers } from "./callers.ts";
import { type Cast, startCast } from "./cast.ts";
import { asTold } from "./change.ts";
import { formatChanges } from "./change-report.ts";
import type { Child } from "./children.ts";
import { commandText, type RunningCommand } from "./commands.ts";
import { loadCreditData } from "./data.ts";
import { startDirector } from "./director.ts";
import { Ledger } from "./ledger.ts";
import { type DemoOptions, demoUsers } from "./options.ts";
import { ProgressView, type Screen } from "./progress.ts";
import { formatLegend, formatReport } from "./report.ts";
import { demoRoutes, routeTitles, weightsCommand } from "./routes.ts";
import { scrape } from "./scrape.ts";
import { type DemoReport, isSettled, summarise } from "./summary.ts";
import { askRoutes } from "./tables.ts";
import { Tally } from "./tally.ts";
import { watch } from "./watch.ts";

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

/** What was started so far. */
interface Processes {
  readonly children: Child[];
  readonly commands: RunningCommand[];
}

/** How long the last figures may take to reach /metrics: the sidecar reads scores after it has answered. */
const settleMs = 2000;
const settlePollMs = 50;
/** Longest that `--once` goes on beyond its time until every user was met, and many again after the change. */
const extraMs = 15_000;
const endGraceMs = 3000;
/** npm passes a Ctrl-C on to the process that the terminal sent it to already: two within this time are one. */
const sameInterruptMs = 300;

/** Runs the demo to its end. @returns the exit code: 0, or 1 with the reason written to the screen. */
export async function runDemo(options: DemoOptions, io: DemoIo): Promise<number> {
  const unavailable = whyUnavailable();
  if (unavailable !== undefined) {
    io.screen.write(`contender demo: ${unavailable}\n`);
    return 1;
  }
  const processes: Processes = { children: [], commands: [] };
  const { children, commands } = processes;
  let closing = false;
  const keep = <P extends { kill(): void }>(list: P[], process: P) => {
    list.push(process);
    // Started by what was under way when the demo was stopped.
    if (closing) process.kill();
  };
  const interrupts = watchInterrupts(io);
  const folder = await mkdtemp(join(tmpdir(), "contender-demo-"));
  const starting = () =>
    startCast({
      ...{ weights: options.weights, salt: options.salt, folder, env: io.env, clock: io.clock },
      onStart: (child) => keep(children, child),
      onCommand: (command) => keep(commands, command),
    });
  try {
    const played = play(options, io, starting, processes, interrupts.first);
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
    for (const command of commands) command.kill();
    await Promise.all([...commands.map(({ ended }) => ended), ...children.map((child) => child.end(endGraceMs))]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The demo itself, to its report; the caller cleans up. */
async function play(
  options: DemoOptions,
  io: DemoIo,
  starting: () => Promise<Cast>,
  processes: Processes,
  interrupted: Promise<"interrupted">,
): Promise<void> {
  const data = loadCreditData();
  const { clock, screen } = io;
  screen.write("Starting three model servers, a config service and a sidecar…\n");
  const cast = await Promise.race([starting(), interrupted]);
  if (cast === "interrupted") throw new Error("stopped before it began");
  screen.write(introduce(cast, options));

  const tallies = new Map(demoRoutes.map(({ name }) => [name, new Tally()]));
  const ledger = await Ledger.open({
    ...{ clock, tallies },
    scrape: () => scrape(cast.admin),
    askRoutes: () => askRoutes(cast.control.http),
  });
  const callers = startCallers(cast.sidecar, tallies, data, options, io);
  const scene: Scene = { cast, tallies, ledger, callers, ...processes };
  try {
    await untilOver(options, io, scene, interrupted);
  } finally {
    await callers.stop();
  }
  const report = await settled(scene, clock);
  tellFailures(tallies, screen);
  io.out(`${options.json ? JSON.stringify(report, undefined, 2) : reportText(report)}\n`);
  if (report.calls.answered === 0) throw new Error("no call was answered");
  // Who changes what a key is, from another terminal, changes more than tables.
  const own = report.changes.filter(({ command }) => command !== null);
  if (!own.every(asTold)) throw new Error("users moved otherwise than the tables say");
}

interface Scene extends Processes {
  readonly cast: Cast;
  /** By route. */
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly ledger: Ledger;
  readonly callers: Callers;
}

function reportText(report: DemoReport): string {
  const changes = report.changes.length === 0 ? "" : `${formatChanges(report.changes)}\n`;
  return `${formatReport(report, routeTitles)}\n${changes}${formatLegend(report)}`;
}

/** Shows progress and changes the weights, until time is up or someone interrupts. Rejects where a process ends before that. */
async function untilOver(
  options: DemoOptions,
  { screen, clock }: DemoIo,
  { cast, tallies, ledger, callers, children, commands }: Scene,
  interrupted: Promise<"interrupted">,
): Promise<void> {
  const broken = children.map(async (child) => {
    const how = await child.ended;
    throw new Error(`${child.title} ended (${how})${child.lastWords()}`);
  });
  const view = new ProgressView(screen);
  const { seconds, nextWeights } = options;
  const director = startDirector({
    ...{ seconds, nextWeights, clock, command: cast.command },
    during: (command) => ledger.during(command),
    say: (text) => view.say(`${text}\n`),
  });
  const failed = director.done.then(() => new Promise<never>(() => undefined));
  const ends: Promise<unknown>[] = [interrupted, failed, ...broken];
  if (options.once) ends.push(timeUp(options, clock, callers, director.done));
  const watching = watch({ ledger, tallies, view, clock }, options);
  try {
    await Promise.race(ends);
  } finally {
    director.stop();
    for (const command of commands) command.kill();
    await watching.stop();
    view.clear();
  }
}

/** Over after `seconds`, but on a machine that can't keep the pace not before the shares mean something, also after the change. */
async function timeUp(
  { seconds, users = demoUsers }: DemoOptions,
  clock: Clock,
  callers: Callers,
  changed: Promise<void>,
): Promise<void> {
  let sentBefore = Number.POSITIVE_INFINITY;
  changed.then(
    () => {
      sentBefore = callers.sent();
    },
    () => undefined,
  );
  await after(clock, seconds * 1000);
  const latestMs = clock.nowMs() + extraMs;
  const seenEnough = () => callers.metAll() && callers.sent() - sentBefore >= users / 2;
  while (!seenEnough() && clock.nowMs() < latestMs) await after(clock, settlePollMs);
}

/** What is where, how it got there, and what to type in another terminal. */
function introduce(cast: Cast, { weights, rate, users = demoUsers }: DemoOptions): string {
  const [v1, v2, v3] = cast.models;
  const { command, printed } = cast.applied;
  const elsewhere = `CONTENDER_CONTROL=${cast.control.grpc} npx ${commandText(weightsCommand("credit-oip", [60, 40]))}`;
  return [
    `  models   v1 (champion) ${v1}, v2 (challenger) ${v2}, v3 (shadow) ${v3}`,
    `  control  ${cast.control.grpc}, its store in ${cast.folder}`,
    `  sidecar  ${cast.sidecar}, its metrics at http://${cast.admin}/metrics`,
    `  routes   weights ${weights.join("/")}, by`,
    ...[`$ ${command}`, ...printed.split("\n")].map((line) => `             ${line}`),
    `  traffic  ${users.toLocaleString("en-US")} users, ${rate} calls/s on each of two routes`,
    "",
    "  Change weights from another terminal, and watch the shares:",
    `  ${elsewhere}`,
    "",
    "",
  ].join("\n");
}

/** The report when the sidecar has counted everything, or what there is when that takes too long. */
async function settled({ ledger, tallies }: Scene, clock: Clock): Promise<DemoReport> {
  const untilMs = clock.nowMs() + settleMs;
  for (;;) {
    const samples = await ledger.look();
    const report = summarise(samples, tallies, ledger.changes);
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
