/**
 * Holds the one generation in force and swaps it whole: plan, bind, then switch. A snapshot that can't be planned
 * changes nothing. Calls keep the generation they began with.
 */

import type { Address } from "../base/address.ts";
import { formatAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import type { Parsed } from "../base/parsed.ts";
import type { RouteSpec, ShadowSpec, Snapshot } from "../model/route.ts";
import { shadowDropIndex } from "../observe/labels.ts";
import type { Metrics } from "../observe/metrics.ts";
import { planSnapshot } from "../plan/plan.ts";
import type { VariantPlan } from "../plan/route-plan.ts";
import { dialects } from "../protocol/index.ts";
import { type Bindings, Generation } from "../proxy/generation.ts";
import { Breaker, type BreakerOptions, type BreakerState } from "../resilience/breaker.ts";
import { FallbackBudget } from "../resilience/fallback-budget.ts";
import { Shadow } from "../shadow/shadow.ts";
import type { Pools } from "./pools.ts";

export interface GenerationPorts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly pools: Pools;
  /** The pod's own model server. */
  readonly local: Address;
  readonly breaker: BreakerOptions;
  onBreaker(event: { route: string; variant: string; traffic: string; from: BreakerState; to: BreakerState }): void;
}

/** Short names of the methods that gates watch. */
const predictMethods = Object.values(dialects)
  .flatMap((dialect) => dialect.methods)
  .filter((method) => method.kind === "predict")
  .map((method) => method.name);

interface BreakerEntry {
  readonly labels: readonly [string, string, string];
  readonly breaker: Breaker;
}

export class Generations {
  readonly #ports: GenerationPorts;
  /** Breakers and budgets keep their memory across configurations: a reload must not forget that a variant is dead. */
  readonly #breakers = new Map<string, BreakerEntry>();
  readonly #budgets = new Map<string, FallbackBudget>();
  #shadows: Shadow[] = [];
  #current: Generation | undefined = undefined;

  constructor(ports: GenerationPorts) {
    this.#ports = ports;
    const { metrics } = ports;
    metrics.register("contender_breaker_open", () =>
      [...this.#breakers.values()].map(({ labels, breaker }) => ({
        labels,
        value: breaker.state === "closed" ? 0 : 1,
      })),
    );
  }

  /** Undefined until the first configuration is in force. */
  get current(): Generation | undefined {
    return this.#current;
  }

  /** Request bytes held by copies. */
  get shadowBytes(): number {
    return this.#shadows.reduce((sum, shadow) => sum + shadow.heldBytes, 0);
  }

  apply(snapshot: Snapshot): Parsed<Generation> {
    const { metrics, pools } = this.#ports;
    const plan = planSnapshot(snapshot);
    if (!plan.ok) {
      metrics.configRejected();
      return plan;
    }
    pools.begin();
    this.#shadows = [];
    const before = new Set(this.#breakers.keys());
    const used = new Set<string>();
    const generation = new Generation(plan.value, this.#bindings(used));
    this.#current = generation;
    pools.commit();
    metrics.setGeneration(snapshot);
    for (const key of before) if (!used.has(key)) this.#forget(key);
    return { ok: true, value: generation };
  }

  close(): void {
    for (const key of [...this.#breakers.keys()]) this.#forget(key);
  }

  #bindings(used: Set<string>): Bindings {
    const { pools, metrics, local } = this.#ports;
    return {
      localAddress: formatAddress(local),
      pool: (route, variant, traffic) => pools.want(route, variant, traffic),
      cells: (route, variant) => metrics.routeVariant(route, variant, predictMethods),
      methodIndex: (name) => metrics.methodIndex(name),
      breaker: (route, variant) => this.#insuring(route, variant, used),
      fallbackBudget: (route) => this.#budget(route),
      shadow: (route, spec, cells) => {
        const shadow = new Shadow(spec, {
          clock: this.#ports.clock,
          breaker: this.#breaker(route, spec.variant, "shadow", used, spec),
          dropped: (reason) => cells.shadowDropped(shadowDropIndex[reason]),
        });
        this.#shadows.push(shadow);
        return shadow;
      },
    };
  }

  #insuring(route: RouteSpec, variant: VariantPlan, used: Set<string>): Breaker | undefined {
    if (variant.spec.onFailure !== "champion" || variant.spec.name === route.champion) return undefined;
    return this.#breaker(route, variant.spec.name, "live", used);
  }

  #breaker(route: RouteSpec, variant: string, traffic: string, used: Set<string>, shadow?: ShadowSpec): Breaker {
    const key = JSON.stringify([route.name, variant, traffic]);
    used.add(key);
    const known = this.#breakers.get(key);
    if (known !== undefined) return known.breaker;
    const options = shadow === undefined ? this.#ports.breaker : shadowBreaker(this.#ports.breaker, shadow);
    const breaker = new Breaker(this.#ports.clock, options, (to, from) =>
      this.#ports.onBreaker({ route: route.name, variant, traffic, from, to }),
    );
    this.#breakers.set(key, { labels: [route.name, variant, traffic], breaker });
    return breaker;
  }

  #budget(route: string): FallbackBudget {
    const known = this.#budgets.get(route);
    if (known !== undefined) return known;
    const budget = new FallbackBudget(this.#ports.clock);
    this.#budgets.set(route, budget);
    return budget;
  }

  #forget(key: string): void {
    this.#breakers.get(key)?.breaker.close();
    this.#breakers.delete(key);
  }
}

/** A probe of a shadow must outlast the shadow's own deadline, which ends it. */
function shadowBreaker(options: BreakerOptions, shadow: ShadowSpec): BreakerOptions {
  return { ...options, probeTimeoutMs: Math.max(options.probeTimeoutMs ?? 0, shadow.timeoutMs * 2, 1_000) };
}
