/**
 * Which variant a user has under a version: worked out from the tables that the service tells of its history, route by route.
 *
 * Of a store that was put back, a revision may have been twice: then each of its tables is one that a sidecar may have.
 */
import assert from "node:assert/strict";
import { parseVersion } from "../../src/api/version.ts";
import { keyFromText } from "../../src/base/hash.ts";
import { loadTexts } from "../../src/config/files.ts";
import type { RouteState } from "../../src/model/administration.ts";
import { explain } from "../../src/router/explain.ts";
import { compileAssigner } from "../../src/router/route-assigner.ts";
import type { Replica } from "./replica.ts";

/** What a route was from one revision on. */
interface Entry {
  readonly revision: number;
  readonly variants: readonly string[];
  readonly shares: Readonly<Record<string, number>>;
}

const historyLimit = 60;

export class Truth {
  readonly #users: number;
  /** By store and route. */
  readonly #entries = new Map<string, Entry[]>();
  readonly #known = new Set<string>();
  readonly #byVersion = new Map<string, readonly Entry[]>();

  constructor(users: number) {
    this.#users = users;
  }

  /** Takes in what a replica knows of these routes. */
  async learn(replica: Replica, routes: readonly string[]): Promise<void> {
    for (const route of routes) {
      const before = parseVersion(await replica.version(route))?.store ?? "";
      const history = await replica.admin.history(route, historyLimit);
      for (const { revision, author } of history) {
        const key = `${before} ${route} ${revision} ${author.atMs}`;
        if (this.#known.has(key)) continue;
        const state = await replica.admin.get(route, author.atMs);
        if (state.revision !== revision) continue; // two changes within a millisecond: the next look has it
        this.#add(`${before} ${route}`, state);
        this.#known.add(key);
      }
    }
  }

  #add(key: string, state: RouteState): void {
    const { name, document, table, revision } = state;
    const loaded = loadTexts("history", [{ name, text: document }], { local: "127.0.0.1:1", alone: false });
    assert.ok(loaded.ok, JSON.stringify(loaded));
    const [route] = loaded.value.routes;
    assert.ok(route);
    let from = 0;
    const ranges = table.map(({ variant, slots }) => {
      const range = { from, to: from + slots, variant };
      from = range.to;
      return range;
    });
    const assigner = compileAssigner(route, ranges);
    assert.ok(assigner.ok);
    const variants = Array.from(
      { length: this.#users },
      (_, user) => explain(assigner.value, keyFromText(`user-${user}`)).variant ?? "",
    );
    const shares = Object.fromEntries(state.weights.map(({ variant, share }) => [variant, share]));
    const entries = this.#entries.get(key) ?? [];
    this.#entries.set(key, entries);
    entries.push({ revision, variants, shares });
    this.#byVersion.clear();
  }

  /** What the route may be under a version; empty where nobody ever told of it. */
  at(version: string, route: string): readonly Entry[] {
    const key = `${version} ${route}`;
    const known = this.#byVersion.get(key);
    if (known !== undefined) return known;
    const { store, revision } = parseVersion(version) ?? { store: "", revision: 0 };
    const past = (this.#entries.get(`${store} ${route}`) ?? []).filter((entry) => entry.revision <= revision);
    const newest = Math.max(...past.map((entry) => entry.revision));
    const found = past.filter((entry) => entry.revision === newest);
    this.#byVersion.set(key, found);
    return found;
  }

  /** What the route was between two versions of one store, which a sidecar may have had without our seeing it. */
  between(first: string, last: string, route: string): readonly Entry[] {
    const [a, b] = [parseVersion(first), parseVersion(last)];
    if (a === undefined || b === undefined || a.store !== b.store) return [];
    const entries = this.#entries.get(`${a.store} ${route}`) ?? [];
    return entries.filter(({ revision }) => revision > a.revision && revision < b.revision);
  }
}
