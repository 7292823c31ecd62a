/**
 * The command line: argv to exit code. Each command has a file of its own; here they are put together, and what any of
 * them may throw becomes one line and the exit code of its kind.
 */
import { Command, CommanderError } from "commander";
import { ContenderError, errorTable } from "../base/errors.ts";
import { checkCommand } from "./check.ts";
import { completionCommand } from "./completion.ts";
import { controlCommand } from "./control.ts";
import { demoCommand } from "./demo.ts";
import { drainCommand } from "./drain.ts";
import { fleetCommand } from "./fleet.ts";
import { gatewayCommand } from "./gateway.ts";
import type { Handlers } from "./handlers.ts";
import { healthcheckCommand } from "./healthcheck.ts";
import { examples, helpWidth, narrowestText } from "./help-text.ts";
import { initCommand } from "./init.ts";
import type { Io } from "./io.ts";
import { routeCommand } from "./route.ts";
import { sidecarCommand } from "./sidecar.ts";
import { whyCommand } from "./why.ts";
import { workerCommand } from "./worker.ts";

/** Runs one command line, without the node and script in front. */
export async function run(argv: readonly string[], handlers: Handlers, io: Io): Promise<number> {
  let code = 0;
  const program = buildProgram(handlers, io, (exitCode) => {
    code = exitCode;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (reason) {
    if (reason instanceof CommanderError) return reason.exitCode === 0 ? 0 : errorTable.SETTINGS_INVALID.exitCode;
    return fail(reason, io);
  }
}

/** Says what a process ends for. @returns its exit code */
export function fail(reason: unknown, io: Pick<Io, "err">): number {
  const error = ContenderError.from(reason);
  io.err(`contender: ${error.message}\n`);
  // Only a bug is worth its stack: everything else says where to look.
  if (error.code === "INTERNAL") io.err(`${reason instanceof Error ? reason.stack : String(reason)}\n`);
  return error.exitCode;
}

/** @param finish is told the exit code of the command that ran. */
export function buildProgram(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const program = new Command("contender")
    .description("A gRPC sidecar that lets challenger models fight for the champion's place.")
    .version(handlers.version, "-V, --version", "print the version")
    .addHelpText(
      "after",
      examples(
        ["see it work, on this machine", "contender demo"],
        ["a champion and a challenger", "contender sidecar --champion 127.0.0.1:8500 --challengers v2=127.0.0.1:8501"],
        ["before a route file goes live", "contender check routes.yaml"],
      ),
    );
  const commands = [
    sidecarCommand(handlers, io, finish),
    checkCommand(io, finish),
    whyCommand(handlers, io, finish),
    initCommand(handlers, finish),
    demoCommand(handlers, finish),
    gatewayCommand(handlers, io, finish),
    controlCommand(handlers, io, finish),
    routeCommand(handlers, io, finish),
    fleetCommand(handlers, io, finish),
    drainCommand(handlers, io, finish),
    healthcheckCommand(handlers, io, finish),
    completionCommand(program, io, finish),
  ];
  for (const command of commands) program.addCommand(command);
  const worker = workerCommand(handlers, finish);
  program.addCommand(worker, { hidden: true });
  settle(program, "contender", io);
  return program;
}

/** Errors are thrown and not exited with, output goes where the process says, and each command points to its own help. */
function settle(command: Command, path: string, io: Io): void {
  command
    .exitOverride()
    .configureHelp({ helpWidth: helpWidth(io.columns), minWidthToWrap: narrowestText })
    .showHelpAfterError(`(${path} --help tells more)`)
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  for (const each of command.commands) settle(each, `${path} ${each.name()}`, io);
}
