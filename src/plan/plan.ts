/**
 * Snapshot to plan: which route a path belongs to, found by one look-up per call.
 *
 * Paths that no dialect knows are looked up by their service, and never remembered: callers choose them.
 */
import type { Parsed, Problem } from "../base/parsed.ts";
import { dialectOfService } from "../model/dialect-services.ts";
import type { RouteSpec, Snapshot } from "../model/route.ts";
import type { Dialect, Method } from "../protocol/dialect.ts";
import { dialects } from "../protocol/index.ts";
import { planRoute, type RoutePlan } from "./route-plan.ts";

/** What to do with calls of one path. */
export interface MethodPlan {
  /** Undefined for a method that no dialect knows. */
  readonly method: Method | undefined;
  readonly dialect: Dialect | undefined;
  /** The route, where it doesn't depend on the model; with `byModel`, the one for every other model. */
  readonly route: RoutePlan | undefined;
  /** Routes by the model that the request names. */
  readonly byModel: ReadonlyMap<string, RoutePlan> | undefined;
}

export interface Plan {
  readonly snapshot: Snapshot;
  readonly routes: readonly RoutePlan[];
  /** Its champion takes everything that is nobody else's. */
  readonly fallback: RoutePlan;
  methodPlan(path: string): MethodPlan;
}

/** Compiles a checked snapshot. @returns every problem, with its path. */
export function planSnapshot(snapshot: Snapshot): Parsed<Plan> {
  const problems: Problem[] = [];
  const routes: RoutePlan[] = [];
  for (const spec of snapshot.routes) {
    const route = planRoute(spec);
    if (route.ok) routes.push(route.value);
    else problems.push(...route.problems.map((p) => ({ path: `${spec.name}.${p.path}`, message: p.message })));
  }
  const fallback = routes.find(({ spec }) => spec.default) ?? routes[0];
  if (snapshot.routes.length === 0) problems.push({ path: "routes", message: "want at least one route" });
  if (problems.length > 0 || fallback === undefined) return { ok: false, problems };
  return { ok: true, value: compile(snapshot, routes, fallback) };
}

function compile(snapshot: Snapshot, routes: readonly RoutePlan[], fallback: RoutePlan): Plan {
  const known = new Map<string, MethodPlan>();
  for (const dialect of Object.values(dialects)) {
    for (const method of dialect.methods) known.set(method.path, planMethod(dialect, method, routes));
  }
  const byService = new Map<string, MethodPlan>();
  for (const route of routes) {
    for (const service of route.spec.match.services) {
      // Methods that we don't know of a dialect's own service are no predictions either.
      if (dialectOfService(service) !== undefined) continue;
      byService.set(service, { method: undefined, dialect: undefined, route, byModel: undefined });
    }
  }
  const unknown: MethodPlan = { method: undefined, dialect: undefined, route: undefined, byModel: undefined };
  return {
    snapshot,
    routes,
    fallback,
    methodPlan: (path) => known.get(path) ?? byService.get(serviceOf(path)) ?? unknown,
  };
}

function planMethod(dialect: Dialect, method: Method, routes: readonly RoutePlan[]): MethodPlan {
  const matching = method.kind === "predict" ? routes.filter(({ spec }) => matches(spec, dialect, method)) : [];
  matching.sort((a, b) => narrowness(b.spec) - narrowness(a.spec));
  const byModel = new Map<string, RoutePlan>();
  let route: RoutePlan | undefined;
  for (const each of matching) {
    for (const model of each.spec.match.models) if (!byModel.has(model)) byModel.set(model, each);
    if (each.spec.match.models.length === 0) route ??= each;
  }
  return { method, dialect, route, byModel: byModel.size > 0 ? byModel : undefined };
}

/** Of two routes that match a call, the one that says more of it: its service, then its dialect. */
function narrowness({ match }: RouteSpec): number {
  return (match.services.length > 0 ? 2 : 0) + (match.dialect === undefined ? 0 : 1);
}

function matches(spec: RouteSpec, dialect: Dialect, method: Method): boolean {
  const { match } = spec;
  if (match.dialect !== undefined && match.dialect !== dialect.name) return false;
  return match.services.length === 0 || match.services.includes(serviceOf(method.path));
}

/** `pkg.Service` of `/pkg.Service/Method`; empty for a path that is not of this shape. */
export function serviceOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash > 1 ? path.slice(1, slash) : "";
}
