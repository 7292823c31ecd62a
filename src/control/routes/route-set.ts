/**
 * The routes in force: read from records, judged together, immutable.
 *
 * Rules that span routes (a call fits one route, one is the default) hold for each sidecar by itself: two routes for the same model are
 * well where no sidecar gets both. So they are asked for every kind of sidecar that the routes' selectors tell apart.
 */
import type { Problem } from "../../base/parsed.ts";
import { readTexts, type WrittenRoute } from "../../config/files.ts";
import type { RouteDraft } from "../../config/route-draft.ts";
import { type Candidate, judgeSpan } from "../../config/snapshot.ts";
import type { RouteSpec } from "../../model/route.ts";
import type { SlotRange } from "../../model/slots.ts";
import { type Kind, kindsOf } from "./kinds.ts";
import { type Author, type RouteRecord, type Runs, rangesOf } from "./records.ts";

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

/** What is wrong with routes together: each problem once, with a kind of sidecar that has it where not every one does. */
export function judgeTogether(routes: readonly Located[]): Problem[] {
  const problems = new Map<string, Problem>();
  const candidates = new Map(routes.map((route) => [route, candidateOf(route)]));
  for (const kind of kindsOf(routes)) {
    if (kind.chosen.length < 2) continue;
    const judged: Problem[] = [];
    judgeSpan(
      kind.chosen.map((route) => candidates.get(route) ?? candidateOf(route)),
      judged,
      [],
    );
    const who = judged.length === 0 ? "" : whoIs(kind);
    for (const problem of judged) {
      const key = JSON.stringify(problem);
      if (!problems.has(key)) problems.set(key, { ...problem, message: `${problem.message}${who}` });
    }
  }
  return [...problems.values()];
}

/** Which sidecars have a problem; empty for those that no route tells from others. */
function whoIs({ labels, within }: Kind<unknown>): string {
  const named = (["namespace", "workload", "pod"] as const).flatMap((label) =>
    labels[label] === undefined ? [] : [`${label} ${labels[label]}`],
  );
  const subsets = within.length === 0 ? [] : [`in the subset of ${within.join(" and of ")}`];
  const who = [...named, ...subsets].join(", ");
  return who === "" ? "" : ` (for sidecars: ${who})`;
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
