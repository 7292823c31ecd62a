/** Whether a variant can take its first user yet, and what the copies that warm it up may cost. */
import type { ShadowSpec } from "../model/route.ts";
import type { BoundRoute, BoundVariant } from "./generation.ts";

/**
 * Whether the champion answers in the place of a variant that has been drawn: while the variant's first connection is
 * being made, or its warm-up goes on.
 */
export function isCold(variant: BoundVariant, route: BoundRoute, nowMs: number): boolean {
  if (variant === route.champion) return false;
  if (variant.pool.fresh && route.champion.pool.ready) return true;
  return variant.warmup?.holds(nowMs) ?? false;
}

/**
 * The limits of a warm-up's copies: a shadow's, but for its timeout, as the first answers of a cold model are what it
 * is all about; few at once, as it answers slowly; and with credentials, as the calls that follow will have them.
 */
export function warmupCopies(variant: string): ShadowSpec {
  return {
    variant,
    percent: 100,
    maxPerSecond: undefined,
    timeoutMs: 30_000,
    maxInFlight: 8,
    maxBytes: 16_777_216,
    maxMessageBytes: 4_194_304,
    forwardAuthorization: true,
  };
}
