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
function widestLeftOut<Route extends { readonly spec: RouteSpec }>(fitting: readonly Route[]): Route[] {
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

/** A kind of sidecar that routes tell apart, and the routes that are for it. */
export interface Kind<Route> {
  readonly labels: Labels;
  /** Names of the routes in whose subset it is. */
  readonly within: readonly string[];
  readonly chosen: readonly Route[];
}

/**
 * Every kind of sidecar that routes tell apart, by labels and by the subsets it is in, with its routes. A set of routes comes once,
 * with the first kind that gets it, the plainest.
 */
export function* kindsOf<Route extends { readonly spec: RouteSpec }>(routes: readonly Route[]): Iterable<Kind<Route>> {
  const seen = new Set<string>();
  const numbers = new Map(routes.map((route, index) => [route, index]));
  for (const labels of labelsToldApart(routes)) {
    const fitting = routes.filter(({ spec }) => fits(spec, labels));
    const subsets = fitting.filter(({ spec }) => isSubset(spec));
    for (const inside of memberships(subsets)) {
      const getting = fitting.filter((route) => !subsets.includes(route) || inside.includes(route));
      const chosen = widestLeftOut(getting);
      const key = chosen.map((route) => numbers.get(route)).join();
      if (seen.has(key)) continue;
      seen.add(key);
      yield { labels, within: inside.map(({ spec }) => spec.name), chosen };
    }
  }
}

function labelsToldApart(routes: readonly { readonly spec: RouteSpec }[]): Iterable<Labels> {
  const wanted = new Map<string, Labels>();
  for (const { spec } of routes) {
    const { namespace, selector } = spec;
    const labels = {
      namespace: selector?.namespace ?? namespace,
      workload: selector?.workload,
      pod: selector?.pod,
    };
    wanted.set(JSON.stringify(labels), labels);
  }
  const kinds = new Map<string, Labels>();
  const add = (labels: Labels): void => void kinds.set(JSON.stringify(labels), labels);
  add({ namespace: undefined, workload: undefined, pod: undefined });
  for (const one of wanted.values()) {
    add(one);
    for (const other of wanted.values()) {
      const both = union(one, other);
      if (both !== undefined) add(both);
    }
  }
  return kinds.values();
}

/** More subsets for the same sidecars than these are not judged in every combination of them. */
const mostCombined = 6;

/**
 * The subsets that a sidecar may be in at once. Each route draws its own, so that any combination has its sidecars. Of many, two of them
 * find all that are in each other's way.
 */
function memberships<Route extends { readonly spec: RouteSpec }>(subsets: readonly Route[]): Route[][] {
  if (subsets.length <= mostCombined) {
    return Array.from({ length: 2 ** subsets.length }, (_, bits) => subsets.filter((_, bit) => (bits >> bit) & 1));
  }
  const pairs = subsets.flatMap((one, index) => subsets.slice(index + 1).map((other) => [one, other]));
  const silent = subsets.filter(({ spec }) => !spec.default);
  return [[], ...subsets.map((one) => [one]), ...pairs, silent, [...subsets]];
}

function union(a: Labels, b: Labels): Labels | undefined {
  for (const label of ["namespace", "workload", "pod"] as const) {
    if (a[label] !== undefined && b[label] !== undefined && a[label] !== b[label]) return undefined;
  }
  return { namespace: a.namespace ?? b.namespace, workload: a.workload ?? b.workload, pod: a.pod ?? b.pod };
}
