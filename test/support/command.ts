/** One command of ours as a process of its own, by the launcher that users start, with nothing but the given environment. */
import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ChildProcess;
  ended(): Promise<Ended>;
}

/** @param stdin all of standard input */
export function start(argv: readonly string[], env: Readonly<Record<string, string>>, stdin = ""): Running {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, ["bin/contender.js", ...argv], { cwd: root, env: { PATH, ...env } });
  // Who does not read it may be gone by now.
  child.stdin.on("error", () => undefined).end(stdin);
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, err] = [text(child.stdout), text(child.stderr)];
  return { child, ended: async () => ({ code: await closed, out: await out, err: await err }) };
}
