/**
 * The fuzzers' command line: `npm run fuzz -- --help`.
 *
 * Each target runs in a worker (worker.ts); this thread only watches: it shows figures, writes findings into the corpus, and
 * ends a worker whose input does not end.
 */
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { Command, InvalidArgumentError, Option } from "commander";
import { defaultCorpus, slug, writeCorpus } from "./corpus.ts";
import type { Finding } from "./findings.ts";
import { Progress } from "./progress.ts";
import { Board, type Job } from "./shared.ts";
import type { Target } from "./target.ts";

/** The slowest of good inputs takes a few hundredths of it, on a busy machine too. */
const longestInputSeconds = 10;
/** Between two looks at a worker. */
const lookMs = 250;
/** Time for each target where the run has no end. */
const roundSeconds = 60;
/** A worker's heap: an input of 4 KiB that needs more is a finding. */
const heapMegabytes = 512;

interface Options {
  readonly target: readonly string[];
  readonly seconds?: number;
  readonly minutes?: number;
  readonly seed: number;
  readonly grow: boolean;
  readonly corpus: string;
  readonly longest: number;
  readonly from: string;
}

class Run {
  /** Set by Ctrl-C. */
  ending = false;
  findings = 0;
  readonly #progress = new Progress(process.stdout);
  readonly #options: Options;
  #board: Board | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  stop(): void {
    this.ending = true;
    this.#board?.stop();
  }

  async target(target: Target, seed: number, seconds: number): Promise<void> {
    const { grow, corpus, from: module } = this.#options;
    const board = new Board();
    this.#board = board;
    const job: Job = { target: target.name, module, corpus, seed, grow, memory: board.memory };
    const worker = new Worker(new URL("worker.ts", import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    });
    const ended = new Promise<void>((resolve) => {
      worker.once("exit", () => resolve());
    });
    worker.on("message", (message: Finding | { readonly grown: Uint8Array }) => {
      if ("grown" in message) writeCorpus(target.name, "reaches", message.grown, corpus);
      else this.#found(target, message.message, message.stack, message.input);
    });
    // Out of memory, or an error outside of any input.
    worker.on("error", (error) => {
      board.found();
      this.#found(target, `the thread ended: ${error.message}`, error.stack ?? "", board.input);
    });
    const watch = this.#watch(target, board, worker, seconds);
    await ended;
    clearInterval(watch);
    this.#progress.end(target.name, board);
  }

  #watch(target: Target, board: Board, worker: Worker, seconds: number): NodeJS.Timeout {
    const { longest } = this.#options;
    let start = 0;
    let runs = 0;
    let since = 0;
    return setInterval(() => {
      const now = performance.now();
      // Loading the target is not part of its time.
      if (board.runs === 0) return;
      if (runs === 0) start = now;
      if (board.runs !== runs) since = now;
      runs = board.runs;
      if (now - start >= seconds * 1000) board.stop();
      this.#progress.show(target.name, board, (now - start) / 1000);
      if (now - since < longest * 1000) return;
      since = Number.POSITIVE_INFINITY;
      board.found();
      this.#found(target, `an input takes longer than ${longest} s`, "", board.input);
      void worker.terminate();
    }, lookMs);
  }

  #found(target: Target, message: string, stack: string, input: Uint8Array): void {
    this.findings++;
    const file = writeCorpus(target.name, slug(message.split("\n")[0] ?? ""), input, this.#options.corpus);
    // For a log of a machine whose files are gone with it.
    const base64 = Buffer.from(input).toString("base64");
    const text = stack === "" ? message : stack;
    this.#progress.print(
      `${target.name}: ${text}\n  input (base64): ${base64}\n  written to ${file}; npm test replays it\n`,
    );
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^[0-9]{1,10}$/.test(text) || value === 0) throw new InvalidArgumentError("want a whole number above 0.");
  return value;
}

function program(targets: readonly Target[], from: string): Command {
  const names = targets.map(({ name }) => name);
  const width = Math.max(...names.map(({ length }) => length));
  const list = targets.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`).join("\n");
  const oneOf = (text: string, before: readonly string[]) => {
    if (!names.includes(text)) throw new InvalidArgumentError(`want one of ${names.join(", ")}.`);
    return [...before, text];
  };
  return new Command("npm run fuzz --")
    .description("Feeds changed inputs to whatever reads what peers and people send, and checks what must hold.")
    .addOption(
      new Option("-t, --target <name>", "only this target; may be given more than once")
        .argParser(oneOf)
        .default([], "all of them"),
    )
    .addOption(new Option("-s, --seconds <number>", "time for each target").argParser(wholeNumber))
    .addOption(new Option("-m, --minutes <number>", "the same in minutes").argParser(wholeNumber).conflicts("seconds"))
    .addOption(
      new Option("--seed <number>", "start of all draws; a run of one seed makes the same inputs")
        .argParser(wholeNumber)
        .default(1 + Math.floor(Math.random() * 1_000_000), "drawn, and printed"),
    )
    .option("--grow", "keep inputs that reach new code in the corpus", false)
    .addOption(new Option("--corpus <folder>", "where inputs are kept").default(defaultCorpus, "test/fuzz/corpus"))
    .addOption(
      new Option("--longest <seconds>", "time that one input may take")
        .argParser(wholeNumber)
        .default(longestInputSeconds),
    )
    .addOption(
      new Option("--from <module>", "another list of targets, for tests of this program").default(from).hideHelp(),
    )
    .addHelpText(
      "after",
      `
Targets:
${list}

Without a time it goes round and round, ${roundSeconds} seconds for each target, until Ctrl-C ends it with a summary. A finding is
made small and written into the corpus, where npm test replays it. Exit code: 0 without a finding, 1 with one.`,
    );
}

/** Its value is needed before the others can be read: it says which targets there are. */
function moduleOf(args: readonly string[]): string {
  const given = args[args.indexOf("--from") + 1];
  return args.includes("--from") && given !== undefined
    ? pathToFileURL(path.resolve(given)).href
    : new URL("targets.ts", import.meta.url).href;
}

async function main(): Promise<number> {
  const from = moduleOf(process.argv);
  const { targets } = (await import(from)) as { readonly targets: readonly Target[] };
  const options = { ...program(targets, from).parse().opts<Options>(), from };
  const chosen = options.target.length === 0 ? targets : targets.filter(({ name }) => options.target.includes(name));
  const seconds = options.seconds ?? (options.minutes === undefined ? undefined : options.minutes * 60);
  const run = new Run(options);
  process.on("SIGINT", () => {
    // The second one does not wait for the input at hand.
    if (run.ending) process.exit(130);
    run.stop();
  });
  process.on("SIGTERM", () => run.stop());
  console.log(`seed ${options.seed}`);
  for (let round = 0; !run.ending && (round === 0 || seconds === undefined); round++) {
    for (const target of chosen) {
      if (run.ending) break;
      await run.target(target, options.seed + round, seconds ?? roundSeconds);
    }
  }
  console.log(run.findings === 0 ? "no findings" : `${run.findings} findings`);
  return run.findings === 0 ? 0 : 1;
}

process.exitCode = await main();
