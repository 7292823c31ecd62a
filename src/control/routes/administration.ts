/**
 * Changes of routes carried out: planned against what is in force, written if nobody else wrote meanwhile, planned again if somebody did.
 *
 * A change that says which revision it is based on is never planned again on another: whoever says so wants to look first.
 */
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import { type Problem, problemLine } from "../../base/parsed.ts";
import { bytesOf } from "../request.ts";
import { type Change, storeBounds } from "../store.ts";
import type { History } from "./history.ts";
import { historyOf, type Planned, type PlannedRoute, routeNamed, type Undone } from "./planned-change.ts";
import { type Author, type HistoryRecord, historyKey, type Runs, recordText, routeKey } from "./records.ts";
import type { Registry } from "./registry.ts";
import type { RouteSet, StoredRoute } from "./route-set.ts";

export interface Intent {
  readonly reason: string;
  /** 0 changes whatever there is. */
  readonly expectedRevision: number;
  readonly dryRun: boolean;
  /** Whether whoever asks does not wait any more: what comes to its turn after that is not what they count on. */
  readonly gone?: (() => boolean) | undefined;
  /** The store has not said whether it was written: nobody knows. */
  readonly unconfirmed?: ((routes: readonly PlannedRoute[], revision: number) => void) | undefined;
}

export interface Done {
  readonly routes: readonly PlannedRoute[];
  /** Of each route that changed, and of all routes together after it. */
  readonly revision: number;
}

export interface AdministrationPorts {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly history: History;
}

/** Somebody else was faster so often: they write without a pause, and trying on would only add to it. */
const mostTries = 10;

/** Of the changes of a route, to who names one that there is not. */
const mostTold = 10;

/** The count of changes goes with every commit. */
const headBytes = 64;

/** Problems of a request, which travel beside the text. */
export class Refused extends ContenderError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("CONFIG_INVALID", `nothing was changed:\n${problems.map(problemLine).join("\n")}`);
    this.problems = problems;
  }
}

export class Administration {
  readonly #ports: AdministrationPorts;
  /** One change after the other: of two that are planned at once, one would have to be planned again. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: AdministrationPorts) {
    this.#ports = ports;
  }

  /**
   * @param allowed is asked before anything is written, with every route as it is and as it would be. @throws what it throws.
   * @throws ContenderError CONFIG_INVALID (a `Refused`), CONFLICT, ROUTE_UNKNOWN, STORE_UNAVAILABLE, STORE_DAMAGED.
   */
  change(
    who: string,
    intent: Intent,
    plan: (set: RouteSet, author: Author) => Planned | Promise<Planned>,
    allowed: (routes: readonly PlannedRoute[]) => void,
  ): Promise<Done> {
    const done = this.#last.then(() => this.#change(who, intent, plan, allowed));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** The newest first. @throws ContenderError STORE_UNAVAILABLE, STORE_DAMAGED. */
  history(name: string): AsyncIterable<HistoryRecord> {
    return this.#ports.history.records(name);
  }

  /** What a route was after the last change before a moment; undefined where it was not there. @param sees of a record of it */
  async at(name: string, atMs: number, sees: (record: HistoryRecord) => boolean): Promise<HistoryRecord | undefined> {
    let oldest: HistoryRecord | undefined;
    let seen = false;
    for await (const record of this.history(name)) {
      if (record.author.atMs <= atMs) return record.text === "" || !sees(record) ? undefined : record;
      oldest = record;
      seen ||= sees(record);
    }
    if (oldest === undefined || !seen || oldest.kind === "created") return undefined;
    const since = new Date(oldest.author.atMs).toISOString();
    throw new ContenderError("ROUTE_UNKNOWN", `the history of ${JSON.stringify(name)} is kept since ${since} only`);
  }

  /**
   * What an undo puts in force: the document of a revision, or the one before the last change.
   * @param sees of a record of it: others are told as if they were not there
   * @throws ContenderError ROUTE_UNKNOWN where there is none.
   */
  async toUndo(name: string, revision: number, sees: (record: HistoryRecord) => boolean): Promise<Undone> {
    const named = revision === 0 ? undefined : await this.#ports.history.record(name, revision);
    const wanted = named !== undefined && sees(named) ? named : undefined;
    // As many as are told where the one that is wanted is not there, and one that says whether there are more.
    const enough = revision === 0 ? 1 : wanted === undefined ? mostTold + 1 : 0;
    const seen: number[] = [];
    let last: HistoryRecord | undefined;
    let previous: HistoryRecord | undefined;
    let latest: Runs | undefined;
    for await (const record of this.history(name)) {
      if (last === undefined) last = record;
      else previous ??= record;
      latest ??= record.table ?? undefined;
      if (seen.length < enough && sees(record)) seen.push(record.revision);
      if (latest !== undefined && previous !== undefined && seen.length >= enough) break;
    }
    if (wanted !== undefined) return { text: wanted.text, table: undefined, latest };
    if (last === undefined || seen.length === 0) throw neverNamed(name);
    if (revision === 0) {
      const table = previous?.text === last.before ? (previous.table ?? undefined) : undefined;
      return { text: last.before, table, latest };
    }
    const there = seen.slice(0, mostTold);
    const such = seen.length > mostTold ? `the latest are ${there.join(", ")}` : `there is ${there.join(", ")}`;
    const text = `${JSON.stringify(name)} has no change of revision ${revision}, ${such}`;
    throw new ContenderError("ROUTE_UNKNOWN", text);
  }

  async #change(
    who: string,
    intent: Intent,
    plan: (set: RouteSet, author: Author) => Planned | Promise<Planned>,
    allowed: (routes: readonly PlannedRoute[]) => void,
  ): Promise<Done> {
    const { registry, clock } = this.#ports;
    for (let tries = 0; tries < mostTries; tries++) {
      if (intent.gone?.() === true) {
        throw new ContenderError("CONFLICT", "nothing was changed: whoever asked for it has gone meanwhile");
      }
      const set = registry.routes;
      const { guard } = registry;
      const author: Author = { name: who, atMs: clock.wallMs(), reason: intent.reason };
      const planned = await plan(set, author);
      // Before anything is said of what is wrong with other routes.
      allowed(planned.routes ?? []);
      if (!planned.ok) throw new Refused(planned.problems);
      for (const route of planned.routes) expect(route.before, route.name, intent.expectedRevision);
      const changing = planned.routes.filter(({ kind }) => kind !== "unchanged");
      if (intent.dryRun || changing.length === 0) return { routes: planned.routes, revision: set.revision };
      const revision = set.revision + 1;
      const changes = this.#changes(set, changing, revision, author);
      const bytes = bytesOf(changes) + headBytes;
      if (bytes > storeBounds.commitBytes) {
        const message = `with their history these are ${bytes} bytes, want at most ${storeBounds.commitBytes} at once: apply them in parts`;
        throw new Refused([{ path: "", message }]);
      }
      const written = await registry.commit(revision, changes, guard).catch((reason: unknown): never => {
        if (maybeWritten(reason)) intent.unconfirmed?.(changing, revision);
        throw reason;
      });
      if (written) {
        this.#ports.history.take(changes);
        return { routes: planned.routes, revision };
      }
      await registry.refresh();
    }
    throw new ContenderError("CONFLICT", "others change routes all the time; nothing was written, try again");
  }

