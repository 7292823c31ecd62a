/** `AdminService`: what people and programs ask of the service, turned into changes of routes and looks at the fleet. */
import type { handleUnaryCall, ServerUnaryCall } from "@grpc/grpc-js";
import { durationMessage, durationMs, type TimestampMessage } from "../api/messages.ts";
import type { Clock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { redactProse } from "../base/redact.ts";
import { everyNamespace } from "../config/access-document.ts";
import type { RouteSpec } from "../model/route.ts";
import { movedSlots } from "../router/moved-slots.ts";
import type { AnyCall, Callers, PersonCaller } from "./access/callers.ts";
import type { Counts } from "./counts/counts.ts";
import type { Fleet, SidecarInfo } from "./fleet/fleet.ts";
import { type ListSidecarsRequest, seesSidecar, sidecarList } from "./fleet/sidecar-list.ts";
import { refusal } from "./ports/refusal.ts";
import { type Administration, type Done, type Intent, neverNamed, visibleRoute } from "./routes/administration.ts";
import { leftOut } from "./routes/left-out.ts";
import {
  type Planned,
  type PlannedRoute,
  planApply,
  planDelete,
  planUndo,
  planWeights,
  sharesOf,
} from "./routes/planned-change.ts";
import type { Author, HistoryRecord, RouteRecord } from "./routes/records.ts";
import { rangesOf } from "./routes/records.ts";
import type { Registry } from "./routes/registry.ts";
import { readDocumentsOf } from "./routes/request-documents.ts";
import { type RouteSet, type StoredRoute, storedRoute } from "./routes/route-set.ts";
import { withheldFrom } from "./routes/withheld-from.ts";
import { Turns } from "./turns.ts";

export interface AdminPorts {
  readonly registry: Registry;
  readonly administration: Administration;
  readonly fleet: Fleet;
  readonly counts: Counts;
  readonly callers: Callers;
  readonly clock: Clock;
}

interface IntentMessage {
  readonly reason: string;
  readonly expectedRevision: number;
  readonly dryRun: boolean;
}

type Named = { readonly name: string; readonly intent: IntentMessage | null };

export function adminService(ports: AdminPorts): Record<string, handleUnaryCall<never, object>> {
  const { registry, administration, fleet, counts, callers, clock } = ports;
  const listSidecars = sidecarList({ registry, fleet, callers });

  const change = async (
    call: Call<{ readonly intent: IntentMessage | null }>,
    action: Parameters<PersonCaller["mayChange"]>[0],
    plan: Plan,
  ): Promise<Done & Told> => {
    const person = callers.person(call as AnyCall, "change");
    const asked = intentOf(call.request.intent);
    const intent: Intent = {
      ...asked,
      gone: () => call.cancelled,
      unconfirmed: (routes, revision) => person.unconfirmed?.(action, routes, revision, asked.reason),
    };
    let told: Told = { warnings: new Map(), withheld: new Map() };
    const done = await administration.change(
      person.name,
      intent,
      async (set, author) => {
        const planned = await plan(set, author, person);
        const sidecars = () => [...fleet.each()].filter((sidecar) => seesSidecar(person, sidecar));
        const first =
          ({ instance }: SidecarInfo) =>
          (spec: RouteSpec) =>
            fleet.amongFirst(spec, instance);
        if (planned.ok) {
          told = {
            warnings: leftOut(set, planned.routes, sidecars, first),
            withheld: withheldFrom(set, planned.routes, sidecars, first),
          };
        }
        return planned;
      },
      (routes) => routes.length > 0 && person.mayChange(action, routes),
    );
    const changed = done.routes.filter(({ kind }) => kind !== "unchanged");
    if (!intent.dryRun && changed.length > 0) person.changed?.(action, changed, done.revision, intent.reason);
    return { ...done, ...told };
  };

  const one = async (call: Call<Named>, ...args: [Parameters<typeof change>[1], Parameters<typeof change>[2]]) => {
    const done = await change(call, ...args);
    return { change: changeMessage(done.routes[0] as PlannedRoute, done), revision: done.revision };
  };

  const seen = (call: AnyCall, action: Parameters<Callers["person"]>[1], name: string): StoredRoute => {
    const person = callers.person(call, action);
    return visibleRoute(registry.routes, name, (route) => person.sees(route));
  };

  return {
    ApplyRoutes: unary(
      async (call: Call<{ texts: readonly { name: string; text: string }[]; intent: IntentMessage | null }>) => {
        const { texts, intent } = call.request;
        if ((intent?.expectedRevision ?? 0) > 0 && texts.length > 1) {
          throw new ContenderError("CONFIG_INVALID", "an expected revision goes with a single document");
        }
        const written = await readDocumentsOf(texts, new Turns(clock), () => call.cancelled);
        const done = await change(call, "apply", (set, author) => planApply(set, written, author));
        return {
          changes: done.routes.map((route) => changeMessage(route, done)),
          revision: done.revision,
        };
      },
    ),

    SetWeights: unary((call: Call<Named & { weights: readonly { variant: string; weight: number }[] }>) => {
      const { name, weights } = call.request;
      const pairs = weights.map(({ variant, weight }) => [variant, weight] as const);
      return one(call, "weights", (set, author, person) => {
        visibleRoute(set, name, (route) => person.sees(route));
        return planWeights(set, name, pairs, author);
      });
    }),

    DeleteRoute: unary((call: Call<Named>) =>
      one(call, "delete", (set, author, person) => {
        visibleRoute(set, call.request.name, (route) => person.sees(route));
        return planDelete(set, call.request.name, author);
      }),
    ),

    UndoRoute: unary((call: Call<Named & { toRevision: number }>) => {
      const { name, toRevision } = call.request;
      return one(call, "undo", async (set, author, person) => {
        const read = (record: HistoryRecord): boolean => mayRead(person, name, record);
        return planUndo(set, name, await administration.toUndo(name, toRevision, read), author);
      });
    }),

    GetRoute: unary(async (call: Call<{ name: string; at: TimestampMessage | null }>) => {
      const { name, at } = call.request;
      if (at === null) return { route: routeState(seen(call as AnyCall, "get", name)) };
      const person = callers.person(call as AnyCall, "get");
      const record = await administration.at(name, durationMs(at) ?? 0, (each) => mayRead(person, name, each));
      const route = record === undefined ? undefined : readBack(name, record);
      if (route === undefined || !person.sees(route)) {
        throw new ContenderError("ROUTE_UNKNOWN", `there was no route ${JSON.stringify(name)} then`);
      }
      return { route: routeState(route) };
    }),

    ListRoutes: unary(async (call: Call<object>) => {
      const person = callers.person(call as AnyCall, "list");
      const { routes, revision } = registry.routes;
      return { routes: routes.filter((route) => person.sees(route)).map(routeState), revision };
    }),

    GetHistory: unary(async (call: Call<{ name: string; limit: number }>) => {
      const { name, limit } = call.request;
      const person = callers.person(call as AnyCall, "history");
      const entries: object[] = [];
      /** The one before it is not known yet: it tells what moved. */
      let newer: HistoryRecord | undefined;
      for await (const record of administration.history(name)) {
        const readable = mayRead(person, name, record);
        // What it was in a namespace of others, whose variants moves would name.
        if (newer !== undefined) entries.push(historyMessage(name, newer, readable ? record : undefined));
        newer = undefined;
        if (limit > 0 && entries.length === limit) break;
        if (readable) newer = record;
      }
      if (newer !== undefined) entries.push(historyMessage(name, newer, undefined));
      if (entries.length === 0) throw neverNamed(name);
      return { entries };
    }),

    ListSidecars: unary(async (call: Call<ListSidecarsRequest>) => listSidecars(call)),

    GetCounts: unary(async (call: Call<{ route: string }>) => {
      seen(call as AnyCall, "counts", call.request.route);
      return await counts.of(call.request.route, new Turns(clock));
    }),
  };
}

type Plan = (set: RouteSet, author: Author, person: PersonCaller) => Planned | Promise<Planned>;

/** What is to be told of a change beside what is wrong with a document itself, by the names of routes. */
interface Told {
  readonly warnings: ReturnType<typeof leftOut>;
  readonly withheld: ReturnType<typeof withheldFrom>;
}

type Call<Request> = ServerUnaryCall<Request, object>;

function unary<Request>(answer: (call: Call<Request>) => Promise<object>): handleUnaryCall<never, object> {
  return (call, done) => {
    Promise.resolve()
      .then(() => answer(call as unknown as Call<Request>))
      .then(
        (value) => done(null, value),
        (reason) => done(refusal(reason)),
      );
  };
}

function intentOf(message: IntentMessage | null): Intent {
  return {
    // Before it is kept anywhere: history and audit are read by more people than may know a secret.
    reason: redactProse(message?.reason ?? ""),
    expectedRevision: message?.expectedRevision ?? 0,
    dryRun: message?.dryRun ?? false,
  };
}

/** Whether somebody may see a route as it was after a change, or before a removal. */
function mayRead(person: PersonCaller, name: string, record: HistoryRecord): boolean {
  const route = readBack(name, record.text === "" ? { ...record, text: record.before } : record);
  // Of what another release wrote it can't be told whose it was.
  return route === undefined ? person.sees({ spec: { namespace: everyNamespace } as RouteSpec }) : person.sees(route);
}

function readBack(name: string, record: RouteRecord): StoredRoute | undefined {
  const route = storedRoute(name, record);
  return "spec" in route ? route : undefined;
}

const kinds = {
  created: "CHANGE_KIND_CREATED",
  replaced: "CHANGE_KIND_REPLACED",
  unchanged: "CHANGE_KIND_UNCHANGED",
  weights: "CHANGE_KIND_WEIGHTS",
  deleted: "CHANGE_KIND_DELETED",
  undone: "CHANGE_KIND_UNDONE",
} as const;

function changeMessage(
  route: PlannedRoute,
  { revision, warnings: others, withheld }: Told & { readonly revision: number },
): object {
  const { name, kind, before, after, moves } = route;
  const left = others.get(name);
  const warnings = left === undefined ? route.warnings : [...route.warnings, left];
  const { count, named } = withheld.get(name) ?? { count: 0, named: [] };
  return {
    name,
    kind: kinds[kind],
    revision: kind === "unchanged" ? (before ?? after)?.revision : revision,
    moves,
    warnings: warnings.map((problem) => ({ ...problem })),
    withheldFrom: named,
    withheldCount: count,
  };
}

function routeState(route: StoredRoute): object {
  const { name, text, revision, spec, runs, author } = route;
  return {
    name,
    document: text,
    revision,
    champion: spec.champion,
    weights: sharesOf(spec).map(([variant, share]) => ({ variant, share })),
    table: (runs ?? []).map(([slots, variant]) => ({ slots, variant })),
    author: authorMessage(author),
  };
}

function historyMessage(name: string, record: HistoryRecord, previous: HistoryRecord | undefined): object {
  const { revision, kind, author, text, table } = record;
  const spec = text === "" ? undefined : readBack(name, record)?.spec;
  const before = previous?.table ?? null;
  return {
    revision,
    kind: kinds[kind],
    author: authorMessage(author),
    document: text,
    weights: spec === undefined ? [] : sharesOf(spec).map(([variant, share]) => ({ variant, share })),
    moves: before === null || table === null ? [] : movedSlots(rangesOf(before), rangesOf(table)).moves,
  };
}

const authorMessage = ({ name, atMs, reason }: Author): object => ({ name, at: durationMessage(atMs), reason });
