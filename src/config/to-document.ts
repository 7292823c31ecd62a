/**
 * A route back to the document that would make it, every default written out: what `/config` shows.
 *
 * Reading it again gives the same route, so that `contender why` works from a running sidecar's answer. Values of metadata
 * whose names speak of secrets are blanked, and so are passwords in an artifact's URL; they decide nothing about a key.
 */
import { formatDuration } from "../base/duration.ts";
import { isSecretHeader, redacted, redactText } from "../base/redact.ts";
import type { GatesSpec, RouteSpec, ScoreSpec, ShadowSpec, VariantSpec } from "../model/route.ts";
import { apiVersion, routeKind } from "./route-document.ts";

/** A `ModelRoute` as plain JSON. */
export interface RouteDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The document of one route; its addresses are those in force, `local` among them resolved. */
export function toDocument(route: RouteSpec): RouteDocument {
  const { dialect, models, services } = route.match;
  return {
    apiVersion,
    kind: routeKind,
    metadata: route.namespace === undefined ? { name: route.name } : { name: route.name, namespace: route.namespace },
    spec: without({
      default: route.default,
      match: without({ dialect, models: unlessEmpty(models), services: unlessEmpty(services) }),
      key: {
        from: route.key.from.map(({ kind, name }) => ({ [kind]: name })),
        ignore: route.key.ignore,
      },
      assignment: route.assignment,
      salt: route.salt,
      pin: route.pin,
      variantHeader: route.variantHeader,
      peekBytes: route.peekBytes,
      maxTimeout: route.maxTimeoutMs === undefined ? undefined : formatDuration(route.maxTimeoutMs),
      score: route.score === undefined ? undefined : scoreOf(route.score),
      variants: Object.fromEntries(route.variants.map((variant) => [variant.name, variantOf(variant)])),
      champion: route.champion,
      weights: route.weights,
      shadows: Object.fromEntries(route.shadows.map((shadow) => [shadow.variant, shadowOf(shadow)])),
      gates: route.gates === undefined ? undefined : gatesOf(route.gates),
      ttl: route.ttlMs === undefined ? undefined : formatDuration(route.ttlMs),
      selector: route.selector === undefined ? undefined : without({ ...route.selector }),
    }),
  };
}

function scoreOf({ output, reduce, index, range, buckets }: ScoreSpec): object {
  return without({ output, reduce, index: reduce === "element" ? index : undefined, range, buckets });
}

function variantOf(variant: VariantSpec): object {
  const { address, authority, tls, model, metadata, expectVersion, onFailure, artifact, warmup } = variant;
  const shown = metadata.map(([name, value]) => [name, isSecretHeader(name) ? redacted : value] as const);
  return without({
    address,
    authority,
    tls: tls === undefined ? undefined : without({ ...tls }),
    model: model === undefined ? undefined : without({ ...model }),
    metadata: shown.length === 0 ? undefined : Object.fromEntries(shown),
    expectVersion,
    onFailure,
    artifact: artifact === undefined ? undefined : redactText(artifact),
    warmup: warmup === undefined ? undefined : { copies: warmup.copies, timeout: formatDuration(warmup.timeoutMs) },
  });
}

function shadowOf({ variant: _, timeoutMs, ...rest }: ShadowSpec): object {
  return without({ ...rest, timeout: formatDuration(timeoutMs) });
}

function gatesOf({ errors, latency, score }: GatesSpec): object {
  return without({
    errors,
    latency:
      latency === undefined
        ? undefined
        : { slowerThan: formatDuration(latency.slowerThanMs), maxRatio: latency.maxRatio, action: latency.action },
    score,
  });
}

const unlessEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);

/** Without what is undefined: JSON leaves it out anyway, and a test compares both. */
function without(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
