/**
 * Contender's own commands, run as people run them: a process, what it prints, an exit code. What the demo shows of a command is
 * what it printed, and what it says of a failed one are the command's own words.
 *
 * They end with the demo as its other processes do.
 */
import { spawn } from "node:child_process";
import { contenderBin, demoModule } from "./assets.ts";

export interface CommandOptions {
  /** After `contender`. */
  readonly args: readonly string[];
  /** Where relative paths begin. */
  readonly folder: string;
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Told of the process as soon as it exists: who ends the demo ends it. */
  readonly onStart: (command: RunningCommand) => void;
}

/** What the one who ends the demo needs of a process. */
export interface RunningCommand {
  /** Resolves when it has ended and all that it printed is there. */
  readonly ended: Promise<unknown>;
  kill(): void;
}

export interface RanCommand {
  /** As it is typed. */
  readonly command: string;
  /** What it printed, without the last line's end. */
  readonly printed: string;
}

/** Runs it to its end. Rejects with the command and its words where it does not end with exit code 0. */
export async function runCommand({ args, folder, env, onStart }: CommandOptions): Promise<RanCommand> {
  const command = commandText(args);
  const endWithParent = demoModule("end-with-parent").href;
  const child = spawn(process.execPath, ["--import", endWithParent, contenderBin, ...args], {
    ...{ cwd: folder, env, detached: true },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
  }
  const ended = new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  onStart({ ended, kill: () => child.kill("SIGKILL") });
  const how = await ended;
  printed = printed.trimEnd();
  if (how === undefined) return { command, printed };
  throw new Error([`${command}`, ...printed.split("\n"), `ended with ${how}`].join("\n    "));
}

/** `contender …`, with quotation marks where a shell needs them. */
export function commandText(args: readonly string[]): string {
  const words = args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
  return ["contender", ...words].join(" ");
}
