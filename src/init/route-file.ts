/**
 * The route file that `init` writes: one champion, what was found out about it, and, as comments, what a person adds next.
 *
 * Written as text and not by a YAML library, because the comments are half of it. Before it leaves here it is read by the
 * decoder that every sidecar uses.
 */
import { ContenderError } from "../base/errors.ts";
import { problemLine } from "../base/parsed.ts";
import { loadTexts } from "../config/files.ts";
import type { RouteSpec } from "../model/route.ts";
import { chooseKeyInput, proposedMetadata } from "./choose-key.ts";
import type { ScoreChoice } from "./choose-score.ts";
import type { Found } from "./look.ts";
import { newest, tensorText } from "./model-facts.ts";
import { nextNames, routeNameOf, variantNameOf } from "./names.ts";
import { printable, yamlText } from "./text.ts";

export interface RouteFile {
  readonly text: string;
  /** As a sidecar reads it. */
  readonly route: RouteSpec;
}

export interface RouteFileOptions {
  /** Of the model server. */
  readonly address: string;
  /** Name of the route; undefined takes the model's. */
  readonly route: string | undefined;
}

/** @throws ContenderError INTERNAL where our own decoder refuses what was written: a bug. */
export function routeFile(found: Found, score: ScoreChoice, options: RouteFileOptions): RouteFile {
  const text = textOf(found, score, options);
  const loaded = loadTexts("init", [{ name: "route", text }], { local: options.address });
  const route = loaded.ok ? loaded.value.routes[0] : undefined;
  if (route !== undefined) return { text, route };
  const problems = loaded.ok ? [] : loaded.problems.map(problemLine);
  throw new ContenderError("INTERNAL", `the route file would be wrong:\n${problems.join("\n")}\n${text}`);
}

function textOf(found: Found, score: ScoreChoice, options: RouteFileOptions): string {
  const { model, dialects } = found;
  const champion = yamlText(variantNameOf(model.version));
  // With both dialects the callers of either are split.
  const dialect = dialects.length === 1 ? `dialect: ${dialects[0]}, ` : "";
  const lines = [
    `# A route for the model server at ${options.address}, as it was found there. It sends every call to that server and`,
    "# measures them; the commented lines add a challenger and a shadow. All fields: docs/configuration.md.",
    "apiVersion: contender.dev/v1alpha1",
    "kind: ModelRoute",
    `metadata: { name: ${yamlText(options.route ?? routeNameOf(model.name))} }`,
    "spec:",
    `  match: { ${dialect}models: [${yamlText(model.name)}] }`,
    "",
    ...keyLines(found),
    "",
    ...scoreLines(found, score),
    "",
    ...variantLines(found, champion, options.address),
  ];
  return `${lines.join("\n")}\n`;
}

function keyLines({ model }: Found): string[] {
  const input = chooseKeyInput(model.inputs);
  return [
    "  # What keeps a user on one model: the first of these that a call has. Name the metadata that your callers send.",
    "  key:",
    "    from:",
    `      - metadata: ${proposedMetadata}`,
    ...(input === undefined
      ? ["      # - input: user_id # or an input of the model, with one text or integer per row"]
      : [`      - input: ${yamlText(input)} # an input of the model, by its name who is asking`]),
  ];
}

function scoreLines({ model }: Found, score: ScoreChoice): string[] {
  const outputs = model.outputs.map((output) => `  #   ${printable(tensorText(output))}`);
  const list = outputs.length === 0 ? [] : ["  # The model's outputs:", ...outputs];
  const reasons = score.reasons.map((reason) => `  # ${reason}`);
  if (score.kind === "none") {
    return [
      "  # Which number of an answer is its score, whose distribution is measured: none was found.",
      ...reasons,
      ...list,
      "  # score: { output: scores, index: 1, range: [0, 1] }",
    ];
  }
  const pick = score.reduce === "max" ? "reduce: max" : `index: ${score.index}`;
  const range = score.probability ? ", range: [0, 1]" : "";
  return [
    "  # Which number of an answer is its score, whose distribution is measured. A guess, for these reasons:",
    ...reasons,
    ...list,
    `  score: { output: ${yamlText(score.output)}, ${pick}${range} }`,
    ...(score.probability
      ? []
      : ['  # Where scores lie in a known range, add it, such as "range: [0, 1]": the histogram is the finer for it.']),
  ];
}

function variantLines({ model }: Found, champion: string, address: string): string[] {
  const place = yamlText(address);
  const version = model.version === undefined ? "" : `, expectVersion: ${yamlText(model.version)}`;
  // A second version in the same server is a challenger that is there already.
  const other = newest(model.versions.filter((each) => each !== model.version));
  const [second, third] = namesBeside(champion, other);
  const challenger =
    other === undefined
      ? `address: "HOST:PORT"`
      : `address: ${place}, model: { version: ${yamlText(other)} }, expectVersion: ${yamlText(other)}`;
  return [
    "  # A variant's name stays with its model for good; who is champion changes.",
    "  variants:",
    `    ${champion}: { address: ${place}${version} } # "local" is the server in the sidecar's own pod: CONTENDER_LOCAL`,
    ...(other === undefined
      ? ['    # Another server with another model; of a second version in the same one, add "model: { version: 2 }":']
      : ["    # Another version in the same server, and another server with another model:"]),
    `    # ${second}: { ${challenger}, onFailure: champion }`,
    `    # ${third}: { address: "HOST:PORT" }`,
    `  champion: ${champion}`,
    "",
    "  # Shares of live calls, by key: one user in twenty meets the challenger.",
    `  # weights: { ${champion}: 95, ${second}: 5 }`,
    "",
    "  # Copies of live calls, whose answers nobody gets.",
    "  # shadows:",
    `  #   ${third}: { percent: 10, maxPerSecond: 20, timeout: 2s }`,
  ];
}

/** Names of a challenger and a shadow; `version` is the challenger's, where there is one. */
function namesBeside(champion: string, version: string | undefined): readonly [string, string] {
  const [next, afterNext] = nextNames(champion);
  const named = version === undefined ? next : yamlText(variantNameOf(version));
  const challenger = named === champion ? next : named;
  return [challenger, challenger === afterNext ? next : afterNext];
}
