/** What the thread that fuzzes and the thread that watches it both see, without a message: figures, and the input at hand. */
import { longestInput } from "./mutator.ts";

/** What a worker is started with. */
export interface Job {
  readonly target: string;
  /** The module that lists the targets, and the folder of inputs that are kept. */
  readonly module: string;
  readonly corpus: string;
  readonly seed: number;
  /** Inputs that reach new code are reported, to be written into the corpus. */
  readonly grow: boolean;
  readonly memory: SharedArrayBuffer;
}

/** Places of the figures. */
const at = { stop: 0, runs: 1, blocks: 2, inputs: 3, findings: 4, length: 5 } as const;
const headBytes = 32;
/** fast-check's values as JSON are longer than what a mutator makes. */
const roomBytes = 64 * longestInput;

export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #figures: Int32Array;
  readonly #room: Uint8Array;

  constructor(memory = new SharedArrayBuffer(headBytes + roomBytes)) {
    this.memory = memory;
    this.#figures = new Int32Array(memory, 0, headBytes / 4);
    this.#room = new Uint8Array(memory, headBytes);
  }

  get stopped(): boolean {
    return Atomics.load(this.#figures, at.stop) === 1;
  }

  stop(): void {
    Atomics.store(this.#figures, at.stop, 1);
  }

  get runs(): number {
    return Atomics.load(this.#figures, at.runs);
  }

  ran(): void {
    Atomics.add(this.#figures, at.runs, 1);
  }

  get blocks(): number {
    return Atomics.load(this.#figures, at.blocks);
  }

  set blocks(count: number) {
    Atomics.store(this.#figures, at.blocks, count);
  }

  get inputs(): number {
    return Atomics.load(this.#figures, at.inputs);
  }

  set inputs(count: number) {
    Atomics.store(this.#figures, at.inputs, count);
  }

  get findings(): number {
    return Atomics.load(this.#figures, at.findings);
  }

  found(): void {
    Atomics.add(this.#figures, at.findings, 1);
  }

  /** The input that is being run, for whoever has to name it when it never ends. */
  get input(): Buffer {
    return Buffer.from(this.#room.slice(0, Atomics.load(this.#figures, at.length)));
  }

  set input(bytes: Uint8Array) {
    const length = Math.min(bytes.length, this.#room.length);
    this.#room.set(bytes.subarray(0, length));
    Atomics.store(this.#figures, at.length, length);
  }
}