  #changes(set: RouteSet, routes: readonly PlannedRoute[], revision: number, author: Author): Change[] {
    const changes: Change[] = [];
    const entries = new Map<string, number>();
    const there = new Set(set.routes.map(({ name }) => name));
    for (const route of routes) {
      const { name, after } = route;
      const record = historyOf(route, revision, author);
      const { before: _, ...current } = record;
      changes.push({ key: routeKey(name), value: after === undefined ? undefined : recordText(current) });
      const entry = { key: historyKey(name, revision), value: recordText(record) };
      changes.push(entry);
      entries.set(name, bytesOf([entry]));
      if (after === undefined) there.delete(name);
      else there.add(name);
    }
    // What comes goes first: with a commit of many routes there is little room, and the next one that has some makes up for it.
    const room = storeBounds.changes - changes.length - 1;
    const gone = this.#ports.history.outdated(entries, (name) => there.has(name), room);
    return [...changes, ...gone.map((key) => ({ key, value: undefined }))];
  }
}

/** A store that was taken over, too: its last record is in the file. */
const maybeWritten = (reason: unknown): boolean =>
  reason instanceof ContenderError && (reason.code === "STORE_UNAVAILABLE" || reason.code === "STORE_LOCKED");

function expect(before: StoredRoute | undefined, name: string, revision: number): void {
  if (revision === 0 || before?.revision === revision) return;
  const now =
    before === undefined ? "is not there" : `is at revision ${before.revision}, changed by ${before.author.name}`;
  throw new ContenderError(
    "CONFLICT",
    `the change is based on revision ${revision}, but ${JSON.stringify(name)} ${now}`,
  );
}

/** Also of one that was there, for who may not know it. */
export const neverNamed = (name: string): ContenderError =>
  new ContenderError("ROUTE_UNKNOWN", `no route was ever named ${JSON.stringify(name)}`);

/** The route of this name, among those that may be seen: of others it is not told that they are there. @throws ContenderError ROUTE_UNKNOWN. */
export function visibleRoute(set: RouteSet, name: string, sees: (route: StoredRoute) => boolean): StoredRoute {
  return routeNamed({ ...set, routes: set.routes.filter(sees) }, name);
}
