/**
 * The shape of a route's document: which keys there are, and of what kind their values.
 *
 * `config/route.schema.json` says the same for editors, and a test holds the two together; what spans several fields is
 * judged in `route-rules.ts`, where the routes of the environment pass too.
 */
import { tlsVersions } from "../base/tls-versions.ts";
import type { GateAction, GatesSpec, KeySource, ModelOverride, RouteMatch, SelectorSpec } from "../model/route.ts";
import { type Fault, Fields, type TextRule } from "./decode.ts";
import { routeBounds } from "./route-defaults.ts";
import type { RouteDraft, ScoreDraft, ShadowDraft, TlsDraft, VariantDraft } from "./route-draft.ts";

export const apiVersion = "contender.dev/v1alpha1";
export const routeKind = "ModelRoute";

/** Names are labels, header values and parts of paths: lower case, digits, dots and dashes, as in Kubernetes. */
export const nameRule = {
  pattern: new RegExp(`^(?=.{1,${routeBounds.nameLength}}$)[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`),
  wants: `a name of at most ${routeBounds.nameLength} lower-case letters, digits, dots and dashes`,
} satisfies TextRule;

/** What Kubernetes calls a pod, or a machine is called. */
export const labelRule = {
  pattern: /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/,
  wants: "at most 253 letters, digits, dots, dashes and underscores",
} satisfies TextRule;

/** A metadata name as gRPC allows it, in any case where people write it. */
export const metadataNameRule = {
  pattern: /^[0-9A-Za-z_.-]+$/,
  wants: "a metadata name of letters, digits, dots, dashes and underscores",
} satisfies TextRule;

const metadataValueRule = {
  pattern: /^[ -~]*$/,
  wants: "a metadata value of printable ASCII",
  secret: true,
} satisfies TextRule;
const serviceRule = {
  pattern: /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/,
  wants: "a full service name such as package.Service",
} satisfies TextRule;
const authorityRule = { pattern: /^[A-Za-z0-9._:[\]-]+$/, wants: "HOST or HOST:PORT" } satisfies TextRule;

const serverNameRule = {
  pattern:
    /^([A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+|spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)+)$/,
  wants: "a host name, an IP address or spiffe://DOMAIN/PATH",
} satisfies TextRule;

const dialects = ["tensorflow-serving", "open-inference"] as const;
const reduces = ["element", "max", "argmax", "margin", "entropy", "mean"] as const;
const actions = ["rollback", "pause", "report"] as const satisfies readonly GateAction[];

const specKeys = [
  "default",
  "match",
  "key",
  "assignment",
  "salt",
  "pin",
  "variantHeader",
  "peekBytes",
  "maxTimeout",
  "score",
  "variants",
  "champion",
  "weights",
  "shadows",
  "gates",
  "ttl",
  "selector",
];

/** Reads one document; what can't be read is reported in `faults` and left out of the draft. */
export function decodeRoute(document: unknown, faults: Fault[]): RouteDraft | undefined {
  const root = Fields.of(document, [], ["apiVersion", "kind", "metadata", "spec"], faults);
  if (root === undefined) return undefined;
  root.require("apiVersion", "kind", "metadata", "spec");
  root.oneOf("apiVersion", [apiVersion]);
  root.oneOf("kind", [routeKind]);
  const metadata = root.fields("metadata", ["name", "namespace", "labels", "annotations"]);
  metadata?.require("name");
  const name = metadata?.text("name", nameRule);
  const namespace = metadata?.text("namespace", nameRule);
  // Kubernetes keeps these beside the name; they mean nothing to us.
  for (const key of ["labels", "annotations"]) {
    metadata?.named(key, {}, (map, label) => map.text(label, { pattern: /^[\s\S]*$/, wants: "a text" }));
  }
  const spec = root.fields("spec", specKeys);
  if (spec === undefined) return undefined;
  spec.require("variants", "champion");
  const key = spec.fields("key", ["from", "ignore"]);
  return {
    name: name ?? "",
    default: spec.flag("default"),
    match: decodeMatch(spec),
    keyFrom: key?.maps("from", ["metadata", "parameter", "input"], decodeKeySource) ?? [],
    ignoredKeys: key?.textsOrIntegers("ignore"),
    assignment: spec.oneOf("assignment", ["slots", "md5-100"]) ?? "slots",
    salt: spec.text("salt"),
    pin: spec.flag("pin") ?? false,
    variantHeader: spec.flag("variantHeader") ?? true,
    peekBytes: spec.number("peekBytes", { least: 0, most: routeBounds.peekBytes, integer: true }),
    maxTimeoutMs: spec.durationMs("maxTimeout"),
    score: decodeScore(spec.fields("score", ["output", "reduce", "index", "range", "buckets"])),
    variants: spec.named("variants", nameRule, decodeVariant) ?? [],
    champion: spec.text("champion"),
    weights: spec.named("weights", {}, decodeWeight),
    shadows: spec.named("shadows", {}, decodeShadow) ?? [],
    gates: decodeGates(spec.fields("gates", ["errors", "latency", "score"])),
    namespace,
    ttlMs: spec.durationMs("ttl"),
    selector: decodeSelector(spec.fields("selector", ["namespace", "workload", "pod", "first", "percent"])),
  };
}

function decodeSelector(selector: Fields | undefined): SelectorSpec | undefined {
  if (selector === undefined) return undefined;
  return {
    namespace: selector.text("namespace", nameRule),
    workload: selector.text("workload", labelRule),
    pod: selector.text("pod", labelRule),
    first: selector.number("first", { least: 0, most: routeBounds.instances, integer: true }),
    percent: selector.number("percent", { least: 0, most: 100 }),
  };
}

