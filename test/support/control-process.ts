/** `contender control` as users start it: a process of its own, read by its log. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { get as plainGet } from "node:http";
import { get as secureGet } from "node:https";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Closable } from "./owned.ts";
import type { LogLine } from "./sidecar-process.ts";
import { TempFolder } from "./temp-folder.ts";
import { until } from "./until.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export class ControlProcess implements Closable {
  readonly lines: LogLine[] = [];
  errors = "";
  exit: number | null | undefined = undefined;
  readonly #child: ChildProcess;
  readonly #folder: TempFolder;
  readonly #secure: boolean;

  private constructor(env: Readonly<Record<string, string>>, folder: TempFolder) {
    const { PATH = "" } = process.env;
    this.#folder = folder;
    this.#secure = env.CONTENDER_CONTROL_TLS_CERT !== undefined;
    this.#child = spawn(process.execPath, ["bin/contender.js", "control"], {
      cwd: root,
      env: {
        PATH,
        CONTENDER_CONTROL_LISTEN: "127.0.0.1:0",
        CONTENDER_CONTROL_HTTP: "127.0.0.1:0",
        CONTENDER_STORE: `dir:${folder.at("store")}`,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.#child;
    assert.ok(stdout !== null && stderr !== null);
    createInterface({ input: stdout }).on("line", (line) => this.lines.push(JSON.parse(line) as LogLine));
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    this.#child.once("close", (code) => {
      this.exit = code;
    });
  }

  /** Starts one on free ports, with a directory of its own, and waits until it says that it is ready. */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<ControlProcess> {
    const started = new ControlProcess(env, new TempFolder());
    const ready = () => started.lines.some(({ event }) => event === "ready");
    await until(() => ready() || started.exit !== undefined, "the config service is ready", 20_000);
    assert.equal(started.exit, undefined, started.errors);
    return started;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** @returns the exit code */
  async ended(withinMs = 8_000): Promise<number | null> {
    await until(() => this.exit !== undefined, "the config service has ended", withinMs);
    return this.exit ?? null;
  }

  get http(): string {
    return String(this.lines.find(({ event }) => event === "ready")?.http);
  }

  get grpc(): string {
    return String(this.lines.find(({ event }) => event === "ready")?.grpc);
  }

  /** @param ca of its certificate @returns the status */
  get(path: string, ca?: string, token?: string): Promise<number> {
    const [host, port] = this.http.split(":");
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const options = { host, port, path, headers, agent: false, ...(ca === undefined ? {} : { ca }) };
    return new Promise((resolve, reject) => {
      const request = (this.#secure ? secureGet : plainGet)(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on("error", reject);
    });
  }

  async close(): Promise<void> {
    if (this.exit === undefined) this.#child.kill("SIGKILL");
    await until(() => this.exit !== undefined, "the config service has ended");
    this.#folder.close();
  }
}
