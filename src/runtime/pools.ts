/**
 * The connection pools, which outlive configurations: one for each (route, variant, traffic, address, TLS), kept while any
 * generation in force names it, drained when none does any more.
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
  /** No configuration wants them any more; their last calls are under way. */
  readonly #leaving = new Map<Pool, Promise<void>>();

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

  /** The generation is in force: pools that it did not ask for take no new calls and go when theirs have ended. */
  commit(): void {
    for (const [key, { pool }] of this.#entries) if (!this.#wanted.has(key)) this.#leave(pool);
    this.#entries = this.#wanted;
  }

  /** What is asked for no more, within a generation: it takes no new calls. */
  release(route: string, variant: string, traffic: Traffic): void {
    for (const entry of this.#entries.values()) {
      if (entry.route === route && entry.variant === variant && entry.traffic === traffic) void entry.pool.drain();
    }
  }

  #leave(pool: Pool): void {
    this.#leaving.set(
      pool,
      pool.drain().then(() => void this.#leaving.delete(pool)),
    );
  }

  all(): Iterable<PoolEntry> {
    return this.#entries.values();
  }

  async drain(): Promise<void> {
    await Promise.all([...this.#leaving.values(), ...[...this.#entries.values()].map(({ pool }) => pool.drain())]);
  }

  destroy(): void {
    for (const { pool } of this.#entries.values()) pool.destroy();
    for (const pool of this.#leaving.keys()) pool.destroy();
  }
}
