/** A built `contender control` or `contender sidecar`, which is killed, paused and looked into by its process id. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

export interface Line {
  readonly event?: string;
  readonly [key: string]: unknown;
}

const readyMs = 30_000;
const keptLines = 2_000;

/** Whatever still runs when the judge ends, however it ends. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Program {
  readonly lines: Line[] = [];
  readonly beganMs: number;
  readonly pid: number;
  errors = "";
  readonly #child: ChildProcess;
  readonly #role: string;

  /** @param folder where it is built */
  constructor(folder: string, role: "control" | "sidecar", env: Readonly<Record<string, string>>) {
    const { PATH = "" } = process.env;
    this.#role = role;
    this.beganMs = performance.now();
    this.#child = spawn(process.execPath, [join(folder, "bin/contender.js"), role], {
      env: { PATH, NODE_ENV: "production", ...env },
      detached: true, // a Ctrl-C at the terminal is the judge's to handle
      stdio: ["ignore", "pipe", "pipe"],
    });
    const child = this.#child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.pid = child.pid ?? 0;
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error("no pipes");
    createInterface({ input: stdout }).on("line", (text) => {
      this.lines.push(JSON.parse(text) as Line);
      if (this.lines.length > keptLines) this.lines.splice(1, keptLines / 2);
    });
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors = (this.errors + text).slice(-2_000);
    });
  }

  get alive(): boolean {
    return running.has(this.#child);
  }

  last(event: string): Line | undefined {
    return this.lines.findLast((line) => line.event === event);
  }

  async ready(): Promise<this> {
    const endMs = performance.now() + readyMs;
    while (this.last("ready") === undefined) {
      if (!this.alive || performance.now() > endMs) {
        const said = this.lines.slice(-5).map((line) => JSON.stringify(line));
        throw new Error(`a ${this.#role} is not ready: ${this.errors} ${said.join(" ")}`);
      }
      await setTimeout(10);
    }
    return this;
  }

  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** By SIGKILL, which a process that is paused hears too. */
  async kill(): Promise<void> {
    if (!this.alive) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    const [, kib = Number.NaN] = /^VmRSS:\s+([0-9]+) kB$/m.exec(status) ?? [];
    return Number(kib) * 1_024;
  }

  /** How long its main thread ran, and how long others kept it from running, in milliseconds. */
  async scheduled(): Promise<{ readonly ranMs: number; readonly waitedMs: number }> {
    const [ran = 0, waited = 0] = (await readFile(`/proc/${this.pid}/schedstat`, "utf8")).split(" ").map(Number);
    return { ranMs: ran / 1e6, waitedMs: waited / 1e6 };
  }
}
