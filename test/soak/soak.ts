/**
 * The soak: a built sidecar under mixed load for as long as one likes, and at the end a verdict.
 *
 * Everything runs in processes of its own, so that what is measured of the sidecar is the sidecar's. None outlives this
 * one, however it ends.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agreement, leftOver, staleWeights, underWay } from "./agreement.ts";
import type { FromCaller, Start, ToCaller } from "./caller.ts";
import { help, readOptions, type SoakOptions } from "./options.ts";
import { type Findings, formatReport, judge, type Report, type Samples } from "./report.ts";
import { stepsOf, users } from "./routes.ts";
import type { Sample } from "./slope.ts";
import { build, freePort, Subject } from "./subject.ts";
import { Unrest } from "./unrest.ts";
import { adoptMs } from "./weights.ts";
import { Worker } from "./worker.ts";

/** A sample every 10 s; more often in a short soak, or there would be too few to tell a slope. */
const sampleMs = (minutes: number): number => Math.min(10_000, Math.max(1_000, (minutes * 60_000) / 40));
/** How long the sidecar may take to be at rest, and to have read the weights written last. */
const restMs = adoptMs;
/** The same for copies, when a sample is taken: a shadow has half a second for each. */
const copiesMs = 1_000;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text: string): void => void process.stderr.write(text);

/** Ends early at the first Ctrl-C; a second one ends the process, and with it all others. */
class Interrupt {
  pressed = false;
  readonly #waiting = new Set<() => void>();
  #firstMs = 0;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => this.#press());
  }

  #press(): void {
    // npm passes on a Ctrl-C that the terminal has sent to all already: two within this time are one.
    if (this.pressed && performance.now() - this.#firstMs > 300) process.exit(130);
    if (this.pressed) return;
    this.pressed = true;
    this.#firstMs = performance.now();
    for (const wake of this.#waiting) wake();
  }

  /** Waits, unless and until there is an interrupt. */
  async wait(ms: number): Promise<void> {
    if (this.pressed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }
}

/** Reads the sidecar's metrics until what is looked for is gone from them, for a while. */
async function atRest(subject: Subject, left: typeof leftOver, withinMs: number) {
  const endMs = performance.now() + withinMs;
  let metrics = await subject.metrics();
  while (left(metrics).length > 0 && performance.now() < endMs) {
    await wait(50);
    metrics = await subject.metrics();
  }
  return metrics;
}

class Recording {
  readonly samples = { heapBytes: [], buffersBytes: [], residentBytes: [], descriptors: [] } as {
    [meter in keyof Samples]: Sample[];
  };

  /**
   * Takes a sample while the callers rest: what calls hold while they are under way comes and goes by many times what a
   * leak adds, and a collection in the middle of them would be seen in their latency.
   */
  async take(subject: Subject, atMs: number): Promise<void> {
    await atRest(subject, underWay, copiesMs);
    const { usedBytes, buffersBytes } = await subject.inspector.heap();
    const { heapBytes, buffersBytes: buffers, residentBytes, descriptors } = this.samples;
    heapBytes.push({ atMs, value: usedBytes });
    buffers.push({ atMs, value: buffersBytes });
    residentBytes.push({ atMs, value: await subject.residentBytes() });
    descriptors.push({ atMs, value: await subject.descriptors() });
  }
}

/** One line at a terminal, drawn over; elsewhere a line every half minute. */
function progress(seconds: number, minutes: number, { figures, inFlight }: FromCaller): void {
  const { started, outcomes } = figures;
  const bad = (outcomes.lost ?? 0) + (outcomes.wrong ?? 0);
  const text = `${Math.round(seconds)} s of ${Math.round(minutes * 60)} s, ${started.toLocaleString("en-US")} calls, ${inFlight} in flight, ${bad} lost or wrong`;
  if (process.stderr.isTTY) say(`\r\u001b[2K${text}`);
  else if (Math.round(seconds) % 30 === 0) say(`${text}\n`);
}

async function soak(options: SoakOptions, interrupt: Interrupt): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), "contender-soak-"));
  const troubles: string[] = [];
  const trouble = (error: unknown): void => void troubles.push(String(error));
  const [v41, v42, v43] = await Promise.all([freePort(), freePort(), freePort()]);
  const addresses = { v41: `127.0.0.1:${v41}`, v42: `127.0.0.1:${v42}`, v43: `127.0.0.1:${v43}` };
  const steps = stepsOf(addresses);
  let subject: Subject | undefined;
  let caller: Worker | undefined;
  let unrest: Unrest | undefined;
  try {
    say("building the sidecar\n");
    await build(folder);
    unrest = new Unrest(addresses, steps, trouble);
    await unrest.prepare();
    subject = await Subject.start(folder, unrest.routes);
    if (interrupt.pressed) throw new Error("stopped before it began");
    caller = new Worker("caller.ts");
    return judge(await underLoad(options, interrupt, { subject, caller, unrest, steps, troubles }));
  } finally {
    subject?.kill();
    await caller?.signal("SIGKILL");
    await unrest?.end();
    await rm(folder, { recursive: true, force: true });
  }
}

