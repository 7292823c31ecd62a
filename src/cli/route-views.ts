/** `contender route get`, `list` and `history`: what is there, and what was. */
import { Command, InvalidArgumentError } from "commander";
import type { HistoryEntry, RouteState } from "../model/administration.ts";
import { routeNameArgument, wholeNumber } from "./arguments.ts";
import { authorJson, movesText, printJson, sharesText } from "./change-text.ts";
import { addServiceFlags, askService } from "./config-service.ts";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import { formatInstant, readInstant } from "./instant.ts";
import type { Io } from "./io.ts";
import { lineDiff } from "./line-diff.ts";
import { plain, table } from "./table.ts";

/** Reads `--at` against now. */
export function instant(io: Io): (text: string) => number {
  return (text) => {
    const reading = readInstant(text, io.clock.wallMs());
    if (reading.ok) return reading.value;
    throw new InvalidArgumentError(`${reading.message.replace(/^w/, "W")}.`);
  };
}

export function getCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("get")
    .summary("print a route's document, as it is or was")
    .description(
      paragraphs(`Prints the document of a route as it was written, with the weights in force, so that it can be changed and applied
again. A line on standard error says which revision it is, and who made it.`),
    )
    .addArgument(routeNameArgument())
    .option("--at <TIME>", "as it was then: 2026-03-01T12:00:00Z, or 10m for ten minutes ago", instant(io))
    .option(
      "--json",
      "print {name, revision, champion, weights: [{variant, share}], table: [{variant, slots}], changed: {by, at, reason}, document}",
    );
  addServiceFlags(command).addHelpText(
    "after",
    examples(
      ["edit it", "contender route get fraud > fraud.yaml"],
      ["as it was an hour ago", "contender route get fraud --at 1h"],
    ),
  );
  return command.action(async (name: string, { at, json }: { at?: number; json?: true }) => {
    const route = await askService(command, handlers, io, (service) => service.get(name, at), name);
    if (json === true) printJson({ ...routeJson(route), table: route.table, document: route.document }, io);
    else {
      io.err(`${name}: revision ${route.revision}, ${authorText(route.author)}\n`);
      io.out(route.document.endsWith("\n") ? route.document : `${route.document}\n`);
    }
    finish(0);
  });
}

export function listCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("list")
    .summary("every route, with its weights and its last change")
    .description("Lists every route that the caller may see: champion, weights, and who changed it last, when and why.")
    .option(
      "--json",
      "print {revision, routes: [{name, revision, champion, weights: [{variant, share}], changed: {by, at, reason}}]}",
    );
  addServiceFlags(command).addHelpText(
    "after",
    examples(["all", "contender route list"], ["their names", "contender route list --json | jq -r '.routes[].name'"]),
  );
  return command.action(async ({ json }: { json?: true }) => {
    const { routes, revision } = await askService(command, handlers, io, (service) => service.list());
    if (json === true) printJson({ revision, routes: routes.map(routeJson) }, io);
    else if (routes.length === 0) io.err("there is no route yet: contender route apply -f routes.yaml makes one\n");
    else io.out(listText(routes, io.columns));
    finish(0);
  });
}

function listText(routes: readonly RouteState[], width: number | undefined): string {
  const columns = [
    { head: "route" },
    { head: "champion" },
    { head: "weights" },
    { head: "revision", right: true },
    { head: "changed" },
    { head: "by" },
    { head: "why" },
  ] as const;
  const rows = routes.map(({ name, champion, weights, revision, author }) => [
    name,
    champion,
    sharesText(weights),
    String(revision),
    formatInstant(author.atMs),
    author.name,
    author.reason,
  ]);
  return table(columns, rows, width);
}

export function historyCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("history")
    .summary("changes of a route: who, when, why, and what moved")
    .description("Lists the changes of a route, the newest first; also of one that was deleted.")
    .addArgument(routeNameArgument())
    .option("--limit <N>", "at most so many; 0 for all that are kept", wholeNumber(0, 100_000), 20)
    .option("--diff", "show what each change did to the document")
    .option(
      "--json",
      "print {name, entries: [{revision, kind, changed: {by, at, reason}, weights: [{variant, share}], moves: [{from, to, slots}], document}]}",
    );
  addServiceFlags(command).addHelpText(
    "after",
    examples(
      ["the last twenty", "contender route history fraud"],
      ["line by line", "contender route history fraud --limit 3 --diff"],
    ),
  );
  type Options = { limit: number; diff?: true; json?: true };
  return command.action(async (name: string, { limit, diff, json }: Options) => {
    // One more than is shown: what a change did to a document is seen beside the one before.
    const asked = diff === true && limit > 0 ? limit + 1 : limit;
    const entries = await askService(command, handlers, io, (service) => service.history(name, asked), name);
    const shown = limit === 0 ? entries : entries.slice(0, limit);
    if (json === true) printJson({ name, entries: shown.map(entryJson) }, io);
    else if (diff === true) io.out(shown.map((entry, at) => entryText(entry, entries[at + 1])).join(""));
    else io.out(historyText(shown, io.columns));
    finish(0);
  });
}

function historyText(entries: readonly HistoryEntry[], width: number | undefined): string {
  const columns = [
    { head: "revision", right: true },
    { head: "when" },
    { head: "what" },
    { head: "weights" },
    { head: "moved" },
    { head: "by" },
    { head: "why" },
  ] as const;
  const rows = entries.map((entry) => [
    String(entry.revision),
    formatInstant(entry.author.atMs),
    entry.kind,
    sharesText(entry.weights),
    movedText(entry),
    entry.author.name,
    entry.author.reason,
  ]);
  return table(columns, rows, width);
}

/** `v41 -> v42 6,554 (10%)`, or nothing. */
function movedText(entry: HistoryEntry): string {
  const moves = entry.moves.filter(({ from }) => from !== "");
  if (moves.length === 0) return "";
  const [head = "", ...ways] = movesText({ ...entry, moves });
  if (ways.length > 0) return ways.map((line) => line.trim()).join(", ");
  return head.replace(/^(\S+) of .* slots moves?, (\S+) of keys: (.*)$/, "$3 $1 ($2)");
}

function entryText(entry: HistoryEntry, before: HistoryEntry | undefined): string {
  const head = `revision ${entry.revision} ${entry.kind}, ${authorText(entry.author)}`;
  const known = before !== undefined || entry.kind === "created";
  const diff = known ? lineDiff(before?.document ?? "", entry.document) : ["(the document before it is not kept)"];
  const lines = diff.length === 0 ? ["(the document is the same)"] : diff;
  return `${[head, ...lines.map((line) => `  ${line}`)].join("\n")}\n\n`;
}

function authorText({ name, atMs, reason }: RouteState["author"]): string {
  return plain(`by ${name} at ${formatInstant(atMs)}${reason === "" ? "" : `: ${reason}`}`);
}

function routeJson({ name, revision, champion, weights, author }: RouteState): object {
  return { name, revision, champion, weights, changed: authorJson(author) };
}

function entryJson({ revision, kind, author, weights, moves, document }: HistoryEntry): object {
  return { revision, kind, changed: authorJson(author), weights, moves, document };
}
