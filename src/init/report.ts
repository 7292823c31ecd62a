/** What `init` tells people at its end. */
import type { RouteSpec, ScoreSpec } from "../model/route.ts";
import type { ScoreChoice } from "./choose-score.ts";
import type { Found } from "./look.ts";
import { tensorText } from "./model-facts.ts";
import { quantile } from "./quantiles.ts";
import type { ScoresRead } from "./read-score.ts";
import { listed, printable, shellWord } from "./text.ts";
import type { Trial } from "./trial.ts";

/** What was found, a line each. */
export function foundText({ dialects, by, health, model }: Found): string {
  const how = by === "reflection" ? "by its reflection" : "by asking; it has no reflection that says so";
  const rows: readonly (readonly [string, string])[] = [
    ["speaks", `${dialects.join(" and ")} (${how})`],
    ["health", health ?? "no standard health service"],
    ["model", versionsText(model)],
    ["inputs", tensorsText(model.inputs)],
    ["outputs", tensorsText(model.outputs)],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(9)}${value}\n`).join("");
}

function versionsText({ name, versions, version, signature }: Found["model"]): string {
  const others = versions.filter((each) => each !== version);
  return [
    printable(name),
    version === undefined ? "of no version that it tells" : `version ${printable(version)}`,
    ...(others.length === 0 ? [] : [`beside ${listed(others, 5)}`]),
    ...(signature === undefined ? [] : [`signature ${printable(signature)}`]),
  ].join(", ");
}

const tensorsText = (tensors: Found["model"]["inputs"]): string =>
  tensors.length === 0 ? "not described" : listed(tensors.map(tensorText), 8);

/** What was chosen, and what a first answer had to say to that. */
export function choiceText(route: RouteSpec, choice: ScoreChoice, read: ScoresRead | undefined): string {
  const key = route.key.from.map(({ kind, name }) => `${kind} ${printable(name)}`).join(", else ");
  return `  ${"score".padEnd(9)}${scoreText(choice, read)}\n  ${"key".padEnd(9)}${key}\n`;
}

function scoreText(choice: ScoreChoice, read: ScoresRead | undefined): string {
  if (choice.kind === "none") return `none: ${choice.reasons.join(" ")}`;
  const output = `${printable(choice.output)}[${choice.reduce === "max" ? "max" : choice.index}]`;
  const [score] = read?.scores ?? [];
  const [reason] = read?.invalid ?? [];
  if (score !== undefined) return `${output}, which was ${Number(score.toPrecision(4))} in a first answer`;
  return reason === undefined ? output : `${output}, but a first answer gave none: ${reason}`;
}

/** Latencies in milliseconds, and what the sidecar added to them. */
export function trialText({ directMs, sidecarMs }: Trial): string {
  const added = sidecarMs.map((ms, i) => ms - (directMs[i] ?? Number.NaN));
  const row = (name: string, values: readonly number[]) =>
    `  ${name.padEnd(18)}${format(quantile(values, 0.5))}${format(quantile(values, 0.99))}\n`;
  return [
    `${directMs.length} calls each way, one at a time, after a warm-up, in milliseconds:\n`,
    `  ${"".padEnd(18)}${"median".padStart(9)}${"p99".padStart(9)}\n`,
    row("directly", directMs),
    row("through a sidecar", sidecarMs),
    row("added, by pairs", added),
  ].join("");
}

const format = (ms: number): string => ms.toFixed(2).padStart(9);

/** What to type next. @param file where the route went; undefined for standard output. */
export function nextText(file: string | undefined, route: RouteSpec, address: string): string {
  const word = file === undefined ? "FILE" : shellWord(file);
  const environment = environmentOf(route);
  return [
    "Next, after every edit and then to serve it:",
    `  contender check ${word}`,
    `  contender sidecar --config ${word}`,
    `Callers then call the sidecar, by default its port 7400, in place of ${address}.`,
    ...(environment === undefined
      ? []
      : ["Or all from the environment, without a file:", `  ${environment} contender sidecar`]),
    "",
  ].join("\n");
}

/** What cuts a setting's words apart; a name with one of them can be said in a file only. */
const separators = /[,[\]=@\s]/;

/** The route as settings; undefined where they can't say it. */
function environmentOf({ name, key, score, variants }: RouteSpec): string | undefined {
  const [champion] = variants;
  const names = [...key.from.map((source) => source.name), ...(score === undefined ? [] : [score.output])];
  if (champion === undefined || names.some((each) => separators.test(each))) return undefined;
  const settings: readonly (readonly [string, string])[] = [
    ["ROUTE", name],
    ["CHAMPION", `${champion.name}=${champion.address}`],
    ["KEY", key.from.map((source) => `${source.kind}:${source.name}`).join(",")],
    ...(score === undefined ? [] : [["SCORE", scoreWord(score)] as const]),
  ];
  return settings.map(([setting, value]) => `CONTENDER_${setting}=${shellWord(value)}`).join(" ");
}

const scoreWord = ({ output, reduce, index }: ScoreSpec): string =>
  `${output}[${reduce === "element" ? index : reduce}]`;
