/**
 * Sidecars that a change leaves without any route.
 *
 * They lose nothing, since a sidecar goes on with what it had; but no later change of any route reaches them, which is seldom what a
 * narrower selector or a removal was meant for. So it is told with the change, and before it by a dry run.
 */
import type { Problem } from "../../base/parsed.ts";
import type { SidecarInfo } from "../fleet/fleet.ts";
import { type PlannedRoute, routesAfter } from "./planned-change.ts";
import type { RouteSet, StoredRoute } from "./route-set.ts";
import { type AmongFirst, within } from "./selection.ts";

/** Of those that are named: the fleet view has the others. */
const mostNamed = 5;

/**
 * What is to be told of a planned change, by the names of its routes.
 *
 * @param set the routes before it
 * @param sidecars that whoever asks may see
 */
export function leftOut(
  set: RouteSet,
  planned: readonly PlannedRoute[],
  sidecars: () => Iterable<SidecarInfo>,
  amongFirst: (sidecar: SidecarInfo) => AmongFirst,
): ReadonlyMap<string, Problem> {
  const told = new Map<string, Problem>();
  const narrowed = planned.filter(({ before, after }) => before !== undefined && !sameSidecars(before, after));
  if (narrowed.length === 0) return told;
  const after = routesAfter(set, planned);
  const has = (routes: readonly StoredRoute[], sidecar: SidecarInfo): boolean =>
    routes.some(({ spec }) => within(spec, sidecar.labels, sidecar.instance, amongFirst(sidecar)));
  const without = [...sidecars()].filter((sidecar) => sidecar.state !== "gone" && !has(after, sidecar));
  for (const { name, before } of narrowed) {
    const left = without.filter((sidecar) => before !== undefined && has([before], sidecar));
    if (left.length > 0) told.set(name, { path: "", message: sentence(left), where: `route ${JSON.stringify(name)}` });
  }
  return told;
}

function sameSidecars(before: StoredRoute, after: StoredRoute | undefined): boolean {
  const whom = ({ spec: { namespace, selector } }: StoredRoute): string => JSON.stringify([namespace, selector]);
  return after !== undefined && whom(before) === whom(after);
}

function sentence(left: readonly SidecarInfo[]): string {
  const names = left.slice(0, mostNamed).map(({ labels, instance }) => labels.pod ?? instance);
  const more = left.length > names.length ? ` and ${left.length - names.length} more` : "";
  const who = left.length === 1 ? "1 sidecar has" : `${left.length} sidecars have`;
  return `${who} no route any more and will go on with the last ("unrouted" in the fleet): ${names.join(", ")}${more}`;
}
