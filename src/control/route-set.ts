/**
 * The routes in force: read from records, judged together, immutable.
 *
 * Rules that span routes (a call fits one route, one is the default) hold for each sidecar by itself: two routes for the same model are
 * well where no sidecar gets both. So they are asked for every kind of sidecar that the routes' selectors tell apart.
 */
import type { Problem } from "../base/parsed.ts";
import { readTexts, type WrittenRoute } from "../config/files.ts";
import type { RouteDraft } from "../config/route-draft.ts";
import { assemble, type Candidate } from "../config/snapshot.ts";
import type { RouteSpec } from "../model/route.ts";
import type { SlotRange } from "../model/slots.ts";
import { type Author, type RouteRecord, type Runs, rangesOf } from "./records.ts";
import { kindsOf, select } from "./selection.ts";

/** Where each sidecar's own model server is: nothing is decided by it here. */
export const judgedAt = { local: "127.0.0.1:8500" };

export interface StoredRoute {
  readonly name: string;
  readonly revision: number;
  readonly author: Author;
  readonly text: string;
  readonly draft: RouteDraft;
  readonly spec: RouteSpec;
  readonly runs: Runs | null;
  readonly table: readonly SlotRange[] | undefined;
}

export interface RouteSet {
  /** Of the store. */
  readonly id: string;
  /** How many changes there were. */
  readonly revision: number;
  /** By name, in ascending order. */
  readonly routes: readonly StoredRoute[];
}

/** A record read back; what is in the store has passed every rule of a release that wrote it. */
export function storedRoute(name: string, record: RouteRecord): StoredRoute | readonly Problem[] {
  const { candidates, problems } = readTexts(
    "store",
    [{ name: `route ${JSON.stringify(name)}`, text: record.text }],
    judgedAt,
  );
  const [written] = candidates;
  if (written === undefined || problems.length > 0) return problems;
  if (written.route.name !== name) {
    return [
      { path: "metadata.name", message: `want ${JSON.stringify(name)}, got ${JSON.stringify(written.route.name)}` },
    ];
  }
  return storedOf(written, record);
}

export function storedOf({ route, draft }: WrittenRoute, record: RouteRecord): StoredRoute {
  const { revision, author, text, table } = record;
  const ranges = table === null ? undefined : rangesOf(table);
  return {
    name: route.name,
    revision,
    author,
    text,
    draft,
    spec: { ...route, table: ranges },
    runs: table,
    table: ranges,
  };
}

/** How a route is named in problems with others. */
export type Located = Pick<StoredRoute, "spec" | "draft"> & { readonly locate?: Candidate["locate"] | undefined };

/** What is wrong, or doubtful, with routes together. */
export function judgeTogether(routes: readonly Located[]): { problems: Problem[]; warnings: Problem[] } {
  const problems = new Map<string, Problem>();
  const warnings = new Map<string, Problem>();
  for (const { labels, within } of kindsOf(routes.map(({ spec }) => spec))) {
    const seen = within
      ? routes
      : routes.filter(({ spec: { selector } }) => selector?.first === undefined && selector?.percent === undefined);
    const everyone = seen.map((route) => ({ ...route, spec: withoutSubset(route.spec), route }));
    const chosen = select(everyone, labels, "", () => true).map(({ route }) => candidateOf(route));
    if (chosen.length === 0) continue;
    const judged = assemble("control", chosen, [], []);
    for (const problem of judged.ok ? [] : judged.problems) problems.set(JSON.stringify(problem), problem);
    for (const warning of judged.warnings) warnings.set(JSON.stringify(warning), warning);
  }
  return { problems: [...problems.values()], warnings: [...warnings.values()] };
}

/** A subset counts as narrower than any label, and here everybody is within it. */
function withoutSubset(spec: RouteSpec): RouteSpec {
  const { selector } = spec;
  if (selector?.first === undefined && selector?.percent === undefined) return spec;
  return { ...spec, selector: { ...selector, first: undefined, percent: 100 } };
}

function candidateOf({ spec, draft, locate }: Located): Candidate {
  const where = `route ${JSON.stringify(spec.name)}`;
  return {
    route: spec,
    default: draft.default,
    comparable: true,
    locate: locate ?? ((path, message) => ({ path: path.join("."), message, where })),
  };
}
