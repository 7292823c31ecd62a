/** `contender why`: which variant a key gets, and why. */
import { Command, Option } from "commander";
import { formatAddress } from "../base/address.ts";
import { ContenderError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { problemLine } from "../base/parsed.ts";
import { effectiveRoutes, loadEffective } from "../config/effective-routes.ts";
import { environmentSnapshot, routeSettingsBesideFile, surroundings } from "../config/environment-route.ts";
import { loadTexts } from "../config/files.ts";
import { parseSettings } from "../config/settings.ts";
import type { Loaded } from "../config/snapshot.ts";
import { loadPath } from "../config/sources/file.ts";
import type { Administration, SlotRun } from "../model/administration.ts";
import type { Snapshot } from "../model/route.ts";
import type { SlotRange } from "../model/slots.ts";
import { adminAddress } from "./admin-address.ts";
import { surroundingsFrom } from "./check.ts";
import { addServiceFlags, askService, namesService } from "./config-service.ts";
import type { Explanation, Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import { formatInstant } from "./instant.ts";
import type { Io } from "./io.ts";
import { percent } from "./percent.ts";
import { instant } from "./route-views.ts";
import { goodSettings } from "./setting-flags.ts";
import { plain } from "./table.ts";

interface WhyOptions {
  readonly key: string;
  readonly file?: string;
  readonly admin?: string;
  readonly at?: number;
  readonly json?: true;
}

const jsonFields =
  "print {key, at, version, source, route, variant, role, reason, assignment, salt, slot, champion, weights: {VARIANT: share}, shares: {VARIANT: share}, shadows: [VARIANT]}: weights are those of the document and shares those of the table, 0 to 1; variant, role and slot are null where each call is drawn anew, at is null without --at";

/** A sidecar on the same machine answers in milliseconds. */
const adminTimeoutMs = 5_000;

export function whyCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("why")
    .summary("which variant a key gets, with weights, slot and reason")
    .description(
      paragraphs(`Tells which variant of ROUTE answers the calls of a key, and why. It works the same assignment out that a sidecar
does, from the routes of a file, of a running sidecar, of the config service, or of the environment. The service is asked
where CONTENDER_CONTROL or --control names it, and knows what was in force at any time that its history goes back to (--at).`),
    )
    .argument("<ROUTE>", "name of the route")
    .requiredOption("-k, --key <KEY>", "the key, such as a user id; an integer as its decimal digits")
    .option("-f, --file <PATH>", "routes of a file or directory")
    .addOption(new Option("--admin <ADDRESS>", "routes in force in the sidecar with this admin port").conflicts("file"))
    .addOption(
      new Option("--at <TIME>", "as the config service had it then: 2026-03-01T12:00:00Z, or 10m for ten minutes ago")
        .argParser(instant(io))
        .conflicts(["file", "admin"]),
    )
    .option("--json", jsonFields);
  return addServiceFlags(command)
    .addHelpText(
      "after",
      examples(
        ["by a file", "contender why fraud --key user-17 --file routes.yaml"],
        ["by a running sidecar", "contender why fraud --key user-17 --admin 127.0.0.1:7401"],
        [
          "as it was yesterday at noon",
          "contender why fraud --key user-17 --control 127.0.0.1:7410 --at 2026-03-01T12:00:00Z",
        ],
        ["the variant alone", "contender why fraud --key user-17 --file routes.yaml --json | jq -r .variant"],
      ),
    )
    .action(async (name: string, options: WhyOptions) => {
      const snapshot = await snapshotFrom(command, name, options, handlers, io);
      const route = snapshot.routes.find((each) => each.name === name);
      if (route === undefined) {
        const names = snapshot.routes.map((each) => each.name);
        const text = `no route is named ${JSON.stringify(name)}${didYouMean(name, names)}, there is ${names.join(", ")}`;
        throw new ContenderError("ROUTE_UNKNOWN", text);
      }
      const explanation = handlers.explain(route, options.key);
      if (options.json === true) io.out(`${JSON.stringify(asJson(options, snapshot, explanation), null, 2)}\n`);
      else io.out(asText(options.key, snapshot, explanation));
      finish(0);
    });
}

async function snapshotFrom(
  command: Command,
  name: string,
  options: WhyOptions,
  handlers: Handlers,
  io: Io,
): Promise<Snapshot> {
  if (options.admin !== undefined) return good(await fromSidecar(options.admin, handlers, io));
  if (options.file !== undefined) return good(await loadPath(options.file, surroundingsFrom(io.env)));
  if (namesService(command, io)) {
    return await askService(command, handlers, io, (service) => fromService(service, name, options.at, io), name);
  }
  if (options.at !== undefined) {
    const text = "--at: only the config service knows what was: set CONTENDER_CONTROL=HOST:PORT, or give --control";
    throw new ContenderError("SETTINGS_INVALID", text);
  }
  const settings = goodSettings(parseSettings(io.env));
  const { config } = settings;
  const beside = routeSettingsBesideFile(settings);
  if (beside.length > 0) return good({ ok: false, problems: beside, warnings: [] });
  if (config === undefined) return good(environmentSnapshot(settings));
  if (config.kind === "path") return good(await loadPath(config.path, surroundings(settings)));
  const text = `CONTENDER_CONFIG is no path: ask a sidecar that has its routes from there with --admin, or save them and name the file with --file`;
  throw new ContenderError("SETTINGS_INVALID", text);
}

/** The route as the service has or had it: its document says all but the table, which hangs on the weights before it too. */
async function fromService(service: Administration, name: string, atMs: number | undefined, io: Io): Promise<Snapshot> {
  const { document, table, revision, author } = await service.get(name, atMs);
  const when = atMs === undefined ? "" : ` as of ${formatInstant(atMs)}`;
  const source = `${service.where}${when}, by ${plain(author.name)} at ${formatInstant(author.atMs)}`;
  const loaded = loadTexts(source, [{ name: `route ${name}`, text: document }], surroundingsFrom(io.env));
  const snapshot = good(loaded);
  const routes = snapshot.routes.map((route) => ({ ...route, table: rangesOf(table) }));
  return { ...snapshot, version: String(revision), routes };
}

/** None for a route that needs none: md5-100 has its own. */
function rangesOf(runs: readonly SlotRun[]): SlotRange[] | undefined {
  let from = 0;
  const ranges = runs.map(({ variant, slots }) => {
    const range = { from, to: from + slots, variant };
    from = range.to;
    return range;
  });
  return ranges.length === 0 ? undefined : ranges;
}

async function fromSidecar(given: string, handlers: Handlers, io: Io): Promise<Loaded> {
  const address = adminAddress(given, io.env);
  const where = formatAddress(address);
  const { status, body } = await handlers.askAdmin(address, "GET", "/config", adminTimeoutMs);
  const effective = effectiveRoutes(body);
  if (status !== 200 || effective === undefined) {
    const hint = status === 403 ? `; it shows its routes to its own machine only: run this in the container` : "";
    const text = `${where} answers /config with ${status}, and without routes${hint}`;
    throw new ContenderError("UPSTREAM_UNREACHABLE", text);
  }
  const loaded = loadEffective(`admin:${where}`, effective, surroundingsFrom({}));
  // The sidecar's version, where it tells one: the routes that came over the wire have lost what is secret in them.
  const { version } = effective;
  if (!loaded.ok || version === undefined) return loaded;
  return { ...loaded, value: { ...loaded.value, version } };
}

function good(loaded: Loaded): Snapshot {
  if (loaded.ok) return loaded.value;
  throw new ContenderError("CONFIG_INVALID", `the routes are wrong\n${loaded.problems.map(problemLine).join("\n")}`);
}

function asText(key: string, { version, source }: Snapshot, explanation: Explanation): string {
  const { route, assignment, salt, reason, variant, slot, weights, shares, shadows } = explanation;
  const role = roleOf(explanation);
  const rows: [string, string][] = [
    ["route", `${route} (version ${version}, ${source})`],
    ["key", JSON.stringify(key)],
    ["variant", variant === undefined ? "drawn anew for each call: this key is none" : `${variant} (${role})`],
    ["reason", reason],
    ["assignment", `${assignment}, salt ${JSON.stringify(salt)}${slot === undefined ? "" : `, slot ${slot}`}`],
    ["weights", shareList(weights)],
    ["table", shareList(shares)],
    ["shadows", shadows.length === 0 ? "none for this key" : shadows.join(", ")],
  ];
  return rows.map(([label, text]) => `${label.padEnd(12)}${text}\n`).join("");
}

function shareList(shares: Readonly<Record<string, number>>): string {
  return Object.entries(shares)
    .map(([name, share]) => `${name} ${percent(share)}`)
    .join(", ");
}

function roleOf({ variant, champion }: Explanation): string | null {
  if (variant === undefined) return null;
  return variant === champion ? "champion" : "challenger";
}

function asJson({ key, at }: WhyOptions, { version, source }: Snapshot, explanation: Explanation): object {
  const { variant, slot } = explanation;
  return {
    key,
    at: at === undefined ? null : formatInstant(at),
    version,
    source,
    ...explanation,
    variant: variant ?? null,
    role: roleOf(explanation),
    slot: slot ?? null,
  };
}
