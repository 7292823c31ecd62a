/**
 * Which routes a sidecar gets.
 *
 * A route is for sidecars with all the labels that its selector names, and of its own namespace where it has one. Of those, `percent`
 * takes the ones whose own number, drawn from route and instance, is small enough: nobody has to know the others for it, and a
 * smaller share lies within a larger one. `first` takes those with the smallest numbers among the sidecars that there are. Both
 * keep their order as sidecars come and go, and another route has another order, so that not the same pods go first each time.
 */
import { murmur3Text } from "../base/hash.ts";
import { overlap } from "../config/snapshot.ts";
import type { RouteSpec } from "../model/route.ts";

/** What is known of a sidecar: by its certificate or token, or by its own word where nobody has to show one. */
export interface Labels {
  readonly namespace: string | undefined;
  readonly workload: string | undefined;
  readonly pod: string | undefined;
}

/** Whether a sidecar is among the `first` of a route: who knows the fleet says so. */
export type AmongFirst = (route: RouteSpec) => boolean;

/** Whether a route's labels fit, whatever subset it asks for. */
export function fits({ namespace, selector }: RouteSpec, labels: Labels): boolean {
  const wanted = { namespace: selector?.namespace ?? namespace, workload: selector?.workload, pod: selector?.pod };
  return (["namespace", "workload", "pod"] as const).every(
    (label) => wanted[label] === undefined || wanted[label] === labels[label],
  );
}

/** Place of a sidecar in a route's order, 0 up to 1: by its pod, which outlives restarts, or else by its instance. */
export function place(route: RouteSpec, { pod }: Labels, instance: string): number {
  return murmur3Text(`${route.name}/${pod ?? instance}`, 0) / 2 ** 32;
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
  const fitting = routes.filter(({ spec }) => within(spec, labels, instance, amongFirst));
  return fitting.filter(({ spec }) => !fitting.some((other) => takesPlace(other.spec, spec)));
}

/** How much a route says of whom it is for. A subset is narrower than any label. */
export function narrowness({ namespace, selector }: RouteSpec): number {
  const subset = selector?.first !== undefined || selector?.percent !== undefined;
  return (
    (subset ? 8 : 0) +
    (selector?.pod !== undefined ? 4 : 0) +
    (selector?.workload !== undefined ? 2 : 0) +
    ((selector?.namespace ?? namespace) !== undefined ? 1 : 0)
  );
}

/** Where both are for a sidecar and would take the same calls, the narrower one counts, and the other is left out whole. */
function takesPlace(narrow: RouteSpec, wide: RouteSpec): boolean {
  return narrowness(narrow) > narrowness(wide) && overlap(narrow, wide) !== undefined;
}

/** Every kind of sidecar that routes tell apart: labels, and whether they are within the subsets. */
export function kindsOf(routes: readonly RouteSpec[]): { readonly labels: Labels; readonly within: boolean }[] {
  const wanted = routes.map(({ namespace, selector }) => ({
    namespace: selector?.namespace ?? namespace,
    workload: selector?.workload,
    pod: selector?.pod,
  }));
  const kinds = new Map<string, Labels>();
  const add = (labels: Labels): void => void kinds.set(JSON.stringify(labels), labels);
  add({ namespace: undefined, workload: undefined, pod: undefined });
  for (const one of wanted) {
    add(one);
    for (const other of wanted) {
      const both = union(one, other);
      if (both !== undefined) add(both);
    }
  }
  const subsets = routes.some(({ selector }) => selector?.first !== undefined || selector?.percent !== undefined);
  return [...kinds.values()].flatMap((labels) =>
    (subsets ? [true, false] : [false]).map((within) => ({ labels, within })),
  );
}

function union(a: Labels, b: Labels): Labels | undefined {
  for (const label of ["namespace", "workload", "pod"] as const) {
    if (a[label] !== undefined && b[label] !== undefined && a[label] !== b[label]) return undefined;
  }
  return { namespace: a.namespace ?? b.namespace, workload: a.workload ?? b.workload, pod: a.pod ?? b.pod };
}
