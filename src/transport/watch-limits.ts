/** What a connection's watch goes by, on either side, made of the options. */
import type { Chance } from "../base/chance.ts";
import type { WatchLimits } from "./link-watch.ts";
import type { ResolvedTransportOptions } from "./options.ts";

/** Part of an age that is left to chance, up and down: what began together must not end together (gRPC proposal A9). */
const ageJitter = 0.1;

export function callerLimits(options: ResolvedTransportOptions, chance: Chance): WatchLimits {
  return {
    keepaliveMs: options.callerKeepaliveMs,
    keepaliveTimeoutMs: options.keepaliveTimeoutMs,
    pingsIdle: true,
    streamIdleMs: options.streamIdleMs,
    maxAgeMs: jittered(options.callerMaxAgeMs, chance),
    idleMs: options.callerIdleMs,
    graceMs: options.callerAgeGraceMs,
  };
}

/** @param keepaliveMs what this upstream has been found to tolerate. */
export function upstreamLimits(options: ResolvedTransportOptions, chance: Chance, keepaliveMs: number): WatchLimits {
  return {
    keepaliveMs,
    keepaliveTimeoutMs: options.keepaliveTimeoutMs,
    pingsIdle: false,
    streamIdleMs: options.streamIdleMs,
    maxAgeMs: jittered(options.upstreamMaxAgeMs, chance),
    idleMs: 0,
    graceMs: 0,
  };
}

function jittered(ageMs: number, chance: Chance): number {
  return ageMs === 0 ? 0 : ageMs * (1 + ageJitter * (2 * chance.next() - 1));
}
