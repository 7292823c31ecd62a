/**
 * Which variant a user has under a version: worked out from the tables that the service tells of its history, route by route.
 *
 * A store that was put back may have the id that it had before, with other changes under the same revisions. So what is told of a route is
 * kept by lines: who is told of another change under a revision is told of another line. A sidecar may have what any of them has.
 */
import assert from "node:assert/strict";
import { parseVersion } from "../../src/api/version.ts";
import { keyFromText } from "../../src/base/hash.ts";
import { loadTexts } from "../../src/config/files.ts";
import type { HistoryEntry, RouteState } from "../../src/model/administration.ts";
import { explain } from "../../src/router/explain.ts";
import { compileAssigner } from "../../src/router/route-assigner.ts";
import type { Replica } from "./replica.ts";

/** What a route was from one revision on. */
interface Entry {
  readonly revision: number;
  /** When the change was made: two of one revision differ in it. */
  readonly atMs: number;
  readonly variants: readonly string[];
  readonly shares: Readonly<Record<string, number>>;
}

const historyLimit = 60;

export class Truth {
  readonly #users: number;
  /** By store and route, and in each line by revision. */
  readonly #lines = new Map<string, Map<number, Entry>[]>();
  readonly #byVersion = new Map<string, readonly Entry[]>();

  constructor(users: number) {
    this.#users = users;
  }

  /** Takes in what a replica knows of these routes. */
  async learn(replica: Replica, routes: readonly string[]): Promise<void> {
    for (const route of routes) {
      const store = parseVersion(await replica.version(route))?.store ?? "";
      const history = await replica.admin.history(route, historyLimit);
      const line = this.#lineOf(`${store} ${route}`, history);
      for (const { revision, author } of history) {
        if (line.has(revision)) continue;
        const state = await replica.admin.get(route, author.atMs);
        if (state.revision !== revision) continue; // two changes within a millisecond: the next look has it
        line.set(revision, this.#entryOf(state, author.atMs));
        this.#byVersion.clear();
      }
    }
  }

  #lineOf(key: string, history: readonly HistoryEntry[]): Map<number, Entry> {
    const lines = this.#lines.get(key) ?? [];
    this.#lines.set(key, lines);
    const agrees = (line: ReadonlyMap<number, Entry>): boolean =>
      history.every(({ revision, author }) => (line.get(revision)?.atMs ?? author.atMs) === author.atMs);
    const known = lines.find(agrees);
    if (known !== undefined) return known;
    const line = new Map<number, Entry>();
    lines.push(line);
    return line;
  }

  #entryOf(state: RouteState, atMs: number): Entry {
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
    return { revision, atMs, variants, shares };
  }

  /** What the route may be under a version; empty where nobody ever told of it. */
  at(version: string, route: string): readonly Entry[] {
    const key = `${version} ${route}`;
    const known = this.#byVersion.get(key);
    if (known !== undefined) return known;
    const { store, revision } = parseVersion(version) ?? { store: "", revision: 0 };
    const found = (this.#lines.get(`${store} ${route}`) ?? []).flatMap((line) => {
      const past = [...line.values()].filter((entry) => entry.revision <= revision);
      const newest = Math.max(...past.map((entry) => entry.revision));
      return past.filter((entry) => entry.revision === newest);
    });
    this.#byVersion.set(key, found);
    return found;
  }

  /** What the route was between two versions of one store, which a sidecar may have had without our seeing it. */
  between(first: string, last: string, route: string): readonly Entry[] {
    const [a, b] = [parseVersion(first), parseVersion(last)];
    if (a === undefined || b === undefined || a.store !== b.store) return [];
    const entries = (this.#lines.get(`${a.store} ${route}`) ?? []).flatMap((line) => [...line.values()]);
    return entries.filter(({ revision }) => revision > a.revision && revision < b.revision);
  }
}
