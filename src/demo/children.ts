/**
 * The demo's other processes: started, waited for until they say that they are ready, and ended.
 *
 * Each is led by an IPC channel that closes with the demo, however the demo ends: none outlives it. They have a process
 * group of their own, or a Ctrl-C at the terminal would reach them too, before the demo has read their last figures.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../base/clock.ts";

export interface ChildOptions {
  /** What people call it, for messages. */
  readonly title: string;
  /** Arguments of Node, the program first. */
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Most it may take to say that it is ready, in milliseconds. */
  readonly startTimeoutMs: number;
}

/** The line with which a child says that it is ready, as JSON on its standard output. */
export type ReadyLine = Readonly<Record<string, unknown>> & { readonly event: "ready" };

const keptLines = 8;

/** A process that was started; whoever starts it ends it. */
export class Child {
  readonly title: string;
  /** Rejects with the process's last words where it ends first, or takes too long and is killed. */
  readonly ready: Promise<ReadyLine>;
  /** Resolves when the process has ended, with how it did. */
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  readonly #lines: string[] = [];

  constructor({ title, args, env, clock, startTimeoutMs }: ChildOptions) {
    this.title = title;
    this.#clock = clock;
    const child = spawn(process.execPath, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe", "ipc"] });
    this.#process = child;
    this.ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    this.ready = new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${title} ${why}${this.lastWords()}`));
      const cancel = clock.after(startTimeoutMs, () => {
        fail(`was not ready within ${startTimeoutMs / 1000} s`);
        this.kill();
      });
      void this.ended.then((how) => {
        cancel();
        fail(`ended before it was ready (${how})`);
      });
      this.#eachLine(child.stderr);
      this.#eachLine(child.stdout, (line) => {
        const ready = readyLine(line);
        if (ready === undefined) return;
        cancel();
        resolve(ready);
      });
    });
    this.ready.catch(() => {
      // Whoever waits for it sees it fail; a demo that is ending waits no more.
    });
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The last lines that it wrote, indented, for messages; "" where it wrote none. */
  lastWords(): string {
    return this.#lines.map((line) => `\n    ${line}`).join("");
  }

  /** Asks it to end and resolves when it has; after `graceMs` it is made to. */
  async end(graceMs: number): Promise<void> {
    this.#process.kill("SIGTERM");
    const cancel = this.#clock.after(graceMs, () => this.kill());
    await this.ended;
    cancel();
  }

  /** Ends it at once. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #eachLine(stream: NodeJS.ReadableStream | null, use?: (line: string) => void): void {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        this.#lines.push(line);
        if (this.#lines.length > keptLines) this.#lines.shift();
        use?.(line);
      }
    });
  }
}

/** The ready line, or undefined for anything else, such as a log line. */
export function readyLine(line: string): ReadyLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return value.event === "ready" ? (value as ReadyLine) : undefined;
  } catch {
    return undefined;
  }
}
