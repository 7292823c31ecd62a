/**
 * Runs one target in a thread of its own, so that an input that never returns, or that fills the memory, ends the thread and
 * not the run: the input at hand lies in memory that both threads see.
 */
import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import fc from "fast-check";
import { readCorpus } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { type Finding, findingOf, keyOf, minimised } from "./findings.ts";
import { instrumentSources } from "./instrument.ts";
import { longestInput, mutate } from "./mutator.ts";
import { Random } from "./random.ts";
import { Board, type Job } from "./shared.ts";
import type { ByteTarget, PropertyTarget, Target } from "./target.ts";

/** As many of the latest inputs are mutated as often as all others: what is new has been tried least. */
const latestInputs = 16;
/** Inputs between two turns of the event loop. */
const inputsPerTurn = 64;
/** Values that fast-check draws from one seed. */
const valuesPerSeed = 50;
/** Different failures after which a target is given up: more of them tell nothing new. */
const mostFindings = 10;

const job = workerData as Job;
const board = new Board(job.memory);
const coverage = new Coverage();
/** Keys of the failures that were told. */
const known = new Set<string>();

function report(key: string, { message, stack, input }: Finding): void {
  known.add(key);
  board.found();
  parentPort?.postMessage({ message, stack, input: new Uint8Array(input) });
}

class ByteFuzzer {
  readonly #target: ByteTarget;
  readonly #random = new Random(job.seed);
  readonly #pool: Buffer[] = [];

  constructor(target: ByteTarget) {
    this.#target = target;
  }

  async run(): Promise<void> {
    const kept = readCorpus(this.#target.name, job.corpus).map(({ input }) => input);
    const start = [Buffer.alloc(0), ...kept, ...this.#target.seeds()];
    for (const input of start) if (await this.#one(input)) this.#keep(input);
    // A target of which nothing is counted.
    if (this.#pool.length === 0) for (const input of start) this.#keep(input);
    while (!board.stopped && known.size < mostFindings) {
      const input = this.#mutant();
      if (await this.#one(input)) this.#keep(input);
      // Whoever put something off until later gets to it; else it would be kept for ever.
      if (board.runs % inputsPerTurn === 0) await setImmediate();
    }
    if (job.grow) await this.#grow(start);
  }

  /** Reports the shortest inputs of the pool that together reach all blocks that it reaches, and the start does not. */
  async #grow(start: readonly Buffer[]): Promise<void> {
    const reaching = new Coverage(false);
    for (const input of start) await this.#one(input, reaching);
    for (const input of this.#pool.toSorted((a, b) => a.length - b.length)) {
      if (await this.#one(input, reaching)) parentPort?.postMessage({ grown: new Uint8Array(input) });
    }
  }

  #mutant(): Buffer {
    const random = this.#random;
    const pool = this.#pool;
    const latest = pool.length - 1 - random.below(Math.min(latestInputs, pool.length));
    const base = pool[random.oneIn(2) ? latest : random.below(pool.length)] ?? Buffer.alloc(0);
    const other = random.pick(pool);
    if (this.#target.mutate !== undefined && random.oneIn(2)) {
      return this.#target.mutate(base, random, other).subarray(0, longestInput);
    }
    return mutate(base, random, { dictionary: this.#target.dictionary ?? [], other });
  }

  /** @returns whether it reached something new. */
  async #one(input: Buffer, measure = coverage): Promise<boolean> {
    board.input = input;
    board.ran();
    try {
      const pending = this.#target.replay(input);
      if (pending !== undefined) await pending;
    } catch (error) {
      const key = keyOf(error);
      if (!known.has(key)) report(key, await minimised(this.#target, input, error));
      measure.take();
      return false;
    }
    return measure.take();
  }

  #keep(input: Buffer): void {
    this.#pool.push(input);
    board.inputs = this.#pool.length;
    board.blocks = coverage.blocks;
  }
}

/** fast-check draws, and shrinks what fails; each seed follows from the first, so that a run can be repeated. */
async function runProperty<T>(target: PropertyTarget<T>): Promise<void> {
  for (let seed = job.seed; !board.stopped && known.size < mostFindings; seed++) {
    const property = fc.asyncProperty(target.arbitrary, async (value) => {
      board.input = Buffer.from(JSON.stringify(value));
      board.ran();
      await target.check(value);
      if (coverage.take()) board.inputs++;
      board.blocks = coverage.blocks;
    });
    const run = await fc.check(property, { seed, numRuns: valuesPerSeed });
    const key = keyOf(run.errorInstance);
    if (!run.failed || known.has(key)) continue;
    report(key, findingOf(run.errorInstance, Buffer.from(JSON.stringify(run.counterexample?.[0]))));
  }
}

// Before anything of the sources is loaded.
instrumentSources();
const { targets } = (await import(job.module)) as { readonly targets: readonly Target[] };
const target = targets.find(({ name }) => name === job.target);
if (target?.kind === "bytes") await new ByteFuzzer(target).run();
else if (target !== undefined) await runProperty(target);
