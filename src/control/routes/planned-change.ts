/**
 * What a change of routes comes to, worked out before anything is written: records, tables, users that move, problems.
 *
 * Pure: the same request against the same routes gives the same plan, so that a dry run tells what would happen and a change that lost
 * a race is planned again.
 */
import { ContenderError } from "../../base/errors.ts";
import { didYouMean } from "../../base/nearest.ts";
import type { Problem } from "../../base/parsed.ts";
import { withWeights } from "../../config/edit-document.ts";
import { readTexts, type WrittenRoute, type WrittenRoutes } from "../../config/files.ts";
import type { RouteSpec } from "../../model/route.ts";
import { movedSlots, type SlotMove } from "../../router/moved-slots.ts";
import { nextRanges } from "../../router/next-table.ts";
import { type Author, type ChangeKind, type HistoryRecord, type Runs, rangesOf, runsOf } from "./records.ts";
import { longestDocument, mostDocuments } from "./request-documents.ts";
import { judgedAt, judgeTogether, type RouteSet, type StoredRoute, storedOf } from "./route-set.ts";

export interface PlannedRoute {
  readonly name: string;
  readonly kind: ChangeKind | "unchanged";
  readonly before: StoredRoute | undefined;
  /** Undefined after a removal. */
  readonly after: StoredRoute | undefined;
  readonly moves: readonly SlotMove[];
  readonly warnings: readonly Problem[];
}

/**
 * What would be written, or everything that is wrong. Where that speaks of other routes, `routes` says for which it was found out: it is
 * told to those alone who might change them.
 */
