/** What a route gets where its document is silent, and the bounds of what it may ask for; each with its reason. */
import type { ScoreReduce } from "../model/route.ts";

export const routeDefaults = {
  /** Most requests that carry a key in their tensors are far smaller; images above it go to the champion. */
  peekBytes: 1_048_576,
  /** A header that is there but empty is no key. */
  ignoredKeys: [""],
  /** A model compiles or loads within it, mostly; pods may differ for so long in whom they give which variant. */
  warmupTimeoutMs: 10_000,
  shadowPercent: 100,
  /** A copy that takes longer tells nothing that a timeout does not. */
  shadowTimeoutMs: 2_000,
  /** With the timeout above, 32 copies a second even of a shadow that never answers. */
  shadowMaxInFlight: 64,
  /** A sixteenth of a small sidecar's memory. */
  shadowMaxBytes: 16_777_216,
  /** A quarter of the budget: one large message must not push out all others. */
  shadowMaxMessageBytes: 4_194_304,
} as const;

export const routeBounds = {
  /** Held in memory for each call that waits for its first message. */
  peekBytes: 67_108_864,
  /** 2 GiB: what a process of a sidecar's size can still address. */
  bytes: 2_147_483_648,
  inFlight: 100_000,
  /** Keeps every sum of weights finite and exact. */
  weight: 1_000_000_000,
  /** A slot of a route's table names its variant in one byte. */
  variants: 256,
  scoreIndex: 1_000_000,
  warmupCopies: 1_000_000,
  /** More sidecars than anybody has. */
  instances: 1_000_000,
  /** Each bucket is a time series for each variant, traffic and output. */
  buckets: 60,
  /** Of a name, so that it fits wherever Kubernetes and DNS take a label. */
  nameLength: 63,
} as const;

/** Twenty equal steps, the finest that keeps a route of three variants within its series. */
const steps = 20;

/**
 * Upper bounds of a score's histogram where the route names none: equal steps over its range, or, where that is not told
 * either, what the kind of score suggests.
 */
export function defaultBuckets(reduce: ScoreReduce, range: readonly [number, number] | undefined): number[] {
  if (range !== undefined) return equalSteps(range[0], range[1]);
  switch (reduce) {
    case "argmax":
      // Class numbers; a value equal to its bound is counted there.
      return Array.from({ length: steps }, (_, index) => index);
    case "entropy":
      // In nats: ln 2 = 0.7 for two classes, ln 1000 = 6.9 for a thousand.
      return [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7];
    case "element":
    case "max":
    case "margin":
    case "mean":
      // Most scores are probabilities; the coarse ends keep a logit or a price from vanishing into one bucket.
      return [-1000, -100, -10, -1, 0, ...equalSteps(0, 1), 10, 100, 1000, 10_000];
  }
}

function equalSteps(low: number, high: number): number[] {
  const width = (high - low) / steps;
  // Twelve digits hide the noise of binary fractions: 0.15, not 0.15000000000000002.
  return Array.from({ length: steps }, (_, index) => Number((low + (index + 1) * width).toPrecision(12)));
}
