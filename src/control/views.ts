/**
 * What a sidecar is sent: the routes for it, encoded once for all sidecars that get the same.
 *
 * There are as many views as there are kinds of sidecars, a handful, and thousands of streams: bytes are made when routes change, never
 * per stream.
 */
import { createHash } from "node:crypto";
import { messageType } from "../api/protos.ts";
import { routeMessage } from "../api/route-message.ts";
import { formatVersion } from "../api/version.ts";
import type { RouteSet, StoredRoute } from "./route-set.ts";
import { type AmongFirst, type Labels, select } from "./selection.ts";

export interface Withheld {
  readonly route: string;
  readonly missing: readonly string[];
}

export interface View {
  readonly version: string;
  /** An encoded `Snapshot`. */
  readonly bytes: Buffer;
  /** Names of its routes. */
  readonly routes: readonly string[];
  /** Routes that a sidecar lacks something for. */
  readonly withheld: readonly Withheld[];
}

export class Viewer {
  readonly labels: Labels;
  readonly instance: string;
  readonly capabilities: ReadonlySet<string>;
  readonly #capabilities: string;

  constructor(labels: Labels, instance: string, capabilities: readonly string[]) {
    this.labels = labels;
    this.instance = instance;
    this.capabilities = new Set(capabilities);
    this.#capabilities = [...this.capabilities].sort().join();
  }

  /** Equal for sidecars that get the same wherever no route asks for a subset. @param pods whether any asks for a pod */
  kind(pods: boolean): string {
    const { namespace = "", workload = "", pod = "" } = this.labels;
    return `${namespace}\0${workload}\0${pods ? pod : ""}\0${this.#capabilities}`;
  }
}

export class Views {
  readonly #set: RouteSet;
  readonly #views = new Map<string, View>();
  /** By kind of viewer; of no use where instances of one kind get different routes. */
  readonly #byKind: Map<string, View> | undefined;
  readonly #pods: boolean;
  readonly #needs: ReadonlyMap<StoredRoute, readonly string[]>;

  constructor(set: RouteSet) {
    this.#set = set;
    const subsets = set.routes.some(
      ({ spec: { selector } }) => selector?.first !== undefined || selector?.percent !== undefined,
    );
    this.#pods = set.routes.some(({ spec: { selector } }) => selector?.pod !== undefined);
    this.#byKind = subsets ? undefined : new Map();
    this.#needs = new Map(set.routes.map((route) => [route, needsOf(route)]));
  }

  of(viewer: Viewer, amongFirst: AmongFirst): View {
    const kind = viewer.kind(this.#pods);
    const known = this.#byKind?.get(kind);
    if (known !== undefined) return known;
    const view = this.#select(viewer, amongFirst);
    this.#byKind?.set(kind, view);
    return view;
  }

  /** What of a view is shown to somebody who may not see every route of it. */
  shown(view: View, sees: ((route: StoredRoute) => boolean) | undefined): View {
    if (sees === undefined) return view;
    const seen = new Set(this.#set.routes.filter(sees).map(({ name }) => name));
    const { routes, withheld } = view;
    if (routes.every((name) => seen.has(name)) && withheld.every(({ route }) => seen.has(route))) return view;
    const given = this.#set.routes.filter(({ name }) => seen.has(name) && routes.includes(name));
    return this.#encode(
      given,
      withheld.filter(({ route }) => seen.has(route)),
    );
  }

  #select(viewer: Viewer, amongFirst: AmongFirst): View {
    const { labels, instance } = viewer;
    const missingOf = (route: StoredRoute): string[] =>
      (this.#needs.get(route) ?? []).filter((name) => !viewer.capabilities.has(name));
    const withheld = select(this.#set.routes, labels, instance, amongFirst).flatMap((route) => {
      const missing = missingOf(route);
      return missing.length > 0 ? [{ route: route.name, missing }] : [];
    });
    // What is withheld takes nothing's place: its calls are those of the wider route, as without it.
    const able =
      withheld.length === 0 ? this.#set.routes : this.#set.routes.filter((route) => missingOf(route).length === 0);
    const given = select(able, labels, instance, amongFirst);
    const key = JSON.stringify([given.map(({ name }) => name), withheld]);
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const view = this.#encode(given, withheld);
    this.#views.set(key, view);
    return view;
  }

  #encode(routes: readonly StoredRoute[], withheld: readonly Withheld[]): View {
    const { id, revision } = this.#set;
    // One of several must be the default; where a route is withheld, or a kind of sidecar was not foreseen, the first stands in.
    const byDefault = routes.find(({ spec }) => spec.default) ?? routes[0];
    const bytes = messageType("Snapshot").encode({
      routes: routes.map((route) => {
        const message = routeMessage(route.draft, route.table);
        return routes.length > 1 ? { ...message, default: route === byDefault } : message;
      }),
      withheld: withheld.map(({ route, missing }) => ({ route, missingCapabilities: missing })),
    });
    const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
    const names = routes.map(({ name }) => name);
    return { version: formatVersion({ store: id, revision, digest }), bytes, routes: names, withheld };
  }
}

function needsOf(route: StoredRoute): readonly string[] {
  return routeMessage(route.draft, undefined).capabilities as readonly string[];
}
