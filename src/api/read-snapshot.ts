/**
 * A snapshot as it came over the wire, read as strictly as a file: each route becomes the document that it stands for, and passes
 * the decoder and the rules that every document passes. So problems have the paths that people know, and no second validator can
 * let through what the first one refuses.
 */
import { formatDuration } from "../base/duration.ts";
import type { Problem } from "../base/parsed.ts";
import { type Fault, type Path, pathText } from "../config/decode.ts";
import { apiVersion, decodeRoute, routeKind } from "../config/route-document.ts";
import { judgeRoute, type Surroundings } from "../config/route-rules.ts";
import { assemble, type Candidate, type Loaded } from "../config/snapshot.ts";
import { type SlotRange, slotCount } from "../model/slots.ts";
import { type DurationMessage, durationMs, type RouteMessage, type SnapshotMessage } from "./messages.ts";
import { parseVersion } from "./version.ts";

/**
 * @param source as the snapshot shall name it
 * @param around what `local` means here
 */
export function readSnapshot(version: string, message: SnapshotMessage, source: string, around: Surroundings): Loaded {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const candidates: Candidate[] = [];
  if (parseVersion(version) === undefined) {
    problems.push({ path: "version", message: `want a version of a config service, got ${JSON.stringify(version)}` });
  }
  if (message.routes.length === 0) problems.push({ path: "routes", message: "no route applies to this sidecar" });
  for (const route of message.routes) {
    const where = `route ${JSON.stringify(route.name)}`;
    const locate = (path: Path, text: string): Problem => ({ path: pathText(path), message: text, where });
    const faults: Fault[] = [];
    const draft = decodeRoute(documentOf(route, faults), faults);
    const judged = draft === undefined ? undefined : judgeRoute(draft, faults, around);
    const table = tableOf(route, faults);
    const all = [...faults, ...(judged?.faults ?? [])];
    problems.push(...all.map(({ path, message: text }) => locate(path, text)));
    if (judged === undefined || draft === undefined) continue;
    warnings.push(...judged.warnings.map(({ path, message: text }) => locate(path, text)));
    candidates.push({
      route: { ...judged.route, table },
      locate,
      default: draft.default,
      comparable: all.length === 0,
    });
  }
  const loaded = assemble(source, candidates, problems, warnings);
  return loaded.ok ? { ...loaded, value: Object.freeze({ ...loaded.value, version }) } : loaded;
}

/** The document of a route, as the decoder takes it: maps for maps, nothing where nothing was said. */
export function documentOf(route: RouteMessage, faults: Fault[]): unknown {
  const { match, key, score, gates } = route;
  return map({
    apiVersion,
    kind: routeKind,
    metadata: map({ name: route.name }),
    spec: map({
      default: route.default,
      match: match && map({ dialect: said(match.dialect), models: match.models, services: match.services }),
      key:
        key &&
        map({ from: key.from.map((source) => map({ ...source })), ignore: key.hasIgnore ? key.ignore : undefined }),
      assignment: said(route.assignment),
      salt: route.salt,
      pin: route.pin,
      variantHeader: route.variantHeader,
      peekBytes: route.peekBytes,
      maxTimeout: duration(route.maxTimeout),
      score:
        score &&
        map({
          output: score.output,
          reduce: said(score.reduce),
          index: score.index,
          range: unlessEmpty(score.range),
          buckets: unlessEmpty(score.buckets),
        }),
      variants: named("variants", route.variants, ({ name }) => name, variantOf, faults),
      champion: route.champion,
      weights: unlessNone(
        named(
          "weights",
          route.weights,
          ({ variant }) => variant,
          ({ weight }) => weight,
          faults,
        ),
      ),
      shadows: named("shadows", route.shadows, ({ variant }) => variant, shadowOf, faults),
      gates:
        gates &&
        map({
          errors: gates.errors && map({ ...gates.errors }),
          latency: gates.latency && map({ ...gates.latency, slowerThan: duration(gates.latency.slowerThan) }),
          score: gates.score && map({ ...gates.score }),
        }),
      ttl: duration(route.ttl),
    }),
  });
}

function variantOf({
  name: _,
  onFailure,
  tls,
  model,
  metadata,
  warmup,
  ...rest
}: RouteMessage["variants"][number]): unknown {
  return map({
    ...rest,
    onFailure: said(onFailure),
    tls: tls && map({ ...tls }),
    model: model && map({ ...model }),
    metadata: metadata.length === 0 ? undefined : new Map(metadata.map(({ name, value }) => [name, value])),
    warmup: warmup && map({ copies: warmup.copies, timeout: duration(warmup.timeout) }),
  });
}

function shadowOf({ variant: _, timeout, ...rest }: RouteMessage["shadows"][number]): unknown {
  return map({ ...rest, timeout: duration(timeout) });
}

/** A table whose ranges can't be told apart from one that is missing would be filled by chance: it is refused here already. */
function tableOf(route: RouteMessage, faults: Fault[]): readonly SlotRange[] | undefined {
  const path = ["table"];
  const { table } = route;
  if (table === null) {
    if (route.assignment !== "md5-100") faults.push({ path, message: "is missing" });
    return undefined;
  }
  if (table.lengths.length !== table.variants.length) {
    const got = `${table.variants.length} and ${table.lengths.length}`;
    faults.push({ path, message: `want as many variants as lengths, got ${got}` });
    return undefined;
  }
  let from = 0;
  const ranges = table.lengths.map((length, index) => {
    const variant = route.variants[table.variants[index] ?? -1]?.name;
    if (variant === undefined) {
      const got = table.variants[index];
      faults.push({ path: [...path, "variants", index], message: `want a position among the variants, got ${got}` });
    }
    if (length === 0) faults.push({ path: [...path, "lengths", index], message: "want at least one slot, got 0" });
    const range = { from, to: from + length, variant: variant ?? "" };
    from = range.to;
    return range;
  });
  if (from !== slotCount) faults.push({ path, message: `want ${slotCount} slots, got ${from}` });
  return ranges;
}

/** A map whose keys are names: protobuf keeps their order in a list, where a name can be twice. */
function named<T>(
  section: string,
  list: readonly T[],
  nameOf: (item: T) => string,
  readItem: (item: T) => unknown,
  faults: Fault[],
): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const item of list) {
    const name = nameOf(item);
    if (values.has(name)) faults.push({ path: ["spec", section, name], message: "this name is there twice" });
    values.set(name, readItem(item));
  }
  return values;
}

function map(fields: Readonly<Record<string, unknown>>): Map<string, unknown> {
  return new Map(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

const said = (word: string): string | undefined => (word === "" ? undefined : word);
const unlessEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);
const unlessNone = (values: Map<string, unknown>): Map<string, unknown> | undefined =>
  values.size === 0 ? undefined : values;

function duration(message: DurationMessage | null): string | undefined {
  const ms = durationMs(message);
  return ms === undefined ? undefined : formatDuration(ms);
}
