/**
 * Sidecars that a route is withheld from, since they lack what it needs.
 *
 * It is judged by what sidecars can do and by the routes as they would be, and not by what they were sent: so a dry run tells the same as
 * the change, and both tell all of them, however many there are.
 */
import { capabilitiesOf } from "../../api/capabilities.ts";
import type { SidecarInfo } from "../fleet/fleet.ts";
import { Choices, viewerOf } from "../watch/choices.ts";
import { type PlannedRoute, routesAfter } from "./planned-change.ts";
import type { RouteSet } from "./route-set.ts";
import type { AmongFirst } from "./selection.ts";

export interface WithheldFrom {
  readonly count: number;
  /** The first of them by name. */
  readonly named: readonly string[];
}

/** Of those that are named: `contender fleet --route` has the others. */
const mostNamed = 20;

/**
 * By the names of planned routes; a route that is withheld from nobody is not there.
 *
 * @param set the routes before the change
 * @param sidecars that whoever asks may see
 */
export function withheldFrom(
  set: RouteSet,
  planned: readonly PlannedRoute[],
  sidecars: () => Iterable<SidecarInfo>,
  amongFirst: (sidecar: SidecarInfo) => AmongFirst,
): ReadonlyMap<string, WithheldFrom> {
  const needs = new Map(
    planned.flatMap(({ name, after }) => (after === undefined ? [] : [[name, capabilitiesOf(after.draft)] as const])),
  );
  const needed = new Set([...needs.values()].flat());
  if (needed.size === 0) return new Map();
  const choices = new Choices({ routes: routesAfter(set, planned) });
  const lacking = new Map<string, string[]>();
  for (const sidecar of sidecars()) {
    const { state, labels, instance, capabilities, withheld: before } = sidecar;
    if (state === "gone") continue;
    const viewer = viewerOf(labels, instance, capabilities ?? []);
    if (capabilities !== undefined && [...needed].every((name) => viewer.capabilities.has(name))) continue;
    // What another replica does not tell of one is known by what it was not sent.
    const withheld = capabilities === undefined ? before : choices.of(viewer, amongFirst(sidecar)).withheld;
    for (const { route } of withheld) {
      if (!needs.has(route)) continue;
      const names = lacking.get(route) ?? [];
      if (names.push(labels.pod ?? instance) === 1) lacking.set(route, names);
    }
  }
  return new Map(
    Array.from(lacking, ([route, names]) => [route, { count: names.length, named: names.sort().slice(0, mostNamed) }]),
  );
}
