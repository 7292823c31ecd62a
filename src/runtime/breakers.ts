/**
 * Which breakers a configuration needs: one for each insured challenger and one for each shadow.
 *
 * Said in one place, since two ask: whoever binds a generation, and whoever keeps the breakers for several workers.
 */
import type { RouteSpec, ShadowSpec, Snapshot } from "../model/route.ts";
import type { BreakerOptions } from "../resilience/breaker.ts";

export interface BreakerNeed {
  /** Equal for equal labels: a breaker outlives configurations under it. */
  readonly key: string;
  readonly labels: readonly [route: string, variant: string, traffic: string];
  readonly options: BreakerOptions;
}

/** Of live calls to a variant; undefined where nobody would step in for it. */
export function liveBreaker(route: RouteSpec, variant: string, options: BreakerOptions): BreakerNeed | undefined {
  const insured = route.variants.some(({ name, onFailure }) => name === variant && onFailure === "champion");
  return insured && variant !== route.champion ? need(route, variant, "live", options) : undefined;
}

/** Of a shadow's copies. A probe must outlast the shadow's own deadline, which ends it. */
export function shadowBreaker(route: RouteSpec, shadow: ShadowSpec, options: BreakerOptions): BreakerNeed {
  const probeTimeoutMs = Math.max(options.probeTimeoutMs ?? 0, shadow.timeoutMs * 2, 1_000);
  return need(route, shadow.variant, "shadow", { ...options, probeTimeoutMs });
}

export function breakersOf({ routes }: Snapshot, options: BreakerOptions): BreakerNeed[] {
  return routes.flatMap((route) => [
    ...route.variants.flatMap(({ name }) => liveBreaker(route, name, options) ?? []),
    ...route.shadows.map((shadow) => shadowBreaker(route, shadow, options)),
  ]);
}

function need({ name }: RouteSpec, variant: string, traffic: string, options: BreakerOptions): BreakerNeed {
  const labels = [name, variant, traffic] as const;
  return { key: JSON.stringify(labels), labels, options };
}
