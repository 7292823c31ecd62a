/**
 * Why a key has the variant it has: what `contender why` prints.
 *
 * It asks the assigner that serves calls instead of working the answer out anew, so that an explanation can't drift from
 * what happens.
 */
import type { Chance } from "../base/chance.ts";
import { Assignment, type RouteAssigner } from "./route-assigner.ts";
import { countPlaces } from "./slot-table.ts";
import { normalise } from "./weights.ts";

export interface Explanation {
  readonly route: string;
  readonly assignment: "slots" | "md5-100";
  readonly salt: string;
  readonly champion: string;
  /** `no_key` where the key is none (absent, empty, or on the route's ignore list): its calls are drawn one by one. */
  readonly reason: "weight" | "no_key";
  /** The variant that answers this key; undefined without one. */
  readonly variant: string | undefined;
  /** The key's slot: 0..65535, with md5-100 0..99. */
  readonly slot: number | undefined;
  /** Share that each variant was given, 0..1, in the order of the document. */
  readonly weights: Readonly<Record<string, number>>;
  /** Share that each variant has in the table, which differs a little from the weights where the table was drawn. */
  readonly shares: Readonly<Record<string, number>>;
  /** Shadows that get a copy of this key's calls: those that sample it, where the champion answers it. */
  readonly shadows: readonly string[];
}

/** Explains one key, which is its bytes in Latin-1: what a person typed goes through `keyFromText` first. */
export function explain(assigner: RouteAssigner, key: string | undefined): Explanation {
  const { route, champion } = assigner;
  const known = key !== undefined && assigner.keyRules.accepts(key) ? key : undefined;
  const assignment = new Assignment();
  assigner.decide(assignment, known, undefined, undefined, unasked);
  const keyed = known !== undefined;
  return {
    route: route.name,
    assignment: route.assignment,
    salt: route.salt,
    champion: route.champion,
    reason: keyed ? "weight" : "no_key",
    variant: keyed ? route.variants[assignment.variant]?.name : undefined,
    slot: keyed ? assignment.slot : undefined,
    weights: weightsOf(assigner),
    shares: sharesOf(assigner),
    shadows: keyed && assignment.variant === champion ? shadowsOf(assigner, known) : [],
  };
}

/** What is drawn by chance is not told: it would be another the next time. */
const unasked: Chance = { next: () => 0 };

function weightsOf({ route }: RouteAssigner): Record<string, number> {
  const names = route.variants.map(({ name }) => name);
  const weights = normalise(names, route.weights);
  return Object.fromEntries(names.map((name, i) => [name, weights[i] ?? 0]));
}

function sharesOf({ route, places }: RouteAssigner): Record<string, number> {
  const counts = countPlaces(places, route.variants.length);
  return Object.fromEntries(route.variants.map(({ name }, i) => [name, (counts[i] ?? 0) / places.length]));
}

function shadowsOf({ route, shadows }: RouteAssigner, key: string): string[] {
  const draw = shadows.draw(key, unasked);
  return route.shadows.filter((_, i) => shadows.includes(i, draw)).map(({ variant }) => variant);
}
