/** `contender sidecar` as a process of its own, by the launcher that users start, with nothing but the given environment. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ExposedMetric, parseExposition } from "./exposition.ts";
import { until } from "./until.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface LogLine {
  readonly event?: string;
  readonly [key: string]: unknown;
}

/** What of `/config` tests look at. */
export interface EffectiveConfig {
  readonly version: string;
  readonly rejected?: readonly { readonly message: string }[];
  readonly workers?: readonly { readonly worker: number; readonly pid: number; readonly config: string }[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class SidecarProcess {
  readonly lines: LogLine[] = [];
  /** What it said on standard error. */
  errors = "";
  exit: Exit | undefined = undefined;
  readonly #child: ChildProcess;

  private constructor(env: Readonly<Record<string, string>>, descriptors: number | undefined, role: string) {
    const { PATH = "" } = process.env;
    const ports = { CONTENDER_LISTEN: "127.0.0.1:0", CONTENDER_ADMIN: "127.0.0.1:0" };
    const command = [process.execPath, "bin/contender.js", role];
    const limited = ["/bin/sh", "-c", `ulimit -n ${descriptors} && exec "$0" "$@"`, ...command];
    const [file = "", ...args] = descriptors === undefined ? command : limited;
    this.#child = spawn(file, args, {
      cwd: root,
      env: { PATH, ...ports, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.#child;
    assert.ok(stdout !== null && stderr !== null);
    createInterface({ input: stdout }).on("line", (line) => this.lines.push(JSON.parse(line) as LogLine));
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    this.#child.once("close", (code, signal) => {
      this.exit = { code, signal };
    });
  }

  /**
   * Starts one on free ports and waits until it says that it is ready.
   * @param descriptors how many files it may have open
   * @param role `gateway` runs the same as a workload of its own
   */
  static async start(
    env: Readonly<Record<string, string>>,
    descriptors?: number,
    role: "sidecar" | "gateway" = "sidecar",
  ): Promise<SidecarProcess> {
    const started = new SidecarProcess(env, descriptors, role);
    await until(
      () => started.event("ready") !== undefined || started.exit !== undefined,
      "the sidecar is ready",
      20_000,
    );
    assert.equal(started.exit, undefined, started.errors);
    return started;
  }

  event(name: string): LogLine | undefined {
    return this.lines.find(({ event }) => event === name);
  }

  get address(): string {
    return String(this.event("ready")?.listen);
  }

  get admin(): string {
    return `http://${String(this.event("ready")?.admin)}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @param query `?by=worker`, for each process by itself */
  async metrics(query = ""): Promise<ReadonlyMap<string, ExposedMetric>> {
    return parseExposition(await (await fetch(`${this.admin}/metrics${query}`)).text());
  }

  async config(): Promise<EffectiveConfig> {
    return (await (await fetch(`${this.admin}/config`)).json()) as EffectiveConfig;
  }

  /** Process ids of its workers, in the order of their numbers. */
  async workerPids(): Promise<number[]> {
    return ((await this.config()).workers ?? []).map(({ pid }) => pid);
  }

  async ready(): Promise<number> {
    const response = await fetch(`${this.admin}/readyz`);
    await response.text();
    return response.status;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async ended(): Promise<Exit> {
    await until(() => this.exit !== undefined, "the sidecar has ended");
    return this.exit as Exit;
  }

  async close(): Promise<void> {
    if (this.exit === undefined) this.signal("SIGKILL");
    await this.ended();
  }
}