/** A weight that can't be read is kept as NaN, so that the name before it is checked all the same. */
function decodeWeight(weights: Fields, variant: string): number {
  return weights.number(variant, { least: 0, most: routeBounds.weight }) ?? Number.NaN;
}

function decodeMatch(spec: Fields): RouteMatch {
  const match = spec.fields("match", ["dialect", "models", "services"]);
  return {
    dialect: match?.oneOf("dialect", dialects),
    models: match?.texts("models") ?? [],
    services: match?.texts("services", serviceRule) ?? [],
  };
}

function decodeKeySource(source: Fields): KeySource | undefined {
  const metadata = source.text("metadata", metadataNameRule);
  const parameter = source.text("parameter");
  const input = source.text("input");
  if (source.names().length !== 1) return source.fail(undefined, "want one of metadata, parameter, input");
  if (metadata !== undefined) return { kind: "metadata", name: metadata.toLowerCase() };
  if (parameter !== undefined) return { kind: "parameter", name: parameter };
  return input === undefined ? undefined : { kind: "input", name: input };
}

function decodeScore(score: Fields | undefined): ScoreDraft | undefined {
  if (score === undefined) return undefined;
  score.require("output");
  return {
    output: score.text("output") ?? "",
    reduce: score.oneOf("reduce", reduces) ?? "element",
    index: score.number("index", { least: 0, most: routeBounds.scoreIndex, integer: true }),
    range: score.numbers("range"),
    buckets: score.numbers("buckets"),
  };
}

function decodeVariant(variants: Fields, name: string): VariantDraft {
  const variant = variants.fields(name, [
    "address",
    "authority",
    "tls",
    "model",
    "metadata",
    "expectVersion",
    "onFailure",
    "artifact",
    "warmup",
  ]);
  if (variant === undefined) return { address: undefined };
  variant.require("address");
  const warmup = variant.fields("warmup", ["copies", "timeout"]);
  warmup?.require("copies");
  const copies = warmup?.number("copies", { least: 0, most: routeBounds.warmupCopies, integer: true });
  const timeoutMs = warmup?.durationMs("timeout");
  return {
    address: variant.text("address"),
    authority: variant.text("authority", authorityRule),
    tls: decodeTls(variant.fields("tls", ["ca", "cert", "key", "serverName", "minVersion"])),
    model: decodeModel(variant.fields("model", ["name", "version", "label", "restoreResponse"])),
    metadata: variant
      .named("metadata", metadataNameRule, (map, header) => map.text(header, metadataValueRule))
      ?.map(([header, value]) => [header.toLowerCase(), value] as const),
    expectVersion: variant.textOrInteger("expectVersion"),
    onFailure: variant.oneOf("onFailure", ["error", "champion"]),
    artifact: variant.text("artifact"),
    warmup: copies === undefined ? undefined : { copies, timeoutMs },
  };
}

function decodeTls(tls: Fields | undefined): TlsDraft | undefined {
  if (tls === undefined) return undefined;
  return {
    ca: tls.text("ca"),
    cert: tls.text("cert"),
    key: tls.text("key"),
    serverName: tls.text("serverName", serverNameRule),
    minVersion: tls.oneOf("minVersion", tlsVersions),
  };
}

function decodeModel(model: Fields | undefined): ModelOverride | undefined {
  if (model === undefined) return undefined;
  return {
    name: model.text("name"),
    version: model.textOrInteger("version"),
    label: model.text("label"),
    restoreResponse: model.flag("restoreResponse") ?? false,
  };
}

function decodeShadow(shadows: Fields, name: string): ShadowDraft {
  const shadow = shadows.fields(name, [
    "percent",
    "maxPerSecond",
    "timeout",
    "maxInFlight",
    "maxBytes",
    "maxMessageBytes",
    "forwardAuthorization",
  ]);
  if (shadow === undefined) return {};
  return {
    percent: shadow.number("percent", { least: 0, most: 100 }),
    maxPerSecond: shadow.number("maxPerSecond", { positive: true }),
    timeoutMs: shadow.durationMs("timeout"),
    maxInFlight: shadow.number("maxInFlight", { least: 1, most: routeBounds.inFlight, integer: true }),
    maxBytes: shadow.number("maxBytes", { least: 1, most: routeBounds.bytes, integer: true }),
    maxMessageBytes: shadow.number("maxMessageBytes", { least: 1, most: routeBounds.bytes, integer: true }),
    forwardAuthorization: shadow.flag("forwardAuthorization"),
  };
}

function decodeGates(gates: Fields | undefined): GatesSpec | undefined {
  if (gates === undefined) return undefined;
  const errors = gates.fields("errors", ["maxRatio", "action"]);
  const latency = gates.fields("latency", ["slowerThan", "maxRatio", "action"]);
  const score = gates.fields("score", ["maxShift", "action"]);
  errors?.require("maxRatio", "action");
  latency?.require("slowerThan", "maxRatio", "action");
  score?.require("maxShift", "action");
  const errorsRatio = errors?.number("maxRatio", { positive: true });
  const errorsAction = errors?.oneOf("action", actions);
  const slowerThanMs = latency?.durationMs("slowerThan");
  const latencyRatio = latency?.number("maxRatio", { positive: true });
  const latencyAction = latency?.oneOf("action", actions);
  const maxShift = score?.number("maxShift", { least: 0 });
  const scoreAction = score?.oneOf("action", actions);
  return {
    errors:
      errorsRatio === undefined || errorsAction === undefined
        ? undefined
        : { maxRatio: errorsRatio, action: errorsAction },
    latency:
      slowerThanMs === undefined || latencyRatio === undefined || latencyAction === undefined
        ? undefined
        : { slowerThanMs, maxRatio: latencyRatio, action: latencyAction },
    score: maxShift === undefined || scoreAction === undefined ? undefined : { maxShift, action: scoreAction },
  };
}
