/** `contender worker`: one of the processes of `contender sidecar --workers`, which starts it. Not for people; not in the help. */
import { Command } from "commander";
import type { Handlers } from "./handlers.ts";

export function workerCommand(handlers: Handlers, finish: (code: number) => void): Command {
  return new Command("worker")
    .description("Serves calls for the contender sidecar that started it. Not to be started by hand.")
    .action(async () => finish(await handlers.worker()));
}
