/**
 * Routes that hold only as long as their service is heard: an experiment that nobody watches any more should end by itself.
 * What is over is the experiment, not the route: its champion answers everything.
 */
import type { RouteSpec, Snapshot } from "../model/route.ts";
import { slotCount } from "../model/slots.ts";

/** Names of the routes whose ttl is over once the service has not been heard for `silentMs`. */
export function expiredAfter(snapshot: Snapshot, silentMs: number): string[] {
  return snapshot.routes.filter(({ ttlMs }) => ttlMs !== undefined && silentMs >= ttlMs).map(({ name }) => name);
}

/** Undefined where no route has one. */
export function shortestTtlMs({ routes }: Snapshot): number | undefined {
  const ttls = routes.flatMap(({ ttlMs }) => ttlMs ?? []);
  return ttls.length === 0 ? undefined : Math.min(...ttls);
}

/** How long until the next route is over; undefined where none is to be. */
export function nextExpiryMs(snapshot: Snapshot, silentMs: number): number | undefined {
  const left = snapshot.routes.flatMap(({ ttlMs }) =>
    ttlMs !== undefined && ttlMs > silentMs ? [ttlMs - silentMs] : [],
  );
  return left.length === 0 ? undefined : Math.min(...left);
}

/** The snapshot with these routes left to their champions; itself where there are none. */
export function withoutExpired(snapshot: Snapshot, names: readonly string[]): Snapshot {
  if (names.length === 0) return snapshot;
  const over = new Set(names);
  const routes = snapshot.routes.map((route) => (over.has(route.name) ? championOnly(route) : route));
  // Equal versions mean equal contents.
  return Object.freeze({ ...snapshot, version: `${snapshot.version}+expired`, routes: Object.freeze(routes) });
}

function championOnly(route: RouteSpec): RouteSpec {
  const weights = Object.fromEntries(route.variants.map(({ name }) => [name, name === route.champion ? 100 : 0]));
  const whole = [{ from: 0, to: slotCount, variant: route.champion }];
  return Object.freeze({ ...route, weights, shadows: [], table: route.table === undefined ? undefined : whole });
}
