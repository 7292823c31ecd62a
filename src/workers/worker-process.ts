/**
 * One worker as the primary sees it: a process, its channel, the connections it was given and has not taken yet.
 *
 * A connection stays ours until the worker says that it has it: where it ends before that, another worker gets it. One
 * that got lost on the way (a worker without free descriptors gets the message without the connection) is noticed by
 * the next answer that overtakes it, as the channel keeps order.
 */
import { type ChildProcess, fork, type SendHandle } from "node:child_process";
import type { Clock } from "../base/clock.ts";
import type { RawHandle } from "../transport/door.ts";
import type { Answers, Question, ToPrimary, ToWorker } from "./messages.ts";

export interface WorkerProcessPorts {
  readonly clock: Clock;
  /** Anything but answers and what is about connections. */
  onMessage(message: ToPrimary): void;
  /** A line of its standard output, without its end. */
  onLine(line: string): void;
  /** It has ended, and all that it said was heard; `orphans` are connections that it never took. */
  onGone(how: string, orphans: readonly RawHandle[]): void;
  /** Connections that got lost on the way and are ours again. */
  onLost(handles: readonly RawHandle[]): void;
}

export interface Program {
  /** The script that this process was started with. */
  readonly path: string;
  readonly args: readonly string[];
}

interface Asked {
  /** The connection that was handed over last before the question. */
  readonly after: number;
  readonly parts: unknown[];
  settle(value: unknown): void;
  fail(reason: Error): void;
}

/** Flags of Node's that must not be handed on: a debugger's port can be had once. */
const ownFlags = /^--inspect/;

export class WorkerProcess {
  readonly number: number;
  /** It was told what to serve: what is said from now on is understood. */
  begun = false;
  /** It can be given connections. */
  ready = false;
  /** Connections that it has or is to have. */
  connections = 0;
  readonly #ports: WorkerProcessPorts;
  readonly #child: ChildProcess;
  readonly #inFlight = new Map<number, RawHandle>();
  readonly #asked = new Map<number, Asked>();
  #lastId = 0;
  /** How its process ended, once it has. */
  #how: string | undefined;
  /** What went wrong with it before. */
  #failure: string | undefined;
  #gone = false;

  constructor(number: number, program: Program, ports: WorkerProcessPorts) {
    this.number = number;
    this.#ports = ports;
    const execArgv = process.execArgv.filter((flag) => !ownFlags.test(flag));
    this.#child = fork(program.path, program.args, { execArgv, stdio: ["ignore", "pipe", "inherit", "ipc"] });
    this.#child.on("message", (message) => this.#hear(message as ToPrimary));
    this.#child.on("error", (error) => this.#fail(error.message));
    this.#child.on("exit", (code, signal) => this.#exit(signal === null ? `exit code ${code}` : `signal ${signal}`));
    this.#child.on("disconnect", () => this.#judge());
    this.#readLines();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get gone(): boolean {
    return this.#gone;
  }

  send(message: ToWorker, handle?: RawHandle): void {
    // Typed for what Node documents; its own cluster module sends handles. What can't be sent is told by the end of it all.
    if (!this.#gone) this.#child.send(message, handle as SendHandle | undefined, () => undefined);
  }

  /** Gives it a connection. */
  hand(handle: RawHandle): void {
    const id = ++this.#lastId;
    this.#inFlight.set(id, handle);
    this.connections++;
    this.send({ kind: "connection", id }, handle);
  }

  /** @throws Error where it ends or does not answer within `withinMs`. */
  ask<K extends Question["kind"]>(question: Question & { kind: K }, withinMs: number): Promise<Answers[K]> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(new Error(`worker ${this.number} has ended`));
      const id = ++this.#lastId;
      const cancel = this.#ports.clock.after(withinMs, () => {
        this.#asked.delete(id);
        reject(new Error(`worker ${this.number} did not answer within ${withinMs} ms`));
      });
      this.#asked.set(id, {
        after: id,
        parts: [],
        settle: (value) => {
          cancel();
          resolve(value as Answers[K]);
        },
        fail: (reason) => {
          cancel();
          reject(reason);
        },
      });
      this.send({ kind: "ask", id, question });
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #hear(message: ToPrimary): void {
    if (message.kind === "taken") this.#taken(message.id);
    else if (message.kind === "gone") this.connections -= message.count;
    else if (message.kind === "answer") this.#answered(message);
    else this.#ports.onMessage(message);
  }

  #taken(id: number): void {
    this.#inFlight.get(id)?.close();
    this.#inFlight.delete(id);
  }

  #answered({ id, value, more }: ToPrimary & { kind: "answer" }): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return; // came too late
    asked.parts.push(value);
    if (more) return;
    this.#asked.delete(id);
    this.#findLost(asked.after);
    asked.settle(asked.parts.length === 1 ? value : asked.parts.join(""));
  }

  /** What was handed over before `id` and is still not taken never arrived. */
  #findLost(id: number): void {
    const lost = [...this.#inFlight].filter(([each]) => each < id);
    if (lost.length === 0) return;
    for (const [each] of lost) this.#inFlight.delete(each);
    this.connections -= lost.length;
    this.#ports.onLost(lost.map(([, handle]) => handle));
  }

  /** It could not be started, or can't be spoken to. */
  #fail(message: string): void {
    if (this.pid === undefined) return this.#end(message); // neither an exit nor a channel's end is to come
    this.#failure ??= message;
    this.kill();
  }

  #exit(how: string): void {
    this.#how = this.#failure ?? how;
    this.ready = false;
    this.#judge();
  }

  /** Node tells of the exit as soon as it knows, and of the channel's end once all of it is read: last words matter. */
  #judge(): void {
    if (this.#how !== undefined && !this.#child.connected) this.#end(this.#how);
  }

  #end(how: string): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const { fail } of this.#asked.values()) fail(new Error(`worker ${this.number} has ended`));
    this.#asked.clear();
    const orphans = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#ports.onGone(how, orphans);
  }

  /** What it wrote last is no line where it was killed within it, and is left out. */
  #readLines(): void {
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#ports.onLine(line);
    });
  }
}
