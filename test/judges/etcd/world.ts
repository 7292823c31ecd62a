/** What the judge's tests have in common: stores on members of etcd, watchers that wait, commits that are tried again. */
import assert from "node:assert/strict";
import { systemChance } from "../../../src/base/chance.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { type EtcdStoreOptions, openEtcdStore } from "../../../src/control/etcd-store.ts";
import { type Change, isUnavailable, type Store, type Watcher } from "../../../src/control/store.ts";
import type { Etcd } from "../../support/etcd.ts";
import { until } from "../../support/until.ts";

export const optionsFor = (etcd: Etcd, more: Partial<EtcdStoreOptions> = {}): EtcdStoreOptions => ({
  endpoints: etcd.endpoints,
  clock: systemClock,
  chance: systemChance,
  ...more,
});

export const openStore = (etcd: Etcd, more: Partial<EtcdStoreOptions> = {}): Promise<Store> =>
  openEtcdStore(optionsFor(etcd, more));

/** Of one key whose values count up: what was told, in order. */
export class CountingWatcher implements Watcher {
  readonly values: number[] = [];
  readonly revisions: number[] = [];
  readonly ended: string[] = [];

  changed(revision: number, changes: readonly Change[]): void {
    this.revisions.push(revision);
    for (const { value } of changes) this.values.push(Number(value));
  }

  lost(why: string): void {
    this.ended.push(why);
  }

  saw(value: number, withinMs = 20_000): Promise<void> {
    return until(
      () => this.values.includes(value) || this.ended.length > 0,
      `${value} was told, of ${this.values.join(",")}`,
      withinMs,
    );
  }

  /** Every value from 1 on once, in order, each with a later revision. */
  holds(last: number): void {
    assert.deepEqual(this.ended, []);
    assert.deepEqual(
      this.values,
      Array.from({ length: last }, (_, i) => i + 1),
    );
    assert.deepEqual(
      this.revisions,
      [...new Set(this.revisions)].sort((a, b) => a - b),
    );
  }
}

/** Counts one key up by one; a try whose end nobody knows is looked at before it is made again, as whoever uses a store must. */
export async function count(store: Store, to: number, triesLeft = 20): Promise<void> {
  try {
    const at = (await store.get("n")).entries[0];
    if (Number(at?.value ?? 0) >= to) return;
    const when = [{ key: "n", revision: at?.revision ?? 0 }];
    await store.commit({ when, changes: [{ key: "n", value: `${to}` }] });
  } catch (reason) {
    if (!isUnavailable(reason) || triesLeft === 0) throw reason;
  }
  return await count(store, to, triesLeft - 1);
}

export async function timed(doing: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await doing;
  return performance.now() - began;
}
