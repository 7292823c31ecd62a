/**
 * Pauses between connection attempts: they grow, so that a dead address costs little, and differ, so that a fleet does
 * not come back all at once (gRPC's connection backoff, doc/connection-backoff.md, from which the defaults are).
 */
import type { Chance } from "../base/chance.ts";
import type { ResolvedTransportOptions } from "./options.ts";

export interface Backoff {
  /** Failed attempts in a row. */
  failures: number;
}

export function newBackoff(): Backoff {
  return { failures: 0 };
}

/** The pause before the next attempt, in milliseconds; counts the failure that made it necessary. */
export function nextPauseMs(backoff: Backoff, options: ResolvedTransportOptions, chance: Chance): number {
  const grown = options.backoffInitialMs * options.backoffFactor ** Math.min(backoff.failures, 100);
  backoff.failures++;
  const pause = Math.min(grown, options.backoffMaxMs);
  return pause * (1 + options.backoffJitter * (2 * chance.next() - 1));
}
