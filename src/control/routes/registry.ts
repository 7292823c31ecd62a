/**
 * The routes in force, kept up with the store.
 *
 * What is read is taken whole or not at all: where the store holds something that is no route, or routes that don't go together, the
 * last good ones stay in force and the problem is told, until the store is well again. A store that can't be reached changes
 * nothing either.
 */
import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import { type Problem, problemLine } from "../../base/parsed.ts";
import type { Change, Commit, Entries, Store } from "../store.ts";
import { headText, idText, keys, readHead, readId, readRecord } from "./records.ts";
import { judgeTogether, type RouteSet, type StoredRoute, storedRoute } from "./route-set.ts";

export interface RegistryPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  /** New routes are in force. */
  changed(routes: RouteSet): void;
  /** What is in the store can't be served; what was before it stays. Empty: it is well again. */
  damaged(problems: readonly Problem[]): void;
  /** The store was put back, by what this service itself has seen of it. */
  wentBack(from: { readonly store: string; readonly revision: number }): void;
  /** The watch ended, and everything is read anew. */
  reread(why: string): void;
}

/** After a failed reading of the store. */
const retryMs = 1_000;
/** Somebody else was faster so often. */
const mostTries = 10;

interface Raw {
  readonly value: string;
  /** Of the store. */
  readonly revision: number;
}

