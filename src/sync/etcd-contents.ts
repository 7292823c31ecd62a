/**
 * What is under keys of etcd as routes: documents that anybody put there, or what a config service keeps of its routes. Apart from who
 * reads them there, since a start from the last good ones needs no client for etcd.
 */
import { withTables } from "../config/effective-routes.ts";
import { loadTexts } from "../config/files.ts";
import type { Surroundings } from "../config/route-rules.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { Texts } from "./asked-source.ts";

/** What keys of routes have between the prefix and the route's name. */
export const routeKeys = "state/routes/";

/** @param keys by their names without the prefix, with their values */
export function loadKeys(
  source: string,
  keys: Texts,
  { around, prefix }: { readonly around: Surroundings; readonly prefix: string },
): Loaded {
  const tables: Record<string, unknown> = {};
  const texts = keys.flatMap(({ name, text: value }) => {
    const { deleted, table, text } = recordOf(value);
    if (deleted) return [];
    if (table !== undefined) tables[name.slice(routeKeys.length)] = table;
    return [{ name, text }];
  });
  if (texts.length > 0) return withTables(loadTexts(source, texts, around), tables);
  const problem = { path: `${prefix}${routeKeys}`, message: "there is no route under this prefix" };
  return { ok: false, problems: [problem], warnings: [] };
}

interface RouteText {
  readonly text: string;
  /** Ranges, or what was in their place; undefined where there is no table. */
  readonly table: unknown;
  readonly deleted: boolean;
}

/** What a config service keeps of a route, or else a document. */
function recordOf(value: string): RouteText {
  const record = recordIn(value);
  if (record === undefined) return { text: value, table: undefined, deleted: false };
  const { deleted, table, text } = record;
  return {
    text,
    table: table === null || table === undefined ? undefined : rangesIn(table),
    deleted: deleted === true || text === "",
  };
}

function recordIn(value: string): { text: string; table?: unknown; deleted?: unknown } | undefined {
  if (!value.trimStart().startsWith("{")) return undefined;
  try {
    const record = JSON.parse(value) as { text?: unknown };
    return typeof record.text === "string" ? { ...record, text: record.text } : undefined;
  } catch {
    return undefined;
  }
}

/** `[[slots, variant], …]` as ranges; what is no such list is left as it is, and refused with its path. */
function rangesIn(runs: unknown): unknown {
  if (!Array.isArray(runs)) return runs;
  let from = 0;
  return runs.map((run: unknown) => {
    const [slots, variant] = Array.isArray(run) ? (run as unknown[]) : [];
    const range = { from, to: from + Number(slots), variant };
    from = range.to;
    return range;
  });
}