export type Planned =
  | { readonly ok: true; readonly routes: readonly PlannedRoute[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly routes?: readonly PlannedRoute[] };

/** A route's document that replaces another has to say nothing that it said before: it counts as a whole. */
export function planApply(set: RouteSet, { candidates, problems, warnings }: WrittenRoutes, author: Author): Planned {
  if (problems.length > 0) return { ok: false, problems };
  if (candidates.length > mostDocuments) {
    const message = `want at most ${mostDocuments} documents at once, got ${candidates.length}`;
    return { ok: false, problems: [{ path: "", message }] };
  }
  const long = candidates.filter(({ text }) => Buffer.byteLength(text) > longestDocument);
  if (long.length > 0) {
    const message = `want at most ${longestDocument} bytes`;
    return {
      ok: false,
      problems: long.map(({ locate, text }) => locate([], `${message}, got ${Buffer.byteLength(text)}`)),
    };
  }
  return planDocuments(set, candidates, warnings, author, (before) => (before === undefined ? "created" : "replaced"));
}

/** @param weights of every variant that is to have some. @throws ContenderError ROUTE_UNKNOWN. */
export function planWeights(
  set: RouteSet,
  name: string,
  weights: readonly (readonly [variant: string, weight: number])[],
  author: Author,
): Planned {
  const route = routeNamed(set, name);
  const seen = new Set<string>();
  const twice = weights.filter(([variant]) => seen.size === seen.add(variant).size);
  if (twice.length > 0) {
    const problems = twice.map(([variant]) => ({ path: `weights.${variant}`, message: "this name is there twice" }));
    return { ok: false, problems };
  }
  const text = withWeights(route.text, weights);
  const { candidates, problems, warnings } = readTexts(
    "request",
    [{ name: `route ${JSON.stringify(name)}`, text }],
    judgedAt,
  );
  if (problems.length > 0)
    return { ok: false, problems: problems.map((problem) => ({ ...problem, where: `route ${JSON.stringify(name)}` })) };
  return planDocuments(set, candidates, warnings, author, () => "weights");
}

/** All routes as they would be after a change. */
export function routesAfter(set: RouteSet, planned: readonly PlannedRoute[]): readonly StoredRoute[] {
  const names = new Set(planned.map(({ name }) => name));
  const others = set.routes.filter(({ name }) => !names.has(name));
  return [...others, ...planned.flatMap(({ after }) => (after === undefined ? [] : [after]))];
}

/** What is to be in force again. */
export interface Undone {
  readonly text: string;
  /** The table before the change that is taken back: its users come back, all of them and no others. */
  readonly table: Runs | undefined;
  /** The last table that the route had, which is the predecessor where it has none now. */
  readonly latest: Runs | undefined;
}

export function planUndo(set: RouteSet, name: string, undone: Undone, author: Author): Planned {
  const { text } = undone;
  if (text === "") return planDelete(set, name, author, "undone");
  const { candidates, problems, warnings } = readTexts(
    "request",
    [{ name: `route ${JSON.stringify(name)}`, text }],
    judgedAt,
  );
  if (problems.length > 0) return { ok: false, problems };
  return planDocuments(set, candidates, warnings, author, () => "undone", undone);
}

/** @throws ContenderError ROUTE_UNKNOWN. */
export function planDelete(set: RouteSet, name: string, _author: Author, kind: ChangeKind = "deleted"): Planned {
  const before = routeNamed(set, name);
  const routes: PlannedRoute[] = [{ name, kind, before, after: undefined, moves: [], warnings: [] }];
  const problems = judgeTogether(set.routes.filter((route) => route !== before));
  return problems.length > 0 ? { ok: false, problems, routes } : { ok: true, routes };
}

/** The record of a planned change in the route's history; the one in force is a part of it. */
export function historyOf({ kind, before, after }: PlannedRoute, revision: number, author: Author): HistoryRecord {
  return {
    revision,
    kind: kind as ChangeKind,
    author,
    text: after?.text ?? "",
    table: after?.runs ?? null,
    before: before?.text ?? "",
  };
}

export function routeNamed(set: RouteSet, name: string): StoredRoute {
  const route = set.routes.find((each) => each.name === name);
  if (route !== undefined) return route;
  const names = set.routes.map((each) => each.name);
  const there = names.length === 0 ? "there are none" : `there is ${names.join(", ")}`;
  throw new ContenderError(
    "ROUTE_UNKNOWN",
    `no route is named ${JSON.stringify(name)}${didYouMean(name, names)}, ${there}`,
  );
}

function planDocuments(
  set: RouteSet,
  candidates: readonly WrittenRoute[],
  warnings: readonly Problem[],
  author: Author,
  kindOf: (before: StoredRoute | undefined) => ChangeKind,
  undone?: Undone,
): Planned {
  const problems: Problem[] = [];
  const revision = set.revision + 1;
  const planned = candidates.map((written): PlannedRoute & { written: WrittenRoute } => {
    const { name } = written.route;
    const before = set.routes.find((route) => route.name === name);
    const runs = runsAfter(before, written, problems, undone);
    const after = storedOf(written, { revision, kind: "replaced", author, text: written.text, table: runs });
    const own = warnings.filter(({ where }) =>
      where?.startsWith(written.locate([], "").where?.replace(/:[0-9]+$/, "") ?? ""),
    );
    const moves = movesOf(before, after);
    const same = before !== undefined && before.text === after.text;
    return {
      name,
      kind: same ? "unchanged" : kindOf(before),
      before,
      after: same ? before : after,
      moves,
      warnings: own,
      written,
    };
  });
  const names = new Set(planned.map(({ name }) => name));
  const others = set.routes.filter(({ name }) => !names.has(name));
  const fresh = planned.map(({ written }) => ({ spec: written.route, draft: written.draft, locate: written.locate }));
  problems.push(...judgeTogether([...others, ...fresh]));
  return problems.length > 0 ? { ok: false, problems, routes: planned } : { ok: true, routes: planned };
}

/** The next table, made from the one before; none where md5-100 assigns. */
function runsAfter(
  before: StoredRoute | undefined,
  { route, locate }: WrittenRoute,
  problems: Problem[],
  undone: Undone | undefined,
): Runs | null {
  if (route.assignment === "md5-100") return null;
  if (undone?.table !== undefined) return undone.table;
  const next = nextRanges(
    before?.table ?? (undone?.latest && rangesOf(undone.latest)),
    route.variants.map(({ name }) => name),
    route.weights,
  );
  if (next.ok) return runsOf(next.value);
  problems.push(...next.problems.map(({ path, message }) => ({ ...locate(["spec"], message), path: `spec.${path}` })));
  return null;
}

function movesOf(before: StoredRoute | undefined, after: StoredRoute): readonly SlotMove[] {
  return before?.table === undefined || after.table === undefined ? [] : movedSlots(before.table, after.table).moves;
}

/** Shares that a route gives its variants, 0..1, in the order of its document. */
export function sharesOf({ variants, weights }: RouteSpec): [variant: string, share: number][] {
  const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
  return variants.map(({ name }) => [name, (Object.hasOwn(weights, name) ? (weights[name] ?? 0) : 0) / sum]);
}
