/** `contender route apply`, `weights`, `undo` and `delete`: changes, each as a whole or not at all. */
import { Command, InvalidArgumentError, Option } from "commander";
import { ContenderError, errorTable } from "../base/errors.ts";
import { problemLine } from "../base/parsed.ts";
import { readWeights } from "../config/environment-words.ts";
import type { RouteText } from "../config/files.ts";
import type { Administration, Changed, Intent } from "../model/administration.ts";
import { durationMs, routeNameArgument, wholeNumber } from "./arguments.ts";
import { changesJson, printChanges, printJson } from "./change-text.ts";
import { textsOf } from "./check.ts";
import { addServiceFlags, askService } from "./config-service.ts";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";
import { printStanding, standingJson, type WaitFor, waitForSidecars } from "./wait.ts";

interface ChangeOptions {
  readonly reason?: string;
  readonly expectRevision?: number;
  readonly dryRun?: true;
  readonly wait?: true | number;
  readonly json?: true;
}

type Finish = (code: number) => void;
type Change = (service: Administration, intent: Intent) => Promise<Changed>;

const defaultWaitMs = 60_000;

const waits = `--wait returns when every sidecar that the route is for has applied the change; else it names those that have not, each with its reason, and exits with ${errorTable.NOT_APPLIED.exitCode}. The change stays in either case. Write a time as --wait=5m.`;
const changeFields =
  "print {dryRun, revision, changes: [{name, kind, revision, moves: [{from, to, slots}], warnings: [{path, message, where}], withheldFrom: [SIDECAR], withheldCount}]}";
const waitedFields =
  "waited: {complete, interrupted, applied: [{namespace, workload, pod, instance}], notApplied: [{namespace, workload, pod, instance, state, revision, why, problems: [{path, message, where}]}], gone: [{namespace, workload, pod, instance}]}";

export function applyCommand(handlers: Handlers, io: Io, finish: Finish): Command {
  const command = new Command("apply")
    .summary("create or replace routes: all documents or none")
    .description(
      paragraphs(`Creates or replaces the routes of all files together: all of them, or none where any has a problem. Says how many keys
go to another variant. A document that means what the one in force means changes nothing.

${waits}`),
    )
    .requiredOption("-f, --file <PATH...>", 'route files or directories; "-" is standard input');
  addChangeFlags(command, "waits");
  addServiceFlags(command).addHelpText(
    "after",
    examples(
      ["what would happen", "contender route apply -f fraud.yaml --dry-run"],
      [
        "from a pipe, with a reason",
        'contender route get fraud | sed s/v42/v43/ | contender route apply -f - --reason "v43 is out"',
      ],
      ["only if nobody was faster", "contender route apply -f fraud.yaml --expect-revision 12 --wait=5m"],
    ),
  );
  return command.action(async (options: ChangeOptions & { file: string[] }) => {
    const texts = await textsFor(options.file, io);
    await change(command, handlers, io, finish, options, (service, intent) => service.apply(texts, intent));
  });
}

export function weightsCommand(handlers: Handlers, io: Io, finish: Finish): Command {
  const command = new Command("weights")
    .summary("change the weights of a route and nothing else")
    .description(
      paragraphs(`Changes the weights of a route and leaves the rest of its document as it was written. Variants that are left out get
none. As few keys as the weights ask for go to another variant, and the answer says how many.

${waits}`),
    )
    .addArgument(routeNameArgument())
    .argument("<WEIGHTS>", "NAME=NUMBER,…: any numbers with a sum above zero", weightList);
  addChangeFlags(command, "waits");
  addServiceFlags(command).addHelpText(
    "after",
    examples(
      ["a tenth of the keys to v42", "contender route weights fraud v41=90,v42=10 --wait"],
      ["how many keys would move", "contender route weights fraud v41=50,v42=50 --dry-run"],
    ),
  );
  type Weights = readonly (readonly [string, number])[];
  return command.action(async (name: string, weights: Weights, options: ChangeOptions) => {
    await change(
      command,
      handlers,
      io,
      finish,
      options,
      (service, intent) => service.setWeights(name, weights, intent),
      name,
    );
  });
}

