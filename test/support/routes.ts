/** Routes for tests: complete and plain, so that a test names only what it is about. */
import type { RouteSpec, ShadowSpec, VariantSpec } from "../../src/model/route.ts";

export function variantSpec(name: string, given: Partial<VariantSpec> = {}): VariantSpec {
  return {
    name,
    address: "127.0.0.1:8500",
    authority: undefined,
    model: undefined,
    metadata: [],
    expectVersion: undefined,
    onFailure: "error",
    artifact: undefined,
    ...given,
  };
}

export function shadowSpec(variant: string, percent: number, given: Partial<ShadowSpec> = {}): ShadowSpec {
  return {
    variant,
    percent,
    maxPerSecond: undefined,
    timeoutMs: 2000,
    maxInFlight: 16,
    maxBytes: 1 << 20,
    maxMessageBytes: 1 << 18,
    forwardAuthorization: false,
    ...given,
  };
}

/** A route over the variants v41 (champion), v42 and v43, all weight on v41. */
export function routeSpec(given: Partial<RouteSpec> = {}): RouteSpec {
  return {
    name: "fraud",
    default: true,
    match: { dialect: undefined, models: [], services: [] },
    key: { from: [], ignore: [] },
    assignment: "slots",
    salt: "fraud",
    pin: false,
    variantHeader: false,
    peekBytes: 65_536,
    maxTimeoutMs: undefined,
    score: undefined,
    variants: [variantSpec("v41"), variantSpec("v42"), variantSpec("v43")],
    champion: "v41",
    weights: { v41: 100 },
    shadows: [],
    ...given,
  };
}