interface World {
  readonly subject: Subject;
  readonly caller: Worker;
  readonly unrest: Unrest;
  readonly steps: Start["steps"];
  readonly troubles: string[];
}

async function underLoad(options: SoakOptions, interrupt: Interrupt, world: World): Promise<Findings> {
  const { subject, caller, unrest, steps, troubles } = world;
  const { minutes, rate, seed } = options;
  const tell = (message: ToCaller): void => caller.send(message);
  const beganMs = performance.now();
  const elapsed = (): number => performance.now() - beganMs;
  let gone = "";
  void subject.ended.then((how) => {
    gone = how;
  });
  const done = Promise.withResolvers<FromCaller>();
  let onResting: () => void = () => undefined;
  void caller.ended.then(() => done.reject(new Error(`the callers ended: ${caller.errors}`)));
  done.promise.catch(() => undefined);
  caller.onMessage((message) => {
    const said = message as FromCaller;
    if (said.event === "done") done.resolve(said);
    else if (said.event === "resting") onResting();
    else progress(elapsed() / 1_000, minutes, said);
  });
  tell({ start: { target: subject.address, rate, seed, users, steps } });
  tell({ step: 0 });
  unrest.begin((step) => tell({ step }));

  const recording = new Recording();
  const endMs = minutes * 60_000;
  while (elapsed() < endMs && !interrupt.pressed && gone === "" && caller.running) {
    await interrupt.wait(Math.min(sampleMs(minutes), endMs - elapsed()));
    if (gone !== "" || interrupt.pressed) break;
    const resting = new Promise<void>((resolve) => {
      onResting = resolve;
    });
    tell({ rest: true });
    await Promise.race([resting, caller.ended, subject.ended]);
    await recording.take(subject, elapsed()).catch((error: unknown) => troubles.push(String(error)));
    tell({ rest: false });
  }
  const seconds = elapsed() / 1_000;
  await unrest.calm();
  tell({ stop: true });
  const { figures } = await done.promise;
  if (process.stderr.isTTY) say("\r\u001b[2K");
  const rest = {
    options,
    seconds,
    interrupted: interrupt.pressed,
    figures,
    unrest: unrest.counts,
    samples: recording.samples,
    troubles,
  };
  if (gone !== "") return { ...rest, processorSeconds: 0, agreement: [], ended: `by itself: ${gone}` };
  const { champion } = unrest;
  const metrics = await atRest(subject, (seen) => [...leftOver(seen), ...staleWeights(seen, champion)], restMs);
  const processorSeconds = await subject.processorSeconds();
  return {
    ...rest,
    processorSeconds,
    agreement: agreement(metrics, figures, champion),
    ended: await subject.end(),
  };
}

const asked = readOptions(process.argv.slice(2));
if (asked.kind === "help") process.stdout.write(`${help}\n`);
else if (asked.kind === "wrong") {
  say(`${asked.problems.join("\n")}\n\n${help}\n`);
  process.exitCode = 64;
} else {
  const { json } = asked.options;
  process.exitCode = 1;
  try {
    const report = await soak(asked.options, new Interrupt());
    if (json !== undefined) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
    process.stdout.write(formatReport(report));
    if (report.passed) process.exitCode = 0;
  } catch (error) {
    say(`the soak broke off: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
