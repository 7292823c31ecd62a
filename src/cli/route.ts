/** `contender route`: routes of the config service, looked at and changed. */
import { Command } from "commander";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";
import { applyCommand, deleteCommand, undoCommand, weightsCommand } from "./route-changes.ts";
import { getCommand, historyCommand, listCommand } from "./route-views.ts";

export function routeCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("route")
    .summary("routes of the config service: apply, get, list, weights, history, undo, delete")
    .description(
      paragraphs(`Looks at the routes of a config service and changes them. Every change is checked as a whole with all other routes, and
kept with who, when, why and the whole document before it.

The service is found by CONTENDER_CONTROL or --control, else on this machine. --json prints one JSON document; the help of
each command has its fields. Times are UTC.`),
    )
    .addHelpText(
      "after",
      examples(
        [
          "a tenth of the users to v42, and wait until every sidecar does so",
          "contender route weights fraud v41=90,v42=10 --wait",
        ],
        ["what is in force", "contender route list"],
        ["back to what was before", 'contender route undo fraud --reason "v42 is slow"'],
      ),
    );
  const commands = [
    applyCommand(handlers, io, finish),
    getCommand(handlers, io, finish),
    listCommand(handlers, io, finish),
    weightsCommand(handlers, io, finish),
    historyCommand(handlers, io, finish),
    undoCommand(handlers, io, finish),
    deleteCommand(handlers, io, finish),
  ];
  for (const each of commands) command.addCommand(each);
  return command;
}
