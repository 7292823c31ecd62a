/** Processes of the judge: run to their end, or kept until it ends. None outlives it. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
}

export interface ServiceOptions extends RunOptions {
  /** For a program that says in its own words, on either output, that it is ready: what such a line tells. */
  readonly readyWhen?: (line: string) => Record<string, unknown> | undefined;
}

export interface Finished {
  /** -1 where it could not be started, or was ended by a signal. */
  readonly code: number;
  readonly stdout: Buffer;
  /** Standard error, and why it could not be run where that is so. */
  readonly stderr: string;
}

const running = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

function begin(command: string, args: readonly string[], options: RunOptions): ChildProcess {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  const ended = () => running.delete(child);
  child.once("close", ended).once("error", ended);
  child.stdin?.on("error", () => undefined); // it may end before it has read everything
  return child;
}

/** Runs a command to its end; one that takes longer than `timeoutMs` (two minutes by default) is killed. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = begin(command, args, options);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin?.end(options.input);
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 120_000);
  return new Promise((resolve) => {
    const finish = (code: number | null, why: string) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout: Buffer.concat(out), stderr: `${why}${Buffer.concat(err)}` });
    };
    child.once("error", (error) => finish(-1, `${error.message}\n`));
    child.once("close", (code, signal) => finish(code, signal === null ? "" : `ended by ${signal}\n`));
  });
}

/** A process that says when it is ready, and what it found: in JSON lines on its standard output, or as `readyWhen` reads it. */
export class Service {
  readonly pid: number;
  /** The JSON lines that it wrote. */
  readonly lines: Record<string, unknown>[] = [];
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #saidReady: Promise<void>;
  #err = "";

  private constructor(title: string, command: string, args: readonly string[], options: ServiceOptions) {
    this.#title = title;
    this.#child = begin(command, args, options);
    this.pid = this.#child.pid ?? 0;
    this.exited = new Promise((resolve) => {
      this.#child.once("error", () => resolve(-1));
      this.#child.once("close", (code) => resolve(code ?? -1));
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#err = `${this.#err}${chunk}`.slice(-2_000);
    });
    const { readyWhen } = options;
    this.#saidReady = new Promise((resolve) => {
      eachLine(this.#child.stdout, (line) => {
        if (line.startsWith("{")) this.lines.push(JSON.parse(line));
      });
      for (const output of [this.#child.stdout, this.#child.stderr]) {
        eachLine(output, (line) => {
          const told = readyWhen?.(line);
          if (told !== undefined) this.lines.push({ event: "ready", ...told });
          if (this.#isReady) resolve();
        });
      }
    });
  }

  /** Starts one and waits for its ready line. @throws with its last words where it does not come. */
  static async start(
    title: string,
    command: string,
    args: readonly string[],
    options: ServiceOptions = {},
  ): Promise<Service> {
    const service = new Service(title, command, args, options);
    const timer = setTimeout(() => service.kill("SIGKILL"), options.timeoutMs ?? 30_000);
    await Promise.race([service.#saidReady, service.exited]);
    clearTimeout(timer);
    if (!service.#isReady) throw new Error(`${title} did not become ready: ${service.#err}`);
    return service;
  }

  get #isReady(): boolean {
    return this.lines.some(({ event }) => event === "ready");
  }

  /** The ready line. */
  get ready(): Record<string, unknown> {
    return this.lines.find(({ event }) => event === "ready") ?? {};
  }

  /** Ends its standard input, waits for it to end and gives its last line. @throws where it fails or takes too long. */
  async finish(timeoutMs = 60_000): Promise<Record<string, unknown>> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.kill("SIGKILL"), timeoutMs);
    const code = await this.exited;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`${this.#title} ended with ${code}: ${this.#err}`);
    return this.lines.at(-1) ?? {};
  }

  /** Ends it at once, and waits until it is gone. */
  async stop(): Promise<void> {
    this.kill("SIGKILL");
    await this.exited;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

function eachLine(output: Readable | null, fn: (line: string) => void): void {
  let rest = "";
  const decoder = new TextDecoder();
  output?.on("data", (chunk: Buffer) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(fn);
  });
}
