/**
 * Every kind of sidecar that routes tell apart.
 *
 * Rules that span routes hold for each sidecar by itself, and are asked for each kind. Two hundred routes by workload beside two hundred by
 * pod make forty thousand kinds, and a change asks for all of them: so labels are numbers here, and the routes of a kind are found by what
 * they want, not by going through all of them.
 */
import type { RouteSpec } from "../../model/route.ts";
import { isSubset, type Labels, wantedBy, widestLeftOut } from "./selection.ts";

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
  const index = new LabelIndex(routes);
  for (const place of index.toldApart()) {
    const fitting = index.fitting(place);
    const subsets = fitting.filter(({ spec }) => isSubset(spec));
    for (const inside of memberships(subsets)) {
      const getting =
        subsets.length === 0 ? fitting : fitting.filter((route) => !subsets.includes(route) || inside.includes(route));
      const chosen = getting.length < 2 ? getting : widestLeftOut(getting);
      const key = chosen.map((route) => numbers.get(route)).join();
      if (seen.has(key)) continue;
      seen.add(key);
      yield { labels: index.labels(place), within: inside.map(({ spec }) => spec.name), chosen };
    }
  }
}

/** Numbers of a namespace, a workload and a pod; 0 for none. */
type Place = readonly [namespace: number, workload: number, pod: number];

const names = ["namespace", "workload", "pod"] as const;

/** Routes by the labels that they want. */
class LabelIndex<Route extends { readonly spec: RouteSpec }> {
  readonly #values: readonly (readonly (string | undefined)[])[];
  /** Routes that want just these labels, with their places in the order of all. */
  readonly #wanting = new Map<number, { readonly place: Place; readonly routes: [number, Route][] }>();

  constructor(routes: readonly Route[]) {
    const wanted = routes.map(({ spec }) => wantedBy(spec));
    this.#values = names.map((name) => [...new Set([undefined, ...wanted.map((labels) => labels[name])])]);
    const numbers = this.#values.map((values) => new Map(values.map((value, number) => [value, number])));
    for (const [order, route] of routes.entries()) {
      const [namespace, workload, pod] = names.map((name, at) => numbers[at]?.get(wanted[order]?.[name]) ?? 0);
      const place: Place = [namespace ?? 0, workload ?? 0, pod ?? 0];
      const key = this.#key(...place);
      const known = this.#wanting.get(key);
      if (known === undefined) this.#wanting.set(key, { place, routes: [[order, route]] });
      else known.routes.push([order, route]);
    }
  }

  /** What any route wants, and what any two of them want together. */
  toldApart(): Iterable<Place> {
    const places = new Map<number, Place>();
    const add = (place: Place): void => void places.set(this.#key(...place), place);
    add([0, 0, 0]);
    const wanted = [...this.#wanting.values()];
    wanted.forEach(({ place: one }, order) => {
      add(one);
      for (let next = order + 1; next < wanted.length; next++) {
        const both = union(one, wanted[next]?.place ?? one);
        if (both !== undefined) add(both);
      }
    });
    return places.values();
  }

  /** Routes whose labels fit a sidecar that has these, in their order. */
  fitting([namespace, workload, pod]: Place): Route[] {
    const found: [number, Route][] = [];
    for (const n of namespace === 0 ? none : [0, namespace]) {
      for (const w of workload === 0 ? none : [0, workload]) {
        for (const p of pod === 0 ? none : [0, pod]) {
          const wanting = this.#wanting.get(this.#key(n, w, p));
          if (wanting !== undefined) found.push(...wanting.routes);
        }
      }
    }
    return found.sort(([a], [b]) => a - b).map(([, route]) => route);
  }

  labels([namespace, workload, pod]: Place): Labels {
    const [namespaces, workloads, pods] = this.#values;
    return { namespace: namespaces?.[namespace], workload: workloads?.[workload], pod: pods?.[pod] };
  }

  #key(namespace: number, workload: number, pod: number): number {
    const [, workloads, pods] = this.#values;
    return (namespace * (workloads?.length ?? 1) + workload) * (pods?.length ?? 1) + pod;
  }
}

const none = [0];

function union([n, w, p]: Place, [otherN, otherW, otherP]: Place): Place | undefined {
  if (n !== otherN && n !== 0 && otherN !== 0) return undefined;
  if (w !== otherW && w !== 0 && otherW !== 0) return undefined;
  if (p !== otherP && p !== 0 && otherP !== 0) return undefined;
  return [n || otherN, w || otherW, p || otherP];
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
