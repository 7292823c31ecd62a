/** A process of the soak's own, led by a channel that closes with the soak: none outlives it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** How long one may take to start; half a second on an idle machine. */
const startMs = 20_000;

export class Worker {
  readonly #child: ChildProcess;
  readonly ended: Promise<unknown>;
  #errors = "";

  constructor(program: string, args: readonly string[] = []) {
    // A process group of its own: a Ctrl-C at the terminal is the soak's to handle.
    this.#child = fork(fileURLToPath(new URL(program, import.meta.url)), args, {
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-2_000);
    });
    this.ended = once(this.#child, "close");
  }

  /** What it said before it ended by itself; "" where nothing. */
  get errors(): string {
    return this.#errors;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until it says that it is ready. */
  async ready(): Promise<void> {
    const said = once(this.#child, "message", { signal: AbortSignal.timeout(startMs) });
    const first = await Promise.race([said, this.ended.then(() => "ended")]);
    if (first === "ended") throw new Error(`a process of the soak did not start: ${this.#errors}`);
  }

  send(message: object): void {
    if (this.#child.connected) this.#child.send(message);
  }

  onMessage(fn: (message: unknown) => void): void {
    this.#child.on("message", fn);
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    this.#child.kill(name);
    await this.ended;
  }
}
