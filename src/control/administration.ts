/**
 * Changes of routes carried out: planned against what is in force, written if nobody else wrote meanwhile, planned again if somebody did.
 *
 * A change that says which revision it is based on is never planned again on another: whoever says so wants to look first.
 */
import type { Clock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import { historyOf, type Planned, type PlannedRoute, routeNamed, type Undone } from "./planned-change.ts";
import {
  type Author,
  type HistoryRecord,
  historyKey,
  historyPrefix,
  readRecord,
  recordText,
  routeKey,
} from "./records.ts";
import type { Registry } from "./registry.ts";
import { bytesOf } from "./request.ts";
import type { RouteSet, StoredRoute } from "./route-set.ts";
import { type Change, type Store, storeBounds } from "./store.ts";

export interface Intent {
  readonly reason: string;
  /** 0 changes whatever there is. */
  readonly expectedRevision: number;
  readonly dryRun: boolean;
  /** Whether whoever asks does not wait any more: what comes to its turn after that is not what they count on. */
  readonly gone?: (() => boolean) | undefined;
}

export interface Done {
  readonly routes: readonly PlannedRoute[];
  /** Of each route that changed, and of all routes together after it. */
  readonly revision: number;
}

export interface AdministrationPorts {
  readonly store: Store;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Changes of a route that are kept; older ones go with the next change. */
  readonly historyLimit: number;
}

/** Somebody else was faster so often: they write without a pause, and trying on would only add to it. */
const mostTries = 10;

/** Of the history of a route, with one change. */
const mostForgotten = 2;

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

  /** The newest first. @param limit 0 for all that are kept. @throws ContenderError STORE_UNAVAILABLE, STORE_DAMAGED. */
  async history(name: string, limit: number): Promise<HistoryRecord[]> {
    const { entries } = await this.#ports.store.get(historyPrefix(name));
    const newest = [...entries].reverse().slice(0, limit === 0 ? undefined : limit);
    return newest.map(({ key, value }) => readRecord(key, value));
  }

  /** What a route was after the last change before a moment; undefined where it was not there. @param sees of a record of it */
  async at(name: string, atMs: number, sees: (record: HistoryRecord) => boolean): Promise<HistoryRecord | undefined> {
    const records = await this.history(name, 0);
    if (!records.some(sees)) return undefined;
    const then = records.find(({ author }) => author.atMs <= atMs);
    if (then === undefined && records.length > 0 && records.at(-1)?.kind !== "created") {
      const since = new Date(records.at(-1)?.author.atMs ?? 0).toISOString();
      throw new ContenderError("ROUTE_UNKNOWN", `the history of ${JSON.stringify(name)} is kept since ${since} only`);
    }
    return then?.text === "" ? undefined : then;
  }

  /**
   * What an undo puts in force: the document of a revision, or the one before the last change.
   * @param sees of a record of it: others are told as if they were not there
   * @throws ContenderError ROUTE_UNKNOWN where there is none.
   */
  async toUndo(name: string, revision: number, sees: (record: HistoryRecord) => boolean): Promise<Undone> {
    const all = await this.history(name, 0);
    const [last, previous] = all;
    const records = all.filter(sees);
    if (last === undefined || records.length === 0) throw neverNamed(name);
    const latest = all.find(({ table }) => table !== null)?.table ?? undefined;
    if (revision === 0) {
      const table = previous?.text === last.before ? (previous.table ?? undefined) : undefined;
      return { text: last.before, table, latest };
    }
    const wanted = records.find((record) => record.revision === revision);
    if (wanted !== undefined) return { text: wanted.text, table: undefined, latest };
    const there = records.slice(0, mostTold).map((record) => record.revision);
    const such = records.length > mostTold ? `the latest are ${there.join(", ")}` : `there is ${there.join(", ")}`;
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
      const changes = await this.#changes(changing, revision, author);
      const bytes = bytesOf(changes) + headBytes;
      if (bytes > storeBounds.commitBytes) {
        const message = `with their history these are ${bytes} bytes, want at most ${storeBounds.commitBytes} at once: apply them in parts`;
        throw new Refused([{ path: "", message }]);
      }
      if (await registry.commit(revision, changes, guard)) {
        return { routes: planned.routes, revision };
      }
    }
    throw new ContenderError("CONFLICT", "others change routes all the time; nothing was written, try again");
  }

  async #changes(routes: readonly PlannedRoute[], revision: number, author: Author): Promise<Change[]> {
    const changes: Change[] = [];
    for (const route of routes) {
      const record = historyOf(route, revision, author);
      const { before: _, ...current } = record;
      const value = route.after === undefined ? undefined : recordText(current);
      changes.push({ key: routeKey(route.name), value });
      changes.push({ key: historyKey(route.name, revision), value: recordText(record) });
    }
    // What comes goes first: with a commit of many routes there is no room, and the next one that has some makes up for it.
    let room = storeBounds.changes - changes.length - 1;
    for (const { name } of routes) {
      if (room < mostForgotten) break;
      const forgotten = await this.#forgotten(name);
      room -= forgotten.length;
      changes.push(...forgotten);
    }
    return changes;
  }

  async #forgotten(name: string): Promise<Change[]> {
    const { entries } = await this.#ports.store.get(historyPrefix(name));
    // One more comes, so one goes where there are as many as there may be; of what grew beyond it, two do.
    const over = Math.min(mostForgotten, entries.length + 1 - this.#ports.historyLimit);
    return entries.slice(0, Math.max(0, over)).map(({ key }) => ({ key, value: undefined }));
  }
}

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
