/**
 * What a sidecar is sent: the routes for it, encoded once for all sidecars that get the same.
 *
 * There are as many views as there are kinds of sidecars, a handful, and thousands of streams: bytes are made when routes change, never
 * per stream.
 */
import { createHash } from "node:crypto";
import { messageType } from "../../api/protos.ts";
import { routeMessage } from "../../api/route-message.ts";
import { formatVersion } from "../../api/version.ts";
import { BoundedMap } from "../bounded-map.ts";
import type { RouteSet, StoredRoute } from "../routes/route-set.ts";
import type { AmongFirst } from "../routes/selection.ts";
import { type Choice, Choices, type Viewer, type Withheld } from "./choices.ts";

export interface View {
  readonly version: string;
  /** An encoded `Snapshot`. */
  readonly bytes: Buffer;
  /** Names of its routes. */
  readonly routes: readonly string[];
  /** Routes that a sidecar lacks something for. */
  readonly withheld: readonly Withheld[];
}

/** Streams hold those that they were sent; the others are here for who comes next. */
const mostKeptBytes = 67_108_864;

export class Views {
  readonly #set: RouteSet;
  readonly #choices: Choices;
  readonly #views = new BoundedMap<Choice, View>(mostKeptBytes, ({ bytes }) => bytes.length);
  /** Parts of views, by what is in them. */
  readonly #shown = new BoundedMap<string, View>(mostKeptBytes, ({ bytes }) => bytes.length);

  constructor(set: RouteSet) {
    this.#set = set;
    this.#choices = new Choices(set);
  }

  of(viewer: Viewer, amongFirst: AmongFirst): View {
    const choice = this.#choices.of(viewer, amongFirst);
    const known = this.#views.get(choice);
    if (known !== undefined) return known;
    const view = this.#encode(choice);
    this.#views.set(choice, view);
    return view;
  }

  /** For who asks but once: finds what is known, and leaves nothing behind. */
  once(viewer: Viewer, amongFirst: AmongFirst): View {
    const choice = this.#choices.once(viewer, amongFirst);
    return this.#views.get(choice) ?? this.#encode(choice);
  }

  /** What of a view is shown to somebody who may not see every route of it. */
  shown(view: View, sees: ((route: StoredRoute) => boolean) | undefined): View {
    if (sees === undefined) return view;
    const seen = new Set(this.#set.routes.filter(sees).map(({ name }) => name));
    const { routes, withheld } = view;
    if (routes.every((name) => seen.has(name)) && withheld.every(({ route }) => seen.has(route))) return view;
    const had = new Set(routes);
    const given = this.#set.routes.filter(({ name }) => seen.has(name) && had.has(name));
    const lacking = withheld.filter(({ route }) => seen.has(route));
    const key = JSON.stringify([given.map(({ name }) => name), lacking]);
    const known = this.#shown.get(key);
    if (known !== undefined) return known;
    const part = this.#encode({ given, withheld: lacking });
    this.#shown.set(key, part);
    return part;
  }

  #encode({ given, withheld }: Choice): View {
    const { id, revision } = this.#set;
    // One of several must be the default; where a route is withheld, or a kind of sidecar was not foreseen, the first stands in.
    const byDefault = given.find(({ spec }) => spec.default) ?? given[0];
    const bytes = messageType("Snapshot").encode({
      routes: given.map((route) => {
        const message = routeMessage(route.draft, route.table);
        return given.length > 1 ? { ...message, default: route === byDefault } : message;
      }),
      withheld: withheld.map(({ route, missing }) => ({ route, missingCapabilities: missing })),
    });
    const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
    const routes = given.map(({ name }) => name);
    return { version: formatVersion({ store: id, revision, digest }), bytes, routes, withheld };
  }
}
