/**
 * Which routes a sidecar gets.
 *
 * A route is for sidecars with all the labels that its selector names, and of its own namespace where it has one. Of those, `percent`
 * takes the ones whose own number, drawn from route and instance, is small enough: nobody has to know the others for it, and a
 * smaller share lies within a larger one. `first` takes those with the smallest numbers among the sidecars that there are. Both
 * keep their order as sidecars come and go, and another route has another order, so that not the same pods go first each time.
 */
import { murmur3Text } from "../../base/hash.ts";
import { overlap } from "../../config/snapshot.ts";
import type { RouteSpec } from "../../model/route.ts";

/** What is known of a sidecar: by its certificate or token, or by its own word where nobody has to show one. */
export interface Labels {
  readonly namespace: string | undefined;
  readonly workload: string | undefined;
  readonly pod: string | undefined;
}

/** Whether a sidecar is among the `first` of a route: who knows the fleet says so. */
export type AmongFirst = (route: RouteSpec) => boolean;

/** Labels that a route asks for; those that it does not ask for are not there. */
export function wantedBy({ namespace, selector }: RouteSpec): Labels {
  return { namespace: selector?.namespace ?? namespace, workload: selector?.workload, pod: selector?.pod };
}

/** Whether a route's labels fit, whatever subset it asks for. */
export function fits(spec: RouteSpec, labels: Labels): boolean {
  const wanted = wantedBy(spec);
  return (["namespace", "workload", "pod"] as const).every(
    (label) => wanted[label] === undefined || wanted[label] === labels[label],
  );
}

/**
 * What has a place in the order of routes: a pod, which outlives restarts of its processes and whose name is its namespace's own, or the
 * process where no pod is known. Nobody's text is another's.
 */
export function placeHolder({ namespace, pod }: Labels, instance: string): string {
  return JSON.stringify(pod === undefined ? [instance] : [namespace ?? null, pod]);
}

/** Place of a sidecar in a route's order, 0 up to 1. */
export function place(route: RouteSpec, labels: Labels, instance: string): number {
  return murmur3Text(`${route.name}/${placeHolder(labels, instance)}`, 0) / 2 ** 32;
}

/** Whether a route is for a sidecar: by its labels, and by the subset that it asks for. */
export function within(spec: RouteSpec, labels: Labels, instance: string, amongFirst: AmongFirst): boolean {
  if (!fits(spec, labels)) return false;
  const { first, percent } = spec.selector ?? {};
  if (first !== undefined) return amongFirst(spec);
  return percent === undefined || place(spec, labels, instance) < percent / 100;
}

/** Routes for a sidecar: those that fit, without those that a narrower one takes the place of. */
export function select<Route extends { readonly spec: RouteSpec }>(
  routes: readonly Route[],
  labels: Labels,
  instance: string,
  amongFirst: AmongFirst,
): Route[] {
  return widestLeftOut(routes.filter(({ spec }) => within(spec, labels, instance, amongFirst)));
}

/** Of routes for the same sidecar, without those whose place a narrower one takes. */
export function widestLeftOut<Route extends { readonly spec: RouteSpec }>(fitting: readonly Route[]): Route[] {
  return fitting.filter(({ spec }) => !fitting.some((other) => takesPlace(other.spec, spec)));
}

/** How much a route says of whom it is for. A subset is narrower than any label. */
export function narrowness(spec: RouteSpec): number {
  const { namespace, selector } = spec;
  return (
    (isSubset(spec) ? 8 : 0) +
    (selector?.pod !== undefined ? 4 : 0) +
    (selector?.workload !== undefined ? 2 : 0) +
    ((selector?.namespace ?? namespace) !== undefined ? 1 : 0)
  );
}

/** Whether a route is for some of the sidecars only that its labels fit. */
export const isSubset = ({ selector }: RouteSpec): boolean =>
  selector?.first !== undefined || selector?.percent !== undefined;

/** Where both are for a sidecar and would take the same calls, the narrower one counts, and the other is left out whole. */
function takesPlace(narrow: RouteSpec, wide: RouteSpec): boolean {
  return narrowness(narrow) > narrowness(wide) && overlap(narrow, wide) !== undefined;
}
