/**
 * A route's document as it travels. What the document leaves out is left out here too: the sidecar knows the defaults, and a route
 * of three variants stays a few hundred bytes.
 */
import type { RouteDraft, ShadowDraft, VariantDraft } from "../config/route-draft.ts";
import type { KeySource } from "../model/route.ts";
import type { SlotRange } from "../model/slots.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { durationMessage, type RouteMessage, type SlotTableMessage } from "./messages.ts";

/** What is sent of a route: fields that are not set are not there. */
export type SentRoute = { readonly [K in keyof RouteMessage]?: RouteMessage[K] | object | undefined };

/** @param table none for a route that is assigned by md5-100 */
export function routeMessage(draft: RouteDraft, table: readonly SlotRange[] | undefined): SentRoute {
  const { match, score, keyFrom, ignoredKeys } = draft;
  const names = draft.variants.map(([name]) => name);
  return set({
    name: draft.name,
    default: draft.default,
    match: { dialect: match.dialect, models: match.models, services: match.services },
    key: { from: keyFrom.map(sourceMessage), hasIgnore: ignoredKeys !== undefined, ignore: ignoredKeys ?? [] },
    assignment: draft.assignment,
    salt: draft.salt,
    pin: draft.pin,
    variantHeader: draft.variantHeader,
    peekBytes: draft.peekBytes,
    maxTimeout: duration(draft.maxTimeoutMs),
    score: score && set({ ...score, range: score.range ?? [], buckets: score.buckets ?? [] }),
    variants: draft.variants.map(([name, variant]) => variantMessage(name, variant)),
    champion: draft.champion,
    weights: (draft.weights ?? []).map(([variant, weight]) => ({ variant, weight })),
    shadows: draft.shadows.map(([variant, shadow]) => shadowMessage(variant, shadow)),
    gates: draft.gates && gatesMessage(draft.gates),
    ttl: duration(draft.ttlMs),
    table: table && tableMessage(names, table),
    capabilities: capabilitiesOf(draft),
  });
}

/** @param names of the route's variants; every range belongs to one of them */
export function tableMessage(names: readonly string[], table: readonly SlotRange[]): SlotTableMessage {
  const positions = new Map(names.map((name, index) => [name, index]));
  return {
    variants: table.map(({ variant }) => positions.get(variant) ?? names.length),
    lengths: table.map(({ from, to }) => to - from),
  };
}

const sourceMessage = ({ kind, name }: KeySource): object => ({ [kind]: name });

function variantMessage(name: string, { tls, model, metadata = [], warmup, ...rest }: VariantDraft): object {
  return set({
    ...rest,
    name,
    tls: tls && set({ ...tls }),
    model: model && set({ ...model }),
    metadata: metadata.map(([field, value]) => ({ name: field, value })),
    warmup: warmup && set({ copies: warmup.copies, timeout: duration(warmup.timeoutMs) }),
  });
}

function shadowMessage(variant: string, { timeoutMs, ...rest }: ShadowDraft): object {
  return set({ ...rest, variant, timeout: duration(timeoutMs) });
}

function gatesMessage({ errors, latency, score }: NonNullable<RouteDraft["gates"]>): object {
  return set({
    errors,
    latency: latency && {
      slowerThan: durationMessage(latency.slowerThanMs),
      maxRatio: latency.maxRatio,
      action: latency.action,
    },
    score,
  });
}

const duration = (ms: number | undefined) => (ms === undefined ? undefined : durationMessage(ms));

/** Without what is undefined, which protobuf's encoder would take for a value. */
function set<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
