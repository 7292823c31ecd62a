/** `contender check`: is this a set of routes that a sidecar would serve? */
import { Command } from "commander";
import { formatAddress } from "../base/address.ts";
import { errorTable } from "../base/errors.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import { loadTexts, type RouteText } from "../config/files.ts";
import type { Surroundings } from "../config/route-rules.ts";
import type { Strings } from "../config/settings.ts";
import { settingsTable } from "../config/settings-table.ts";
import type { Loaded } from "../config/snapshot.ts";
import { readRouteTexts } from "../config/sources/route-files.ts";
import type { RouteSpec, ScoreSpec } from "../model/route.ts";
import { planSnapshot } from "../plan/plan.ts";
import { examples, paragraphs } from "./help-text.ts";
import type { Io } from "./io.ts";
import { percent } from "./percent.ts";
import { warnOfUnknownSettings } from "./unknown-settings.ts";

/** What problems call standard input. */
const stdin = "stdin";

interface Verdict {
  readonly name: string;
  readonly loaded: Loaded;
}

export function checkCommand(io: Io, finish: (code: number) => void): Command {
  return new Command("check")
    .summary("validate route files; every problem with its line and path")
    .description(
      paragraphs(`Validates route files. Each FILE, and each directory of them, is judged as the whole of what a sidecar is given.

Prints "ok" and one line per route, or every problem as FILE:LINE: PATH: MESSAGE on standard error, where warnings go
too, also of a variable CONTENDER_… that nothing reads. Exits with 0 where all is well and ${errorTable.CONFIG_INVALID.exitCode} where there is any problem; warnings change nothing.`),
    )
    .argument("<FILE...>", 'route files or directories; "-" is standard input')
    .option("--together", "judge all of them as one set of routes")
    .option("--json", "print one JSON document: {ok, sets: [{name, ok, version, routes, problems, warnings}]}")
    .addHelpText(
      "after",
      examples(
        ["one file", "contender check routes.yaml"],
        ["what a ConfigMap would hold", "contender check --together routes/*.yaml"],
        ["from a pipe", "kubectl get configmap routes -o jsonpath='{.data.routes\\.yaml}' | contender check -"],
      ),
    )
    .action(async (files: string[], options: { together?: true; json?: true }) => {
      warnOfUnknownSettings(io);
      const verdicts = await judge(files, options.together === true, io);
      if (options.json === true) io.out(`${JSON.stringify(asJson(verdicts), null, 2)}\n`);
      else print(verdicts, io);
      finish(verdicts.every(({ loaded }) => loaded.ok) ? 0 : errorTable.CONFIG_INVALID.exitCode);
    });
}

/** What `local` means, as far as the environment tells; a wrong value there is the sidecar's to report. */
export function surroundingsFrom(env: Strings): Surroundings {
  const { local } = settingsTable;
  const reading = local.read(env[local.env]?.trim() || local.default);
  return { local: reading.ok ? formatAddress(reading.value) : local.default };
}

async function judge(files: readonly string[], together: boolean, io: Io): Promise<Verdict[]> {
  const around = surroundingsFrom(io.env);
  const sets: { name: string; texts: readonly RouteText[]; problems: readonly Problem[] }[] = [];
  for (const name of files) sets.push({ name: name === "-" ? stdin : name, ...(await textsOf(name, io)) });
  if (!together) {
    return sets.map(({ name, texts, problems }) => ({ name, loaded: load(name, texts, problems, around) }));
  }
  const name = files.join(" ");
  const texts = sets.flatMap((set) => set.texts);
  const problems = sets.flatMap((set) => set.problems);
  return [{ name, loaded: load(name, texts, problems, around) }];
}

/** Texts of a route file, of a directory of them, or of standard input. */
export async function textsOf(
  name: string,
  io: Io,
): Promise<{ texts: readonly RouteText[]; problems: readonly Problem[] }> {
  if (name === "-") return { texts: [{ name: stdin, text: await io.stdin() }], problems: [] };
  const read = await readRouteTexts(name);
  return read.ok ? { texts: read.value, problems: [] } : { texts: [], problems: read.problems };
}

function load(name: string, texts: readonly RouteText[], problems: readonly Problem[], around: Surroundings): Loaded {
  if (texts.length === 0) return { ok: false, problems, warnings: [] };
  const loaded = loadTexts(`file:${name}`, texts, around);
  // What reads well must compile too: a sidecar does no less before it swaps.
  const verdict = loaded.ok ? planSnapshot(loaded.value) : loaded;
  const all = [...problems, ...(verdict.ok ? [] : verdict.problems)];
  return all.length === 0 ? loaded : { ok: false, problems: all, warnings: loaded.warnings };
}

function print(verdicts: readonly Verdict[], io: Io): void {
  for (const { name, loaded } of verdicts) {
    for (const warning of loaded.warnings) io.err(`warning: ${problemLine(warning)}\n`);
    if (loaded.ok) {
      io.out(`${name}: ok, version ${loaded.value.version}\n`);
      for (const route of loaded.value.routes) io.out(`  ${summary(route)}\n`);
    } else {
      for (const problem of loaded.problems) io.err(`${problemLine(problem)}\n`);
      const { length } = loaded.problems;
      io.err(`${name}: ${length} ${length === 1 ? "problem" : "problems"}\n`);
    }
  }
}

function asJson(verdicts: readonly Verdict[]): object {
  return {
    ok: verdicts.every(({ loaded }) => loaded.ok),
    sets: verdicts.map(({ name, loaded }) => ({
      name,
      ok: loaded.ok,
      version: loaded.ok ? loaded.value.version : null,
      routes: loaded.ok ? loaded.value.routes.map((route) => ({ name: route.name, summary: summary(route) })) : [],
      problems: loaded.ok ? [] : loaded.problems,
      warnings: loaded.warnings,
    })),
  };
}

/** `fraud (default): v41 90% (champion), v42 10%; shadow v43 of 25%; key metadata:x-user-id; score scores[1]`. */
export function summary(route: RouteSpec): string {
  const sum = Object.values(route.weights).reduce((total, weight) => total + weight, 0);
  const names = route.variants.map(({ name }) => name).filter((name) => Object.hasOwn(route.weights, name));
  if (!names.includes(route.champion)) names.unshift(route.champion);
  const shares = names.map((name) => {
    const share = percent((route.weights[name] ?? 0) / sum);
    return name === route.champion ? `${name} ${share} (champion)` : `${name} ${share}`;
  });
  const parts = [
    shares.join(", "),
    ...route.shadows.map((shadow) => `shadow ${shadow.variant} of ${percent(shadow.percent / 100)}`),
    route.key.from.length === 0
      ? "no key"
      : `key ${route.key.from.map(({ kind, name }) => `${kind}:${name}`).join(", ")}`,
    ...(route.score === undefined ? [] : [`score ${scoreText(route.score)}`]),
  ];
  return `${route.name}${route.default ? " (default)" : ""}: ${parts.join("; ")}`;
}

function scoreText({ output, reduce, index }: ScoreSpec): string {
  return `${output}[${reduce === "element" ? index : reduce}]`;
}
