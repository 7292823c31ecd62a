/**
 * Holds the one generation in force and swaps it whole: plan, bind, then switch. A snapshot that can't be planned
 * changes nothing. Calls keep the generation they began with.
 */

import type { Address } from "../base/address.ts";
import { formatAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import type { Parsed } from "../base/parsed.ts";
import type { ShadowDropReason } from "../model/call.ts";
import type { RouteSpec, Snapshot, VariantSpec } from "../model/route.ts";
import { shadowDropIndex } from "../observe/labels.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { ReportStore } from "../observe/report-store.ts";
import { type Plan, planSnapshot } from "../plan/plan.ts";
import type { VariantPlan } from "../plan/route-plan.ts";
import { dialects } from "../protocol/index.ts";
import { type Bindings, Generation } from "../proxy/generation.ts";
import { Breaker, type BreakerOptions, type BreakerState, type CallBreaker } from "../resilience/breaker.ts";
import { FallbackBudget, resolveFallbackBudgetOptions } from "../resilience/fallback-budget.ts";
import { Shadow } from "../shadow/shadow.ts";
import { Warmup, type WarmupEnd } from "../shadow/warmup.ts";
import { type BreakerNeed, copyBreaker, liveBreaker } from "./breakers.ts";
import type { PoolEntry, Pools } from "./pools.ts";
import type { UpstreamCredentials } from "./upstream-credentials.ts";

export interface BreakerEvent {
  readonly route: string;
  readonly variant: string;
  readonly traffic: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
}

export interface GenerationPorts {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly pools: Pools;
  readonly credentials: UpstreamCredentials;
  /** The pod's own model server; a gateway has none. */
  readonly local: Address | undefined;
  readonly breaker: BreakerOptions;
  onBreaker(event: BreakerEvent): void;
  onWarmup(event: { route: string; variant: string; end: WarmupEnd; left: number }): void;
  /** Gives a breaker that is kept elsewhere; by default each is kept here. */
  readonly makeBreaker?: ((need: BreakerNeed) => CallBreaker) | undefined;
  /** Counts by version of the configuration; undefined where nobody wants reports. */
  readonly counts?: ReportStore | undefined;
  /** Is told of each copy that counts for a variant's warm-up. */
  readonly onWarmupCopy?: ((key: string, answered: boolean) => void) | undefined;
  /** This process' share of what shadows and fallbacks may cost, above 0 up to 1; see `SidecarPorts.share`. */
  readonly share?: number;
}

/** Short names of the methods that gates watch. */
const predictMethods = Object.values(dialects)
  .flatMap((dialect) => dialect.methods)
  .filter((method) => method.kind === "predict")
  .map((method) => method.name);

/** Longer than calls wait for a stream, and for what they are sent again for. */
const longestRetirementMs = 30_000;

interface OlderGeneration {
  readonly generation: Generation;
  readonly pools: readonly PoolEntry[];
  /** It has had its time, whatever calls it has. */
  over: boolean;
  cancel: () => void;
}

interface WarmupEntry {
  readonly labels: readonly [string, string];
  readonly warmup: Warmup;
  /** No configuration wants it any more; copies of older calls may still be under way. */
  gone: boolean;
}

interface BreakerEntry {
  readonly labels: BreakerNeed["labels"];
  readonly breaker: CallBreaker;
}

export class Generations {
  readonly #ports: GenerationPorts;
  /** Breakers and budgets keep their memory across configurations: a reload must not forget that a variant is dead. */
  readonly #breakers = new Map<string, BreakerEntry>();
  readonly #budgets = new Map<string, FallbackBudget>();
  /** So do warm-ups: what is warm stays warm. */
  #warmups = new Map<string, WarmupEntry>();
  /** And gates of copies: what is under way counts against their limits. */
  #shadows = new Map<string, Shadow>();
  /** Gates that no configuration wants any more, while copies of theirs are under way, by what they were known by. */
  #oldShadows: (readonly [key: string, gate: Shadow])[] = [];
  /** Generations that calls still go by, the oldest first, with the pools that their successor had no use for. */
  #older: OlderGeneration[] = [];
  #current: Generation | undefined = undefined;

  constructor(ports: GenerationPorts) {
    this.#ports = ports;
    const { counts, metrics } = ports;
    if (counts !== undefined) {
      metrics.register("contender_report_lost_versions_total", () => [{ labels: [], value: counts.lost }]);
    }
    metrics.register("contender_warmup_remaining_copies", () =>
      [...this.#warmups.values()].map(({ labels, warmup }) => ({ labels, value: warmup.left })),
    );
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
    let sum = 0;
    for (const shadow of this.#shadows.values()) sum += shadow.heldBytes;
    for (const [, shadow] of this.#oldShadows) sum += shadow.heldBytes;
    return sum;
  }

  apply(snapshot: Snapshot): Parsed<Generation> {
    const plan = planSnapshot(snapshot);
    if (plan.ok) return this.use(plan.value);
    this.#ports.metrics.configRejected();
    return plan;
  }

  /** Puts in force what was planned before. */
  use(plan: Plan): Parsed<Generation> {
    const { metrics, pools } = this.#ports;
    const usable = this.#ports.credentials.use(plan);
    if (!usable.ok) {
      metrics.configRejected();
      return usable;
    }
    pools.begin();
    const shadows = new Map<string, Shadow>();
    const warmups = new Map<string, WarmupEntry>();
    const before = new Set(this.#breakers.keys());
    const used = new Set<string>();
    const { version } = plan.snapshot;
    const generation = new Generation(plan, this.#bindings(version, used, warmups, shadows));
    const previous = this.#current;
    for (const [key, entry] of this.#warmups) entry.gone = !warmups.has(key);
    this.#warmups = warmups;
    this.#keepOld(shadows);
    this.#current = generation;
    this.#retire(previous, pools.commit());
    metrics.setGeneration(plan.snapshot);
    this.#ports.counts?.begin(version, generation);
    for (const key of before) if (!used.has(key)) this.#forget(key);
    const routes = new Set(plan.routes.map(({ spec }) => spec.name));
    for (const route of this.#budgets.keys()) if (!routes.has(route)) this.#budgets.delete(route);
    return { ok: true, value: generation };
  }

  /** Copies that others sent to a variant; of a warm-up that is not ours (any more) they say nothing. */
  hearWarmup(key: string, answered: number, tried: number): void {
    this.#warmups.get(key)?.warmup.hear(answered, tried);
  }

  /** Copies under way are settled with the gate that let them through. */
  #keepOld(shadows: Map<string, Shadow>): void {
    const gone = [...this.#shadows].filter(([key, gate]) => shadows.get(key) !== gate);
    this.#oldShadows = [...this.#oldShadows, ...gone].filter(([, { inFlight }]) => inFlight > 0);
    this.#shadows = shadows;
  }

  /**
   * Keeps pools for the calls that go by an older configuration: one may wait there, be looked into still, or have to be sent
   * once more. They go with the last of these calls, or after a while in which each has come to its stream.
   */
  #retire(generation: Generation | undefined, pools: readonly PoolEntry[]): void {
    if (generation === undefined) return;
    const older: OlderGeneration = { generation, pools, over: false, cancel: () => undefined };
    older.cancel = this.#ports.clock.after(longestRetirementMs, () => {
      older.over = true;
      this.#sweep();
    });
    generation.onEmpty = () => this.#sweep();
    this.#older.push(older);
    this.#sweep();
  }

  /** A pool that a generation leaves may be one of those before it, too. */
  #sweep(): void {
    for (let first = this.#older[0]; first !== undefined; first = this.#older[0]) {
      if (first.generation.calls > 0 && !first.over) return;
      this.#older.shift();
      first.cancel();
      first.generation.onEmpty = undefined;
      this.#ports.pools.leave(first.pools);
    }
  }

  close(): void {
    for (const { cancel } of this.#older) cancel();
    this.#older = [];
    for (const key of [...this.#breakers.keys()]) this.#forget(key);
  }

  #bindings(
    version: string,
    used: Set<string>,
    warmups: Map<string, WarmupEntry>,
    shadows: Map<string, Shadow>,
  ): Bindings {
    const { counts, pools, metrics, local } = this.#ports;
    return {
      localAddress: local && formatAddress(local),
      pool: (route, variant, traffic) => pools.want(route, variant, traffic),
      cells: (route, variant) => metrics.routeVariant(route, variant, predictMethods),
      counts: (route, variant) => counts?.cells(version, route, variant),
      methodIndex: (name) => metrics.methodIndex(name),
      breaker: (route, { spec }) => {
        const need = liveBreaker(route, spec.name, this.#ports.breaker);
        return need && this.#breaker(need, used);
      },
      fallbackBudget: (route) => this.#budget(route),
      warmup: (route, variant) => this.#warmup(route, variant, warmups),
      shadow: (route, spec, cells, traffic, { address, spec: { model } }) => {
        const breaker = this.#breaker(copyBreaker(route, spec, traffic, this.#ports.breaker), used);
        // What is under way to another server does not warm this one up.
        const server = traffic === "warmup" ? [formatAddress(address), model] : [];
        const key = JSON.stringify([route.name, traffic, spec.variant, ...server]);
        const known = shadows.get(key) ?? this.#shadows.get(key);
        // All that the breaker is known by is in the spec: a gate with the same one has this breaker.
        if (known !== undefined && JSON.stringify(known.spec) === JSON.stringify(spec)) {
          shadows.set(key, known);
          return known;
        }
        // A warm-up takes what it needs of the calls there are; that it leaves the others is no loss.
        const dropped = (reason: ShadowDropReason): void => {
          if (traffic === "shadow") cells.shadowDropped(shadowDropIndex[reason]);
        };
        const before = known ?? this.#oldShadows.findLast(([old]) => old === key)?.[1];
        const gate = new Shadow(spec, { clock: this.#ports.clock, breaker, dropped }, this.#ports.share, before);
        shadows.set(key, gate);
        return gate;
      },
    };
  }

  #warmup(route: RouteSpec, { spec, address }: VariantPlan, warmups: Map<string, WarmupEntry>): Warmup | undefined {
    if (spec.warmup === undefined) return undefined;
    const { name, model, warmup } = spec;
    // Another address or model is another thing to warm up, be its name the same.
    const key = JSON.stringify([route.name, name, formatAddress(address), model]);
    const known = warmups.get(key) ?? this.#warmups.get(key);
    // What has been taking users is warm, whatever is asked for only now.
    const asked = this.#serves(route.name, spec) ? { ...warmup, copies: 0 } : warmup;
    const ended = (end: WarmupEnd, left: number): void => {
      // The pool may be that of another model's by now, and that the one before is warm is no news.
      if (entry.gone) return;
      this.#ports.pools.release(route.name, name, "warmup");
      this.#ports.onWarmup({ route: route.name, variant: name, end, left });
    };
    const counted = (answered: boolean): void => this.#ports.onWarmupCopy?.(key, answered);
    const labels = [route.name, name] as const;
    const entry: WarmupEntry = known ?? { labels, warmup: new Warmup(asked, ended, counted), gone: false };
    warmups.set(key, entry);
    const place = name === route.champion ? "champion" : (route.weights[name] ?? 0) > 0 ? "weighted" : "unweighted";
    entry.warmup.placed(place, this.#ports.clock.nowMs());
    return entry.warmup;
  }

  /** Whether the configuration in force gives users to a variant with this address and model. */
  #serves(route: string, { name, address, model }: VariantSpec): boolean {
    const spec = this.#current?.routes.find((bound) => bound.spec.name === route)?.spec;
    const before = spec?.variants.find((variant) => variant.name === name);
    if (before?.address !== address || JSON.stringify(before.model) !== JSON.stringify(model)) return false;
    return spec?.champion === name || (spec?.weights[name] ?? 0) > 0;
  }

  #breaker({ key, labels, options }: BreakerNeed, used: Set<string>): CallBreaker {
    used.add(key);
    const known = this.#breakers.get(key);
    if (known !== undefined) return known.breaker;
    const breaker = this.#ports.makeBreaker?.({ key, labels, options }) ?? this.#ownBreaker(labels, options);
    this.#breakers.set(key, { labels, breaker });
    return breaker;
  }

  #ownBreaker([route, variant, traffic]: BreakerNeed["labels"], options: BreakerOptions): Breaker {
    return new Breaker(this.#ports.clock, options, (to, from) =>
      this.#ports.onBreaker({ route, variant, traffic, from, to }),
    );
  }

  #budget(route: string): FallbackBudget {
    const known = this.#budgets.get(route);
    if (known !== undefined) return known;
    // The ratio is of this process' own calls; the floor is one for all.
    const minPerSecond = resolveFallbackBudgetOptions().minPerSecond * (this.#ports.share ?? 1);
    const budget = new FallbackBudget(this.#ports.clock, { minPerSecond });
    this.#budgets.set(route, budget);
    return budget;
  }

  #forget(key: string): void {
    this.#breakers.get(key)?.breaker.close();
    this.#breakers.delete(key);
  }
}
