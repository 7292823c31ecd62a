/** What the embedded store's tests share: a store on a disk in memory, and what its commits should have made of it. */
import assert from "node:assert/strict";
import type { Clock } from "../../src/base/clock.ts";
import type { Holder, Processes } from "../../src/control/embedded/holder.ts";
import { type OpenOptions, openOn } from "../../src/control/embedded/open.ts";
import type { EmbeddedStore } from "../../src/control/embedded/store.ts";
import type { Change, Store } from "../../src/control/store.ts";
import { mixer } from "./mixer.ts";
import type { Draw, PowerDisk } from "./power-disk.ts";
import { del, put } from "./store-contract.ts";

/** On which nothing but settling takes place: no beats, no retries. */
export const stoppedClock: Clock = {
  nowMs: () => 0,
  wallMs: () => 0,
  after: (delayMs, fn) => {
    if (delayMs === 0) queueMicrotask(fn);
    return () => undefined;
  },
};

const self: Holder = { pid: 1, host: "here", realm: "boot", started: "2" };

/** Every former holder is dead. */
export const loneProcess: Processes = { self: async () => self, startOf: async () => undefined };

let opened = 0;

export function openAlone(disk: PowerDisk, options: OpenOptions = {}, clock = stoppedClock): Promise<EmbeddedStore> {
  const chance = { next: mixer(++opened) };
  return openOn(disk, loneProcess, { clock, chance }, { lock: { settleMs: 0 }, ...options });
}

/** What one commit after another makes of nothing: the contents after each, the first before any. */
export class Expected {
  readonly states: string[];
  readonly #held: Map<string, string>;

  constructor(held: Iterable<readonly [string, string]> = []) {
    this.#held = new Map(held);
    this.states = [this.#text()];
  }

  add(changes: readonly Change[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#held.delete(key);
      else this.#held.set(key, value);
    }
    this.states.push(this.#text());
  }

  #text(): string {
    return JSON.stringify([...this.#held].sort());
  }
}

export async function contentsOf(store: Store): Promise<[string, string][]> {
  return (await store.get("")).entries.map(({ key, value }) => [key, value]);
}

/** Commit `n` of any: a few keys, so that they are written over and deleted; each leaves its number. */
export function changesOf(n: number, draw: Draw): Change[] {
  const changes = [put("n", `${n}`)];
  for (let key = 0; key < 6; key++) {
    const what = draw();
    if (what < 0.25) changes.push(put(`k${key}`, `${n}-${"ä".repeat(Math.floor(draw() * 30))}`));
    else if (what < 0.4) changes.push(del(`k${key}`));
  }
  return changes;
}

/** Commits in groups of a few at once, as callers do, and remembers what was acknowledged. */
export class Script {
  readonly expected: Expected;
  acknowledged = 0;
  /** The highest revision that anyone was told. */
  revision = 0;
  readonly #draw: Draw;
  #n: number;

  constructor(draw: Draw, n = 0, held: Iterable<readonly [string, string]> = []) {
    this.#draw = draw;
    this.#n = n;
    this.expected = new Expected(held);
  }

  async run(store: Store, commits: number): Promise<void> {
    const lease = await store.lease(1_000, () => undefined);
    for (let left = commits; left > 0; ) {
      const together = Math.min(left, 1 + Math.floor(this.#draw() * 3));
      left -= together;
      const group = Array.from({ length: together }, () => this.#commit(store));
      if (this.#draw() < 0.3) group.push(lease.put("leased", `${this.#n}`));
      await Promise.all(group);
    }
  }

  async #commit(store: Store): Promise<void> {
    const changes = changesOf(++this.#n, this.#draw);
    this.expected.add(changes);
    const at = this.expected.states.length - 1;
    const committed = await store.commit({ when: [], changes });
    assert.ok(committed.ok);
    this.acknowledged = Math.max(this.acknowledged, at);
    this.revision = Math.max(this.revision, committed.revision);
  }

  /** What was acknowledged is there, what was not is there as a whole or not at all, and no revision comes again. */
  async check(store: Store, how: string): Promise<void> {
    const { revision, entries } = await store.get("");
    const found = JSON.stringify(entries.map(({ key, value }) => [key, value]));
    const at = this.expected.states.lastIndexOf(found);
    assert.ok(at >= 0, `${how}: half a commit: ${found}`);
    assert.ok(at >= this.acknowledged, `${how}: ${this.acknowledged} commits were acknowledged, ${at} are there`);
    assert.ok(revision > this.revision, `${how}: revision ${this.revision} was told, and ${revision} comes next`);
  }
}
