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
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Most it may take to say that it is ready, in milliseconds. */
  readonly startTimeoutMs: number;
}

/** The line with which a child says that it is ready, as JSON on its standard output. */
export type ReadyLine = Readonly<Record<string, unknown>> & { readonly event: "ready" };

export interface Child {
  readonly title: string;
  readonly ready: ReadyLine;
  /** Settles when the process has ended, with how it did. */
  readonly ended: Promise<string>;
  /** The last lines it wrote, for messages. */
  lastWords(): string;
  /** Asks it to end and resolves when it has; after `graceMs` it is no longer asked. */
  end(graceMs: number): Promise<void>;
}

const keptLines = 8;

/** Starts a child and waits for its ready line. Rejects with its last words where it ends first or takes too long. */
export function startChild({ title, args, env, clock, startTimeoutMs }: ChildOptions): Promise<Child> {
  const child = spawn(process.execPath, args, {
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const lines: string[] = [];
  const keep = (line: string) => {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
  };
  const lastWords = () => lines.map((line) => `\n    ${line}`).join("");
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });

  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      cancel();
      child.kill("SIGKILL");
      reject(new Error(`${title}: ${why}${lastWords()}`));
    };
    const cancel = clock.after(startTimeoutMs, () => fail(`not ready within ${startTimeoutMs / 1000} s`));
    ended.then((how) => fail(`ended before it was ready (${how})`));
    onLines(child.stderr, keep);
    onLines(child.stdout, (line) => {
      keep(line);
      const ready = readyLine(line);
      if (ready === undefined) return;
      cancel();
      resolve({ title, ready, ended, lastWords, end: (graceMs) => endChild(child, ended, graceMs, clock) });
    });
  });
}

async function endChild(child: ChildProcess, ended: Promise<string>, graceMs: number, clock: Clock): Promise<void> {
  child.kill("SIGTERM");
  const cancel = clock.after(graceMs, () => child.kill("SIGKILL"));
  await ended;
  cancel();
}

function onLines(stream: NodeJS.ReadableStream | null, line: (text: string) => void): void {
  let rest = "";
  stream?.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) line(part);
  });
}

/** The ready line, or undefined for anything else, which is a log line that is nobody's business here. */
export function readyLine(line: string): ReadyLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return value.event === "ready" ? (value as ReadyLine) : undefined;
  } catch {
    return undefined;
  }
}
