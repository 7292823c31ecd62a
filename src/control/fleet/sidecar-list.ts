/**
 * `ListSidecars`: how the fleet stands, and the wait until it stands otherwise.
 *
 * A sidecar is waited for by what is in force when it is looked at. One that gets no route any more goes on with what it had and takes no
 * change, so nobody waits for it; but that it has none is its standing before the change was told to it, so what counts is what the
 * routes give it now. Whoever waited is asked anew who they are before they are answered: a minute is long enough to be locked out.
 */
import { ownCapabilities } from "../../api/capabilities.ts";
import { type DurationMessage, durationMs } from "../../api/messages.ts";
import type { RouteSpec } from "../../model/route.ts";
import type { AnyCall, Callers, PersonCaller } from "../access/callers.ts";
import { ending } from "../ports/refusal.ts";
import { sidecarMessage } from "../replicas/peer-sidecar.ts";
import { visibleRoute } from "../routes/administration.ts";
import type { Registry } from "../routes/registry.ts";
import type { RouteSet, StoredRoute } from "../routes/route-set.ts";
import { fits, within } from "../routes/selection.ts";
import { type Choice, Choices, viewerOf } from "../watch/choices.ts";
import { type Fleet, hasRefused, type SidecarInfo } from "./fleet.ts";

export interface SidecarListPorts {
  readonly registry: Pick<Registry, "routes">;
  readonly fleet: Fleet;
  readonly callers: Pick<Callers, "person">;
}

export interface ListSidecarsRequest {
  readonly route: string;
  readonly waitForRevision: number;
  readonly waitAtMost: DurationMessage | null;
}

export interface ListSidecarsCall {
  readonly request: ListSidecarsRequest;
  on(name: "cancelled", listener: () => void): unknown;
}

/** Longest wait that a call is held for: beyond it the caller asks again. */
const longestWaitMs = 600_000;

export function sidecarList({ registry, fleet, callers }: SidecarListPorts) {
  let known: { readonly set: RouteSet; readonly choices: Choices } | undefined;

  /** What a sidecar gets of the routes in force. */
  const choiceOf = ({ labels, instance, capabilities = ownCapabilities }: SidecarInfo): Choice => {
    const set = registry.routes;
    if (known?.set !== set) known = { set, choices: new Choices(set) };
    return known.choices.of(viewerOf(labels, instance, capabilities), (spec) => fleet.amongFirst(spec, instance));
  };

  return async (call: ListSidecarsCall): Promise<object> => {
    const { route: name, waitForRevision, waitAtMost } = call.request;
    let person = callers.person(call as unknown as AnyCall, "fleet");
    let route = name === "" ? undefined : visibleRoute(registry.routes, name, (each) => person.sees(each));
    const refused = (sidecar: SidecarInfo) => hasRefused(sidecar, waitForRevision, registry.routes.id);
    /** How one stands to what is waited for. */
    const afterwards = (sidecar: SidecarInfo): SidecarInfo => {
      const { state } = sidecar;
      const pending: SidecarInfo = { ...sidecar, state: "pending", problems: [], refused: "" };
      // What it refused is not what is waited for.
      if (state === "rejected") return refused(sidecar) ? sidecar : pending;
      if (state !== "unrouted") return sidecar;
      const { given, withheld } = choiceOf(sidecar);
      // That it is to get a route was not told to it yet.
      return given.length > 0 ? pending : { ...sidecar, withheld };
    };
    if (waitForRevision > 0) {
      const holdsUp = (sidecar: SidecarInfo): boolean => {
        const { state, revision } = sidecar;
        if (state === "gone" || revision >= waitForRevision || refused(sidecar)) return false;
        // Also one that the route is not for any more has to have let it go.
        if (!fitsRoute(sidecar, route) || !seesSidecar(person, sidecar)) return false;
        const judged = state === "unrouted" && registry.routes.revision >= waitForRevision;
        return !judged || choiceOf(sidecar).given.length > 0;
      };
      const most = Math.min(durationMs(waitAtMost) ?? 0, longestWaitMs);
      await new Promise<void>((resolve) => {
        const stop = fleet.until(holdsUp, most, resolve);
        call.on("cancelled", () => {
          stop();
          resolve();
        });
      });
      // What is known here is not how it stands any more.
      if (fleet.closed) throw ending();
      person = callers.person(call as unknown as AnyCall, "fleet");
      if (route !== undefined) route = routeNow(registry.routes, route, person);
    }
    const seen = fleet.list().filter((each) => concerns(each, route, fleet) && seesSidecar(person, each));
    const sidecars = waitForRevision === 0 ? seen : seen.map(afterwards);
    return { sidecars: sidecars.map(sidecarMessage), revision: registry.routes.revision };
  };
}

/** A route as it is by now, where it is still there: it may be for others. @throws ContenderError ROUTE_UNKNOWN. */
function routeNow(set: RouteSet, route: StoredRoute, person: PersonCaller): StoredRoute {
  const there = set.routes.some(({ name }) => name === route.name);
  return visibleRoute(there ? set : { ...set, routes: [route] }, route.name, (each) => person.sees(each));
}

/** Whether a route's labels fit a sidecar, whatever subset it asks for. */
function fitsRoute({ labels }: SidecarInfo, route: StoredRoute | undefined): boolean {
  return route === undefined || fits(route.spec, labels);
}

/** Whether a sidecar is one that a route is for. */
function concerns(sidecar: SidecarInfo, route: StoredRoute | undefined, fleet: Fleet): boolean {
  if (route === undefined) return true;
  const { labels, instance } = sidecar;
  return within(route.spec, labels, instance, (spec) => fleet.amongFirst(spec, instance));
}

/** A sidecar is seen by who may see a route that is its namespace's alone. */
export function seesSidecar(person: Pick<PersonCaller, "sees">, { labels }: SidecarInfo): boolean {
  return person.sees({ spec: { namespace: labels.namespace } as RouteSpec });
}