export class Registry {
  readonly #ports: RegistryPorts;
  /** Everything under `state/`, and up to which revision of the store. */
  #raw = new Map<string, Raw>();
  #seen = 0;
  /** The last id that the store was given by this process. */
  #given: string | undefined = undefined;
  /** How often the store was found to have gone back. */
  #turns = 0;
  #routes: RouteSet | undefined = undefined;
  /** Routes by what they were read from, so that a change reads its own only. */
  #read = new Map<string, { readonly value: string; readonly route: StoredRoute }>();
  #watch: { close(): void } | undefined = undefined;
  #problems: readonly Problem[] = [];
  #closed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(ports: RegistryPorts) {
    this.#ports = ports;
  }

  /**
   * Reads the store, which is given an id where it has none, and follows it.
   * @throws ContenderError STORE_UNAVAILABLE, or STORE_DAMAGED where what is in it can't be served.
   */
  async open(): Promise<RouteSet> {
    await this.#initialise();
    await this.#readAll();
    if (this.#routes === undefined) {
      throw new ContenderError(
        "STORE_DAMAGED",
        `what is in the store can't be served:\n${this.#problems.map(problemLine).join("\n")}`,
      );
    }
    return this.#routes;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#cancelRetry();
  }

  /** @throws where it is not open. */
  get routes(): RouteSet {
    if (this.#routes === undefined) throw new ContenderError("STORE_UNAVAILABLE", "the store was not read yet");
    return this.#routes;
  }

  /** What is wrong with the store's contents; empty where nothing is. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** What must be so in the store still for a change that is based on what is in force now: the guard of its commit. */
  get guard(): Commit["when"] {
    return [keys.head, keys.id].map((key) => ({ key, revision: this.#raw.get(key)?.revision ?? 0 }));
  }

  /**
   * Writes changes of routes with the count of changes that they make; `changes` is a function of it.
   * @param guard taken together with the routes that the changes are based on: others may be in force by now
   * @returns false where somebody else was faster: `refresh` has what is in force by now.
   * @throws ContenderError STORE_UNAVAILABLE or STORE_LOCKED, where it may have been written all the same; STORE_DAMAGED, where not.
   */
  async commit(revision: number, changes: readonly Change[], guard: Commit["when"]): Promise<boolean> {
    // What is in force here is not what is in the store then: the count would go back, and later changes of others be undone.
    if (this.#problems.length > 0) {
      const text =
        "nothing was changed: the store holds what this service can't read, and it goes on with the routes from before. The event store_damaged in its log names the keys; mend them, or ask a service of the release that wrote them";
      throw new ContenderError("STORE_DAMAGED", text);
    }
    const all = [{ key: keys.head, value: headText(revision) }, ...changes];
    const committed = await this.#ports.store.commit({ when: guard, changes: all });
    if (committed.ok) this.#take(committed.revision, all);
    return committed.ok;
  }

  /** Reads what is in force now, whatever the watch has told so far. @throws ContenderError STORE_UNAVAILABLE. */
  async refresh(): Promise<void> {
    const { revision, entries } = await this.#newest();
    if (revision === this.#seen) return;
    // A store that has gone back was put back: what a watch would tell of it comes much later, or never.
    if (revision < this.#seen) return await this.#readAll();
    this.#seen = revision;
    this.#raw = new Map(entries.map((entry) => [entry.key, entry]));
    this.#rebuild();
  }

  /**
   * What is in the store, no older than what is known when it has come. An answer may be passed on its way by a commit of ours or by the
   * watch, and must not undo them: then it is asked anew. It has gone back where it is behind what was known before it was asked.
   */
  async #newest(): Promise<Entries> {
    for (;;) {
      const [seen, turns] = [this.#seen, this.#turns];
      const found = await this.#ports.store.get(keys.state);
      const passed = found.revision < this.#seen && (found.revision >= seen || turns !== this.#turns);
      if (!passed || this.#closed) return found;
    }
  }

  /**
   * A sidecar has a later revision of this store than there is: it was restored from a backup, or put back. It becomes another store,
   * so that what is in it now is taken by sidecars that have seen more.
   * @returns whether it was given a new id
   * @throws ContenderError STORE_UNAVAILABLE.
   */
  async restored(claimed: { readonly store: string; readonly revision: number }): Promise<boolean> {
    for (let tries = 0; tries < mostTries; tries++) {
      await this.refresh();
      // Not by what is in force: a store that can't be read has come further than that, and was not put back.
      const { id, revision } = this.#come();
      if (claimed.store !== id || claimed.revision <= revision) return false;
      const key = keys.id;
      const given = this.#newId();
      const value = idText(given, this.#ports.clock.wallMs());
      const committed = await this.#ports.store.commit({
        when: this.guard,
        changes: [{ key, value }],
      });
      if (!committed.ok) continue;
      this.#given = given;
      this.#take(committed.revision, [{ key, value }]);
      return true;
    }
    return false;
  }

  /** Whether every revision under this id has gone through here: nobody else writes to the store, and its id was given here. */
  knowsAll(id: string): boolean {
    return !this.#ports.store.shared && id === this.#given;
  }

  /** How far the store has come, whatever of it can be served. @throws ContenderError STORE_DAMAGED. */
  #come(): { readonly id: string; readonly revision: number } {
    const text = (key: string): string => this.#raw.get(key)?.value ?? "";
    return { id: readId(text(keys.id)), revision: readHead(text(keys.head)) };
  }

  async #initialise(): Promise<void> {
    const { store, clock } = this.#ports;
    // Nothing is written to a store that has been begun: one without room is served from as well.
    const { entries } = await store.get(keys.state, { below: keys.routes });
    if (entries.some(({ key }) => key === keys.id || key === keys.head)) return;
    const given = this.#newId();
    const committed = await store.commit({
      when: [
        { key: keys.id, revision: 0 },
        { key: keys.head, revision: 0 },
      ],
      changes: [
        { key: keys.id, value: idText(given, clock.wallMs()) },
        { key: keys.head, value: headText(0) },
      ],
    });
    if (committed.ok) this.#given = given;
  }

  #newId(): string {
    const half = (): string =>
      Math.trunc(this.#ports.chance.next() * 2 ** 24)
        .toString(16)
        .padStart(6, "0");
    return half() + half();
  }

  async #readAll(): Promise<void> {
    const { store } = this.#ports;
    const { revision, entries } = await this.#newest();
    if (this.#closed) return;
    if (revision < this.#seen) this.#turns++;
    this.#seen = revision;
    this.#raw = new Map(entries.map((entry) => [entry.key, entry]));
    this.#watch?.close();
    this.#watch = store.watch(keys.state, revision, {
      changed: (at, changes) => this.#take(at, changes),
      lost: (why) => {
        this.#ports.reread(why);
        void this.#readAgain();
      },
      resumed: () => void this.refresh().catch(() => this.#readAgain()),
    });
    this.#rebuild();
  }

  async #readAgain(): Promise<void> {
    try {
      await this.#readAll();
    } catch (reason) {
      this.#ports.reread(String(reason));
      if (!this.#closed) this.#cancelRetry = this.#ports.clock.after(retryMs, () => void this.#readAgain());
    }
  }

  /** Our own commits come twice: from here, and by the watch. */
  #take(revision: number, changes: readonly Change[]): void {
    if (this.#closed || revision <= this.#seen) return;
    this.#seen = revision;
    for (const { key, value } of changes) {
      if (value === undefined) this.#raw.delete(key);
      else this.#raw.set(key, { value, revision });
    }
    this.#rebuild();
  }

  #rebuild(): void {
    const problems: Problem[] = [];
    const routes = this.#readState(problems);
    if (routes !== undefined && problems.length === 0) problems.push(...judgeTogether(routes.routes));
    const were = this.#problems;
    this.#problems = problems;
    if (problems.length > 0 || were.length > 0) this.#ports.damaged(problems);
    if (routes === undefined || problems.length > 0) return;
    const before = this.#routes;
    this.#routes = routes;
    this.#ports.changed(routes);
    if (before?.id === routes.id && routes.revision < before.revision) {
      this.#ports.wentBack({ store: before.id, revision: before.revision });
    }
  }

  #readState(problems: Problem[]): RouteSet | undefined {
    const read = new Map<string, { readonly value: string; readonly route: StoredRoute }>();
    let id: string | undefined;
    let revision: number | undefined;
    for (const [key, { value }] of this.#raw) {
      try {
        if (key === keys.id) id = readId(value);
        else if (key === keys.head) revision = readHead(value);
        else if (key.startsWith(keys.routes)) {
          const known = this.#read.get(key);
          const route =
            known?.value === value ? known.route : storedRoute(key.slice(keys.routes.length), readRecord(key, value));
          if ("spec" in route) read.set(key, { value, route });
          else problems.push(...route);
        }
      } catch (reason) {
        problems.push({ path: key, message: (reason as Error).message });
      }
    }
    if (id === undefined || revision === undefined) {
      problems.push({ path: keys.state, message: "the store has lost its id or its revision: it was emptied" });
      return undefined;
    }
    this.#read = read;
    const routes = [...read.values()].map(({ route }) => route).sort((a, b) => (a.name < b.name ? -1 : 1));
    return { id, revision, routes };
  }
}
