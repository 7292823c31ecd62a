/**
 * Which breakers a configuration needs: one for each insured challenger, each shadow and each variant to be warmed up.
 *
 * Said in one place, since two ask: whoever binds a generation, and whoever keeps the breakers for several workers.
 */
import { longestDurationMs } from "../base/duration.ts";
import type { RouteSpec, ShadowSpec, Snapshot } from "../model/route.ts";
import type { CopyTraffic } from "../proxy/generation.ts";
import { warmupCopies } from "../proxy/warmth.ts";
import type { BreakerOptions } from "../resilience/breaker.ts";

export interface BreakerNeed {
  /** Equal for equal labels and options: a breaker outlives configurations under it. */
  readonly key: string;
  readonly labels: readonly [route: string, variant: string, traffic: string];
  readonly options: BreakerOptions;
}

/** Of live calls to a variant; undefined where nobody would step in for it. */
export function liveBreaker(route: RouteSpec, variant: string, options: BreakerOptions): BreakerNeed | undefined {
  const insured = route.variants.some(({ name, onFailure }) => name === variant && onFailure === "champion");
  return insured && variant !== route.champion ? need(route, variant, "live", options) : undefined;
}

/** Of copies. A probe must outlast the copies' own deadline, which ends it. */
export function copyBreaker(
  route: RouteSpec,
  copies: ShadowSpec,
  traffic: CopyTraffic,
  options: BreakerOptions,
): BreakerNeed {
  const wantedMs = Math.max(options.probeTimeoutMs ?? 0, copies.timeoutMs * 2, 1_000);
  const probeTimeoutMs = Math.min(wantedMs, longestDurationMs);
  return need(route, copies.variant, traffic, { ...options, probeTimeoutMs });
}

export function breakersOf({ routes }: Snapshot, options: BreakerOptions): BreakerNeed[] {
  return routes.flatMap((route) => [
    ...route.variants.flatMap(({ name }) => liveBreaker(route, name, options) ?? []),
    ...route.shadows.map((shadow) => copyBreaker(route, shadow, "shadow", options)),
    ...warmedUp(route).map((variant) => copyBreaker(route, warmupCopies(variant), "warmup", options)),
  ]);
}

/** Variants that copies of their own may warm up: whether they still do is known to whoever counts the answers. */
function warmedUp({ champion, shadows, variants }: RouteSpec): string[] {
  const copied = new Set([champion, ...shadows.map(({ variant }) => variant)]);
  return variants.filter(({ name, warmup }) => warmup !== undefined && !copied.has(name)).map(({ name }) => name);
}

function need({ name }: RouteSpec, variant: string, traffic: string, options: BreakerOptions): BreakerNeed {
  const labels = [name, variant, traffic] as const;
  return { key: JSON.stringify([...labels, options.probeTimeoutMs]), labels, options };
}