export function undoCommand(handlers: Handlers, io: Io, finish: Finish): Command {
  const command = new Command("undo")
    .summary("put an earlier document of a route in force again")
    .description(
      paragraphs(`Puts an earlier document of a route in force again, as a new change: the one before the last change, or that of a
revision. It brings back a route that was deleted, too.

${waits}`),
    )
    .addArgument(routeNameArgument())
    .option("--to <REVISION>", "whose document is wanted; contender route history shows them", revision);
  addChangeFlags(command, "waits");
  addServiceFlags(command).addHelpText(
    "after",
    examples(
      ["the last change", 'contender route undo fraud --reason "v42 is slow" --wait'],
      ["as it was at revision 12", "contender route undo fraud --to 12"],
    ),
  );
  return command.action(async (name: string, options: ChangeOptions & { to?: number }) => {
    await change(
      command,
      handlers,
      io,
      finish,
      options,
      (service, intent) => service.undo(name, options.to ?? 0, intent),
      name,
    );
  });
}

export function deleteCommand(handlers: Handlers, io: Io, finish: Finish): Command {
  const command = new Command("delete")
    .summary("remove a route; its history stays")
    .description(
      paragraphs(
        `Removes a route. Its calls go to the default route, where there is another; a sidecar that has no route left goes on with what it had. Its history stays, and undo brings it back.`,
      ),
    )
    .addArgument(routeNameArgument());
  addChangeFlags(command);
  addServiceFlags(command).addHelpText(
    "after",
    examples(
      ["for good", 'contender route delete fraud --reason "moved to fraud-eu"'],
      ["back again", "contender route undo fraud"],
    ),
  );
  return command.action(async (name: string, options: ChangeOptions) => {
    await change(command, handlers, io, finish, options, (service, intent) => service.delete(name, intent), name);
  });
}

function addChangeFlags(command: Command, waiting?: "waits"): void {
  command
    .option("--reason <TEXT>", "why; kept with the change")
    .option("--expect-revision <N>", "refuse it where the route has another revision by now", revision)
    .addOption(new Option("--dry-run", "only say what would happen").conflicts(waiting === undefined ? [] : ["wait"]));
  if (waiting !== undefined) {
    const about = "wait until every sidecar has applied it, for 60s where no time is given";
    command.addOption(new Option("--wait [DURATION]", about).argParser(waitMs));
  }
  command.option("--json", waiting === undefined ? changeFields : `${changeFields}; with --wait also ${waitedFields}`);
}

async function change(
  command: Command,
  handlers: Handlers,
  io: Io,
  finish: Finish,
  options: ChangeOptions,
  make: Change,
  route?: string,
): Promise<void> {
  const { reason = "", expectRevision: expectedRevision = 0, wait, json } = options;
  const dryRun = options.dryRun === true;
  const ask = async (service: Administration): Promise<void> => {
    const changed = await make(service, { reason, expectedRevision, dryRun });
    if (json !== true) printChanges(changed, dryRun, io);
    if (wait === undefined) {
      if (json === true) printJson(changesJson(changed, dryRun), io);
      return;
    }
    const routes = changed.changes.filter(({ kind }) => kind !== "deleted").map(({ name }) => name);
    const what: WaitFor = { routes, revision: changed.revision, mostMs: wait === true ? defaultWaitMs : wait };
    const standing = await waitForSidecars(service, what, io);
    if (json === true) printJson({ ...changesJson(changed, dryRun), waited: standingJson(standing) }, io);
    printStanding(standing, what, io, json === true);
  };
  await askService(command, handlers, io, ask, route);
  finish(0);
}

async function textsFor(files: readonly string[], io: Io): Promise<RouteText[]> {
  const texts: RouteText[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const read = await textsOf(file, io);
    texts.push(...read.texts);
    problems.push(...read.problems.map(problemLine));
  }
  if (problems.length === 0) return texts;
  throw new ContenderError("CONFIG_INVALID", `nothing was sent to the config service:\n${problems.join("\n")}`);
}

const revision = wholeNumber(1, 999_999_999_999);

function waitMs(text: string): number {
  try {
    return durationMs(text);
  } catch (reason) {
    if (!(reason instanceof InvalidArgumentError)) throw reason;
    throw new InvalidArgumentError(`${reason.message} Write it as --wait=60s, or --wait last.`);
  }
}

function weightList(text: string): readonly (readonly [string, number])[] {
  const weights = readWeights(text);
  if (!weights.ok) throw new InvalidArgumentError(`W${weights.message.replace(/^w/, "")}.`);
  if (weights.value.some(([, weight]) => weight > 0)) return weights.value;
  throw new InvalidArgumentError('Want weights such as "v41=90,v42=10", with a sum above zero.');
}
