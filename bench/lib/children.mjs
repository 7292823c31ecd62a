/**
 * The processes a run starts, and their end: whichever way the run stops, none is left behind.
 */
import { spawn } from "node:child_process";
import net from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { tree } from "./proc.mjs";

/** How long a process may take to end by itself before it is killed. */
const endWithinMs = 10_000;
/** How long a process may take to listen. */
const readyWithinMs = 20_000;

const running = new Set();

/** A process with its output kept; `lines` are JSON objects from its standard output, where it prints such. */
export class Child {
  /**
   * @param {string} command
   * @param {string[]} args
   * @param {{ env?: Record<string, string>, cwd?: string }} [options] env is added to ours
   */
  constructor(command, args, options = {}) {
    this.name = command.split("/").at(-1);
    this.output = "";
    this.events = [];
    this.wanted = [];
    this.process = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.process.on("error", (error) => {
        this.output += `${error.message}\n`;
        resolve(-1);
      });
      this.process.on("close", (code) => resolve(code ?? -1));
    }).then((code) => {
      running.delete(this);
      this.code = code;
      for (const want of this.wanted.splice(0))
        want.reject(new Error(`${this.name} ended: ${this.output.slice(-2000)}`));
      return code;
    });
    this.process.stdin.on("error", (error) => this.keep(`standard input: ${error.message}\n`));
    this.process.stderr.on("data", (chunk) => this.keep(chunk));
    createInterface({ input: this.process.stdout }).on("line", (line) => this.line(line));
  }

  get pid() {
    return this.process.pid;
  }

  keep(text) {
    this.output = (this.output + text).slice(-20_000);
  }

  line(line) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      event = undefined;
    }
    if (typeof event?.event !== "string") {
      this.keep(`${line}\n`);
      return;
    }
    const at = this.wanted.findIndex((want) => want.name === event.event);
    if (at >= 0) this.wanted.splice(at, 1)[0].resolve(event);
    else this.events.push(event);
  }

  /** The next `{event: name}` line; rejects when the process ends first. */
  next(name) {
    const at = this.events.findIndex((event) => event.event === name);
    if (at >= 0) return Promise.resolve(this.events.splice(at, 1)[0]);
    if (this.code !== undefined) return Promise.reject(new Error(`${this.name} ended: ${this.output.slice(-2000)}`));
    return new Promise((resolve, reject) => this.wanted.push({ name, resolve, reject }));
  }

  /** Asks an upstream for its counts. */
  async counts() {
    this.process.stdin.write("counts\n");
    return (await this.next("counts")).counts;
  }

  /** Ends the process: politely, then not. */
  async stop() {
    this.process.stdin.end();
    this.process.kill("SIGTERM");
    const limit = setTimeout(() => this.process.kill("SIGKILL"), endWithinMs);
    const code = await this.ended;
    clearTimeout(limit);
    return code;
  }
}

/** Kills whatever still runs, with what it started: nginx's worker outlives a killed master. Safe in a signal handler. */
export function killAll() {
  for (const { pid } of running) {
    if (pid === undefined) continue;
    for (const one of tree(pid)) {
      try {
        process.kill(one, "SIGKILL");
      } catch {
        // ended meanwhile
      }
    }
  }
  running.clear();
}

/** A port on the loopback that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits until a process accepts connections on a port; an error that holds its output when it doesn't. */
export async function listening(child, port) {
  const limit = Date.now() + readyWithinMs;
  while (Date.now() < limit && child.code === undefined) {
    const open = await new Promise((resolve) => {
      const socket = net.connect({ host: "127.0.0.1", port });
      socket.on("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error(`${child.name} does not listen on port ${port}:\n${child.output.slice(-4000)}`);
}
