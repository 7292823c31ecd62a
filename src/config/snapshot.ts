/**
 * Several routes to one snapshot: the rules that span routes, and the version that names the result.
 */
import { createHash } from "node:crypto";
import type { Parsed, Problem } from "../base/parsed.ts";
import { dialectOfService } from "../model/dialect-services.ts";
import type { RouteSpec, Snapshot } from "../model/route.ts";

/** A snapshot or every problem, and in both cases what is legal but doubtful. */
export type Loaded = Parsed<Snapshot> & { readonly warnings: readonly Problem[] };

/** Turns a path within one route into a problem that says where. */
export type Locate = (path: readonly (string | number)[], message: string) => Problem;

/** Of routes in one sentence. */
const mostNamed = 8;

export interface Candidate {
  readonly route: RouteSpec;
  readonly locate: Locate;
  /** What the document says of itself; undefined where it is silent. */
  readonly default: boolean | undefined;
  /** Whether name, match and default could be read: what can't be trusted is not compared with others. */
  readonly comparable: boolean;
}

/** Applies the rules that span routes to `candidates`, beside what was already found, and names the result. */
export function assemble(
  source: string,
  candidates: readonly Candidate[],
  found: readonly Problem[],
  doubts: readonly Problem[],
): Loaded {
  const problems = [...found];
  const warnings = [...doubts];
  judgeSpan(candidates, problems, warnings);
  if (problems.length > 0) return { ok: false, problems, warnings };
  const routes = candidates.map(({ route }) => freeze({ ...route, default: route.default || candidates.length === 1 }));
  return { ok: true, value: freeze({ version: versionOf(routes), source, routes }), warnings };
}

/** Applies the rules that span routes, and nothing else: for who asks of thousands of sets of routes whether each is well. */
export function judgeSpan(candidates: readonly Candidate[], problems: Problem[], warnings: Problem[]): void {
  reportTwins(candidates, problems);
  if (!candidates.every(({ comparable }) => comparable)) return;
  reportOverlaps(candidates, problems);
  reportDefaults(candidates, problems, warnings);
}

/** Twelve hex digits of the routes' contents: comments, order of keys and names of files make no difference. */
export function versionOf(routes: readonly RouteSpec[]): string {
  return createHash("sha256").update(JSON.stringify(routes)).digest("hex").slice(0, 12);
}

function reportTwins(candidates: readonly Candidate[], problems: Problem[]): void {
  candidates.forEach(({ route, locate }, index) => {
    const first = candidates.findIndex((other) => other.route.name === route.name);
    if (route.name === "" || first === index) return;
    problems.push(locate(["metadata", "name"], `two routes are named ${JSON.stringify(route.name)}`));
  });
}

/**
 * Two routes that would both take the same call. One that names models or services goes before one that takes any, so
 * only equals are in each other's way.
 */
function reportOverlaps(candidates: readonly Candidate[], problems: Problem[]): void {
  candidates.forEach(({ route, locate }, index) => {
    for (const { route: other } of candidates.slice(0, index)) {
      const shared = overlap(route, other);
      if (shared === undefined) continue;
      const both = `the routes ${namesOf([other, route])} both match ${shared}`;
      const what = shared.startsWith("every")
        ? `write in one of them which models it is for, such as match: { models: [${JSON.stringify(route.name)}] }`
        : "name it in one of them alone";
      problems.push(locate(["spec", "match"], `${both}, and a call fits one route: ${what}`));
    }
  });
}

/** What both routes would take, in words; undefined where no call is both routes'. */
export function overlap({ match: a }: RouteSpec, { match: b }: RouteSpec): string | undefined {
  const services = common(a.services, b.services);
  const whole = services?.find((service) => dialectOfService(service) === undefined);
  if (whole !== undefined) return `the service ${whole}`;
  if (a.dialect !== undefined && b.dialect !== undefined && a.dialect !== b.dialect) return undefined;
  const models = common(a.models, b.models);
  if (services === undefined || models === undefined) return undefined;
  if (models.length > 0) return `the model ${JSON.stringify(models[0])}`;
  return services.length > 0 ? `the service ${services[0]}` : "every model";
}

/** What two lists share; empty where both mean "any"; undefined where they can't meet, or the narrower goes first. */
function common(a: readonly string[], b: readonly string[]): readonly string[] | undefined {
  if (a.length === 0 && b.length === 0) return [];
  if (a.length === 0 || b.length === 0) return undefined;
  const [few, many] = a.length < b.length ? [a, b] : [b, a];
  const theirs = setOf(many);
  const shared = few.filter((name) => theirs.has(name));
  return shared.length > 0 ? shared : undefined;
}

/** Lists of a route stay as they are, and each route is held against each other one. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

function setOf(list: readonly string[]): ReadonlySet<string> {
  const known = sets.get(list);
  if (known !== undefined) return known;
  const made = new Set(list);
  sets.set(list, made);
  return made;
}

function reportDefaults(candidates: readonly Candidate[], problems: Problem[], warnings: Problem[]): void {
  const [only, ...others] = candidates;
  if (only === undefined) return;
  if (others.length === 0) {
    if (only.default === false)
      warnings.push(only.locate(["spec", "default"], "a lone route is the default all the same"));
    return;
  }
  const marked = candidates.filter(({ route }) => route.default);
  const [first, ...more] = marked;
  for (const { locate, route } of more) {
    const message = `the routes ${namesOf([(first ?? only).route, route])} are both the default: write "default: true" in one of them alone`;
    problems.push(locate(["spec", "default"], message));
  }
  if (first === undefined) {
    const names = namesOf(candidates.map(({ route }) => route));
    const message = `none of the routes ${names} is the default: write "default: true" under "spec" of the one whose champion takes health, reflection and unknown models`;
    problems.push(only.locate(["spec", "default"], message));
  }
}

/** `"a", "b" and "c"`; of very many as many as a line holds. */
function namesOf(routes: readonly RouteSpec[]): string {
  const names = routes.slice(0, mostNamed).map(({ name }) => JSON.stringify(name));
  const last = routes.length > mostNamed ? `${routes.length - mostNamed} more` : names.pop();
  return names.length === 0 ? String(last) : `${names.join(", ")} and ${last}`;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
