/**
 * What is kept in the store, and under which keys.
 *
 * A route's record has its document as it was written, so that comments and order outlive a change of weights, and its table, which no
 * document tells. Beside it stands one entry for each change, with the documents before and after: nobody has to know more than the
 * entry to take the change back. Every change counts `head` up by one, and asks that nobody else did so meanwhile: changes of
 * different routes can't pass each other unseen, since rules span routes. That count, not the store's own, is the revision that
 * people and sidecars see.
 */
import { ContenderError } from "../../base/errors.ts";
import type { SlotRange } from "../../model/slots.ts";

export type ChangeKind = "created" | "replaced" | "weights" | "deleted" | "undone";

const kinds: readonly string[] = ["created", "replaced", "weights", "deleted", "undone"] satisfies ChangeKind[];

export interface Author {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly reason: string;
}

/** A table as it is kept: how many slots, whose. */
export type Runs = readonly (readonly [slots: number, variant: string])[];

/** A route, or what became of it with one change. */
export interface RouteRecord {
  /** Of the change: the value of `head` that it wrote. */
  readonly revision: number;
  readonly kind: ChangeKind;
  readonly author: Author;
  /** "" after a removal. */
  readonly text: string;
  /** Null for md5-100, and after a removal. */
  readonly table: Runs | null;
}

/** One change of a route, whole. */
export interface HistoryRecord extends RouteRecord {
  /** The document before it, "" where there was none. */
  readonly before: string;
}

export const keys = {
  /** All that the routes in force are made of. */
  state: "state/",
  id: "state/id",
  head: "state/head",
  routes: "state/routes/",
  history: "history/",
  leader: "lease/leader",
  replicas: "lease/replicas/",
} as const;

export const routeKey = (name: string): string => `${keys.routes}${name}`;

/** Revisions have so many digits in keys that they are in order as texts, too. */
const revisionDigits = 15;

export const historyPrefix = (name: string): string => `${keys.history}${name}/`;
export const historyKey = (name: string, revision: number): string =>
  `${historyPrefix(name)}${String(revision).padStart(revisionDigits, "0")}`;

export function runsOf(ranges: readonly SlotRange[]): Runs {
  return ranges.map(({ from, to, variant }) => [to - from, variant] as const);
}

export function rangesOf(runs: Runs): SlotRange[] {
  let from = 0;
  return runs.map(([slots, variant]) => {
    const range = { from, to: from + slots, variant };
    from = range.to;
    return range;
  });
}

export const recordText = (record: RouteRecord | HistoryRecord): string => JSON.stringify(record);

/** @throws ContenderError STORE_DAMAGED where it is none. */
export function readRecord(key: string, text: string): HistoryRecord {
  const value = readJson(key, text) as Partial<HistoryRecord> | null;
  const { revision, kind, author, text: document, table, before = "" } = value ?? {};
  if (!Number.isSafeInteger(revision) || !kinds.includes(String(kind))) throw damaged(key, "no record of a route");
  if (typeof document !== "string" || typeof before !== "string") throw damaged(key, "no document");
  if (typeof author?.name !== "string" || !Number.isFinite(author.atMs) || typeof author.reason !== "string") {
    throw damaged(key, "no author");
  }
  if (table !== null && !isRuns(table)) throw damaged(key, "no table");
  return value as HistoryRecord & { before: string };
}

/** The count of changes. @throws ContenderError STORE_DAMAGED. */
export function readHead(text: string): number {
  const value = readJson(keys.head, text) as { revision?: unknown } | null;
  if (!Number.isSafeInteger(value?.revision)) throw damaged(keys.head, "no revision");
  return value?.revision as number;
}

export const headText = (revision: number): string => JSON.stringify({ revision });

/** @throws ContenderError STORE_DAMAGED. */
export function readId(text: string): string {
  const value = readJson(keys.id, text) as { id?: unknown } | null;
  if (!/^[0-9a-f]{12}$/.test(String(value?.id))) throw damaged(keys.id, "no id of a store");
  return String(value?.id);
}

/** @param sinceMs when it was made, for people */
export const idText = (id: string, sinceMs: number): string => JSON.stringify({ id, sinceMs });

function isRuns(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (run) => Array.isArray(run) && run.length === 2 && Number.isSafeInteger(run[0]) && typeof run[1] === "string",
    )
  );
}

function readJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(key, "no JSON");
  }
}

function damaged(key: string, what: string): ContenderError {
  return new ContenderError("STORE_DAMAGED", `${key}: ${what}: somebody else wrote it`);
}
