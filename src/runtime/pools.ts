/**
 * The connection pools, which outlive configurations: one for each (route, variant, traffic, address, TLS), kept while the
 * generation in force names it or calls of older ones may need it, then drained.
 */
import { formatAddress } from "../base/address.ts";
import type { Traffic } from "../model/call.ts";
import type { VariantPlan } from "../plan/route-plan.ts";
import type { Pool } from "../transport/pool.ts";
import { serverNameOf } from "./upstream-credentials.ts";

export interface PoolEntry {
  readonly route: string;
  readonly variant: string;
  readonly traffic: Traffic;
  readonly pool: Pool;
}

export class Pools {
  readonly #make: (plan: VariantPlan, route: string, traffic: Traffic) => Pool;
  #entries = new Map<string, PoolEntry>();
  /** What the generation that is being made has asked for. */
  #wanted = new Map<string, PoolEntry>();
  /** The configuration in force has no use for them; calls of older ones may. */
  readonly #retired = new Set<PoolEntry>();
  /** They take no new calls; their last ones are under way. */
  readonly #leaving = new Map<PoolEntry, Promise<void>>();

  constructor(make: (plan: VariantPlan, route: string, traffic: Traffic) => Pool) {
    this.#make = make;
  }

  /** Begins the making of a generation. */
  begin(): void {
    this.#wanted = new Map();
  }

  want(route: string, plan: VariantPlan, traffic: Traffic): Pool {
    const { name, tls } = plan.spec;
    const secured = tls === undefined ? [] : [tls, serverNameOf(plan)];
    const key = JSON.stringify([route, name, traffic, formatAddress(plan.address), ...secured]);
    const entry = this.#wanted.get(key) ??
      this.#entries.get(key) ?? { route, variant: plan.spec.name, traffic, pool: this.#make(plan, route, traffic) };
    this.#wanted.set(key, entry);
    return entry.pool;
  }

  /** The generation is in force. @returns those that it did not ask for, to be given to `leave` when no call needs them. */
  commit(): readonly PoolEntry[] {
    const retired = [...this.#entries].filter(([key]) => !this.#wanted.has(key)).map(([, entry]) => entry);
    for (const entry of retired) this.#retired.add(entry);
    this.#entries = this.#wanted;
    return retired;
  }

  /** These take no new calls, and go when theirs have ended. */
  leave(entries: Iterable<PoolEntry>): void {
    for (const entry of entries) {
      this.#retired.delete(entry);
      if (this.#leaving.has(entry)) continue;
      this.#leaving.set(
        entry,
        entry.pool.drain().then(() => void this.#leaving.delete(entry)),
      );
    }
  }

  /** What is asked for no more, within a generation: whoever asks again gets another. */
  release(route: string, variant: string, traffic: Traffic): void {
    for (const [key, entry] of this.#entries) {
      if (entry.route !== route || entry.variant !== variant || entry.traffic !== traffic) continue;
      this.#entries.delete(key);
      this.leave([entry]);
    }
  }

  /** All that have connections, also those that no configuration wants any more. */
  *all(): Iterable<PoolEntry> {
    yield* this.#entries.values();
    yield* this.#retired;
    yield* this.#leaving.keys();
  }

  async drain(): Promise<void> {
    this.leave([...this.#retired]);
    await Promise.all([...this.#leaving.values(), ...[...this.#entries.values()].map(({ pool }) => pool.drain())]);
  }

  destroy(): void {
    for (const { pool } of this.all()) pool.destroy();
  }
}
