/**
 * Routes as `/config` shows them, `{version, routes, tables}`: what `contender why --admin` is answered with, and what an HTTP server
 * may hand out in place of route documents. Tables are what decides who gets which variant, so they are kept where they came.
 */
import type { Problem } from "../base/parsed.ts";
import { redacted } from "../base/redact.ts";
import type { Snapshot } from "../model/route.ts";
import { type SlotRange, slotCount } from "../model/slots.ts";
import { loadTexts } from "./files.ts";
import type { Surroundings } from "./route-rules.ts";
import { type Loaded, versionOf } from "./snapshot.ts";

/** What a text may be: routes and tables as plain values, or undefined where it is something else. */
export interface EffectiveRoutes {
  readonly version: string | undefined;
  readonly routes: readonly unknown[];
  readonly tables: Readonly<Record<string, unknown>>;
}

/** Undefined for a text that is no such JSON: a route document, say. */
export function effectiveRoutes(text: string): EffectiveRoutes | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    const { routes, tables, version } = JSON.parse(text) as Record<string, unknown>;
    if (!Array.isArray(routes)) return undefined;
    const given = typeof tables === "object" && tables !== null ? (tables as Record<string, unknown>) : {};
    return { version: typeof version === "string" ? version : undefined, routes, tables: given };
  } catch {
    return undefined;
  }
}

/** Judges them as if they were files; the version is that of their contents. */
export function loadEffective(source: string, { routes, tables }: EffectiveRoutes, around: Surroundings): Loaded {
  const texts = routes.map((route, index) => ({ name: `routes[${index}]`, text: JSON.stringify(route) }));
  if (texts.length === 0) {
    return { ok: false, problems: [{ path: "routes", message: "want at least one route" }], warnings: [] };
  }
  return withTables(loadTexts(source, texts, around), tables);
}

/** Routes with the tables that came beside them, judged; the version is that of both. @param tables by the routes' names */
export function withTables(loaded: Loaded, tables: Readonly<Record<string, unknown>>): Loaded {
  const problems: Problem[] = loaded.ok ? [] : [...loaded.problems];
  const ranges = readTables(tables, loaded.ok ? loaded.value : undefined, problems);
  if (!loaded.ok || problems.length > 0) return { ok: false, problems, warnings: loaded.warnings };
  const all = loaded.value.routes.map((route) => {
    const table = ranges.get(route.name);
    return table === undefined ? route : Object.freeze({ ...route, table });
  });
  return { ...loaded, value: Object.freeze({ ...loaded.value, version: versionOf(all), routes: Object.freeze(all) }) };
}

/** Values that `/config` has taken out would be sent to model servers as they stand. */
export function redactedProblems(text: string): Problem[] {
  if (!text.includes(JSON.stringify(redacted))) return [];
  return [{ path: "routes", message: `want values as they are, and not ${redacted} in their place` }];
}

/** Tables of routes as `/config` shows them; undefined where no route came with one. */
export function tablesOf({ routes }: Snapshot): Record<string, readonly SlotRange[]> | undefined {
  const tables = routes.flatMap(({ name, table }) => (table === undefined ? [] : [[name, table] as const]));
  return tables.length === 0 ? undefined : Object.fromEntries(tables);
}

function readTables(
  tables: Readonly<Record<string, unknown>>,
  snapshot: Snapshot | undefined,
  problems: Problem[],
): ReadonlyMap<string, readonly SlotRange[]> {
  const read = new Map<string, readonly SlotRange[]>();
  for (const [name, given] of Object.entries(tables)) {
    const path = `tables.${name}`;
    const route = snapshot?.routes.find((each) => each.name === name);
    if (snapshot !== undefined && route === undefined) {
      problems.push({ path, message: "there is no such route" });
    } else if (!Array.isArray(given)) {
      problems.push({ path, message: "want a list of ranges, each with from, to and variant" });
    } else {
      const names = route?.variants.map((variant) => variant.name);
      read.set(name, readRanges(given, names, path, problems));
    }
  }
  return read;
}

function readRanges(
  given: readonly unknown[],
  variants: readonly string[] | undefined,
  path: string,
  problems: Problem[],
): SlotRange[] {
  const before = problems.length;
  let due = 0;
  const ranges = given.map((each, index): SlotRange => {
    const { from, to, variant } = (typeof each === "object" && each !== null ? each : {}) as Partial<SlotRange>;
    const at = `${path}[${index}]`;
    if (from !== due) problems.push({ path: `${at}.from`, message: `want ${due}, got ${JSON.stringify(from)}` });
    if (!(typeof to === "number" && Number.isInteger(to) && to > due && to <= slotCount)) {
      const wants = `want a whole number above ${due}, at most ${slotCount}, got ${JSON.stringify(to)}`;
      problems.push({ path: `${at}.to`, message: wants });
    } else due = to;
    if (typeof variant !== "string" || variants?.includes(variant) === false) {
      problems.push({ path: `${at}.variant`, message: `want a variant of the route, got ${JSON.stringify(variant)}` });
    }
    return { from: Number(from), to: Number(to), variant: String(variant) };
  });
  if (problems.length === before && due !== slotCount) {
    problems.push({ path, message: `want ranges up to ${slotCount}, got them up to ${due}` });
  }
  return ranges;
}
