/**
 * What a server is: which dialects it speaks, which of its models is meant, and what it tells of that.
 *
 * Reflection answers the first question where it is there. TensorFlow Serving and many others have none, so each dialect is
 * then tried with a question that changes nothing.
 */
import { ContenderError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { grpcStatus } from "../grpc/status.ts";
import type { DialectName } from "../model/route.ts";
import type { Inspector, ListedModel } from "./inspector.ts";
import type { ModelFacts } from "./model-facts.ts";
import type { ModelServer, Refusal } from "./model-server.ts";
import { openInference } from "./open-inference.ts";
import type { InitOptions } from "./options.ts";
import { tensorflowServing } from "./tensorflow-serving.ts";
import { listed, printable, shellWord } from "./text.ts";

export interface Found {
  /** All that it speaks. */
  readonly dialects: readonly DialectName[];
  /** How that was found. */
  readonly by: "reflection" | "asking";
  /** What the standard health service says; undefined where there is none. */
  readonly health: string | undefined;
  /** The dialect that described the model, in which it is called. */
  readonly inspector: Inspector;
  readonly model: ModelFacts;
}

/** The one that can list its models first: where a server speaks both, it tells more. */
const inspectors: readonly Inspector[] = [openInference, tensorflowServing];

/** @throws ContenderError that says what to do: another address, or which line to type. */
export async function look(server: ModelServer, options: InitOptions): Promise<Found> {
  const services = await server.services();
  const health = await server.health();
  const reflected = inspectors.filter(({ service }) => services?.includes(service));
  const spoken = reflected.length > 0 ? reflected : await ask(server, services);
  const dialects = spoken.map(({ name }) => name);
  const by = reflected.length > 0 ? "reflection" : "asking";
  let problem: unknown;
  for (const inspector of spoken) {
    try {
      const name = await nameOf(inspector, server, options);
      return { dialects, by, health, inspector, model: await inspector.describe(server, name) };
    } catch (reason) {
      problem ??= reason;
    }
  }
  throw problem;
}

async function ask(server: ModelServer, services: readonly string[] | undefined): Promise<readonly Inspector[]> {
  const spoken: Inspector[] = [];
  const refusals: Refusal[] = [];
  const lines: string[] = [];
  for (const inspector of inspectors) {
    const refusal = await inspector.spoken(server);
    if (refusal === undefined) spoken.push(inspector);
    else {
      refusals.push(refusal);
      lines.push(`  ${inspector.title}: ${refusal.text}`);
    }
  }
  if (spoken.length > 0) return spoken;
  if (refusals.every(isTransient)) {
    throw new ContenderError(
      "UPSTREAM_UNREACHABLE",
      `${server.address} takes calls but does not answer them:\n${lines.join("\n")}`,
    );
  }
  const listing = services === undefined ? "" : `\nBy its reflection it has: ${listed(services)}.`;
  throw new ContenderError(
    "UPSTREAM_UNSUPPORTED",
    `${server.address} answers none of the protocols that Contender looks into:\n${lines.join("\n")}${listing}`,
  );
}

/** What a server that is still starting, or a proxy before one, answers. */
function isTransient({ code }: Refusal): boolean {
  return code === grpcStatus.UNAVAILABLE || code === grpcStatus.DEADLINE_EXCEEDED;
}

/** The model that is meant. */
async function nameOf(inspector: Inspector, server: ModelServer, options: InitOptions): Promise<string> {
  const models = await inspector.models(server);
  if (models === undefined) {
    if (options.model !== undefined) return options.model;
    throw new ContenderError(
      "MODEL_UNKNOWN",
      `${server.address} speaks ${inspector.title} and can't list its models. Name the one that is meant:\n  ${commandLine(options, "NAME")}`,
    );
  }
  return options.model === undefined ? onlyOne(models, options) : named(options.model, models);
}

function onlyOne(models: readonly ListedModel[], options: InitOptions): string {
  const ready = models.filter((model) => model.ready);
  const [only] = ready;
  if (only !== undefined && ready.length === 1) return only.name;
  if (only === undefined)
    throw new ContenderError("UPSTREAM_UNREACHABLE", `${options.address} has no model that is ready${states(models)}`);
  const lines = ready.slice(0, 20).map(({ name }) => `  ${commandLine(options, name)}`);
  const more = ready.length > lines.length ? `\n  and ${ready.length - lines.length} more` : "";
  throw new ContenderError(
    "MODEL_UNKNOWN",
    `${options.address} has ${ready.length} models. Name the one that is meant:\n${lines.join("\n")}${more}`,
  );
}

function named(name: string, models: readonly ListedModel[]): string {
  const names = models.map((model) => model.name);
  const model = models.find((each) => each.name === name);
  if (model?.ready) return name;
  if (model !== undefined) {
    throw new ContenderError(
      "UPSTREAM_UNREACHABLE",
      `the model "${name}" is not ready, its state is ${printable(model.state)}`,
    );
  }
  const there = names.length === 0 ? "it has none" : `it has ${listed(names)}`;
  throw new ContenderError("MODEL_UNKNOWN", `the server has no model "${name}"${didYouMean(name, names)}: ${there}`);
}

function states(models: readonly ListedModel[]): string {
  if (models.length === 0) return ": it lists none";
  return `: ${listed(models.map(({ name, state }) => `${name} is ${state}`))}`;
}

/** The line that was typed, with a model named in it. */
function commandLine({ address, output, force, route }: InitOptions, model: string): string {
  return [
    `contender init ${address} --model ${shellWord(model)}`,
    ...(route === undefined ? [] : [`--route ${route}`]),
    ...(output === "route.yaml" ? [] : [`--output ${shellWord(output)}`]),
    ...(force ? ["--force"] : []),
  ].join(" ");
}
