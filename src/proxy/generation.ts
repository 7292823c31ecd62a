/**
 * A plan bound to what it runs on: pools, metric cells, header fields made once. Immutable; a new configuration makes
 * a new one, and a call keeps the one it began with.
 */
import { formatAddress } from "../base/address.ts";
import { keyFromText } from "../base/hash.ts";
import { HeaderField } from "../http2/header-block.ts";
import type { ScoreInvalidReason, Traffic } from "../model/call.ts";
import type { DialectName, RouteSpec, ShadowSpec } from "../model/route.ts";
import { scoreInvalidIndex, trafficIndex } from "../observe/labels.ts";
import { type ReportCells, reportRow } from "../observe/report-cells.ts";
import type { VariantCells } from "../observe/variant-cells.ts";
import type { MethodPlan, Plan } from "../plan/plan.ts";
import type { RoutePlan, VariantPlan } from "../plan/route-plan.ts";
import type { ScoreReader, ScoreSink } from "../protocol/dialect.ts";
import type { CallBreaker } from "../resilience/breaker.ts";
import type { FallbackBudget } from "../resilience/fallback-budget.ts";
import type { Shadow } from "../shadow/shadow.ts";
import type { Warmup } from "../shadow/warmup.ts";
import type { Pool } from "../transport/pool.ts";
import { warmupCopies } from "./warmth.ts";

/** Sends one kind of traffic's scores of one variant to its cells. */
export class VariantSink implements ScoreSink {
  readonly #cells: VariantCells;
  readonly #traffic: number;
  readonly #expected: string | undefined;
  /** Of the answer read last, for the prediction log. */
  lastModel: string | undefined = undefined;
  lastVersion: string | undefined = undefined;
  lastScore: number | undefined = undefined;
  readonly #counts: ReportCells | undefined;
  /** Where the answer that is read counts for the config service; -1 where gates leave it out. */
  #row = -1;

  constructor(cells: VariantCells, counts: ReportCells | undefined, traffic: number, expected: string | undefined) {
    this.#cells = cells;
    this.#counts = counts;
    this.#traffic = traffic;
    this.#expected = expected;
  }

  /**
   * Says whose the answer is that is read next.
   * @param counts what its call counts in: where these are another variant's, for which ours stepped in, its scores are not ours
   *   either, as only what that one failed would come here.
   */
  answers(counts: ReportCells | undefined, keyed: boolean): void {
    this.#row = counts !== undefined && counts === this.#counts ? reportRow(this.#traffic, keyed) : -1;
  }

  score(value: number): void {
    this.#cells.score(this.#traffic, value);
    if (this.#row >= 0) this.#counts?.score(this.#row, value);
    this.lastScore ??= value;
  }

  invalid(reason: ScoreInvalidReason): void {
    this.#cells.scoreInvalid(this.#traffic, scoreInvalidIndex[reason]);
    if (this.#row >= 0) this.#counts?.invalid(this.#row);
  }

  effective(model: string | undefined, version: string | undefined): void {
    this.lastModel = model;
    this.lastVersion = version;
    if (this.#expected !== undefined && version !== undefined && version !== this.#expected)
      this.#cells.versionMismatch();
  }

  /** Forgets the answer before. */
  next(): void {
    this.lastModel = undefined;
    this.lastVersion = undefined;
    this.lastScore = undefined;
  }
}

export interface BoundVariant {
  readonly plan: VariantPlan;
  readonly name: string;
  readonly pool: Pool;
  readonly cells: VariantCells;
  /** What the config service is told; undefined where there is none. */
  readonly counts: ReportCells | undefined;
  readonly sink: VariantSink;
  readonly authority: HeaderField;
  readonly scheme: HeaderField;
  /** `x-contender-variant: NAME`; undefined where the route doesn't tell. */
  readonly answeredBy: HeaderField | undefined;
  /** Metadata that this upstream is to get, in place of what the caller sent under these names. */
  readonly metadata: readonly HeaderField[];
  /** Set for an insured challenger. */
  readonly breaker: CallBreaker | undefined;
  /** Set where it has one, over or not. */
  readonly warmup: Warmup | undefined;
}

export interface BoundRoute {
  readonly plan: RoutePlan;
  readonly spec: RouteSpec;
  readonly variants: readonly BoundVariant[];
  readonly champion: BoundVariant;
  /** The pod's own model server: what a call gets that another sidecar has already split. */
  readonly local: BoundVariant;
  readonly hop: HeaderField;
  readonly scoreReaders: ReadonlyMap<DialectName, ScoreReader>;
  readonly shadows: readonly BoundShadow[];
  /** The shadows, and after them the variants that are to be warmed up. */
  readonly copies: readonly BoundShadow[];
  /** What the champion may take on in failed challengers' place. */
  readonly fallbackBudget: FallbackBudget;
}

export interface BoundShadow {
  readonly gate: Shadow;
  /** With a pool of its own, also where the same variant takes live calls. */
  readonly variant: BoundVariant;
  readonly sink: VariantSink;
  /** Position of its kind of traffic, and the header field that says it. */
  readonly traffic: number;
  readonly mark: HeaderField;
}

export interface BoundMethod {
  readonly plan: MethodPlan;
  /** Its place in the method label. */
  readonly index: number;
  readonly route: BoundRoute | undefined;
  readonly byModel: ReadonlyMap<string, BoundRoute> | undefined;
  /** Most bytes of a first message held to find out where it goes: those of the most patient route it may belong to. */
  readonly peekBytes: number;
}

/** Traffic that consists of copies. */
export type CopyTraffic = Exclude<Traffic, "live">;

/** What a generation is made with; runtime/ owns the pools and keeps them across generations. */
export interface Bindings {
  pool(route: string, variant: VariantPlan, traffic: Traffic): Pool;
  cells(route: RouteSpec, variant: string): VariantCells;
  /** Of this generation alone; undefined where nobody wants reports. */
  counts(route: RouteSpec, variant: string): ReportCells | undefined;
  methodIndex(name: string): number;
  /** Undefined where the variant is not insured. */
  breaker(route: RouteSpec, variant: VariantPlan): CallBreaker | undefined;
  shadow(route: RouteSpec, spec: ShadowSpec, cells: VariantCells, traffic: CopyTraffic, plan: VariantPlan): Shadow;
  /** Undefined where the variant has none. */
  warmup(route: RouteSpec, variant: VariantPlan): Warmup | undefined;
  fallbackBudget(route: string): FallbackBudget;
  /** Address of the pod's own model server, formatted; a gateway has none, and answers what hopped by its champion. */
  readonly localAddress: string | undefined;
}

export class Generation {
  readonly plan: Plan;
  readonly routes: readonly BoundRoute[];
  /** Its champion takes everything that is nobody else's. */
  readonly fallback: BoundRoute;
  /** Of a path that nobody knows. */
  readonly unknownMethod: BoundMethod;
  /** Calls that go by it and have not ended; and whom to tell when there are none. */
  calls = 0;
  onEmpty: (() => void) | undefined = undefined;
  readonly #methods = new Map<MethodPlan, BoundMethod>();
  readonly #byPlan: ReadonlyMap<RoutePlan, BoundRoute>;
  readonly #byName = new Map<string, BoundRoute>();
  readonly #bindings: Bindings;

  constructor(plan: Plan, bindings: Bindings) {
    this.plan = plan;
    this.#bindings = bindings;
    this.routes = plan.routes.map((route) => bindRoute(route, bindings));
    this.#byPlan = new Map(this.routes.map((route) => [route.plan, route]));
    for (const route of this.routes) this.#byName.set(keyFromText(route.spec.name), route);
    this.fallback = this.#bound(plan.fallback);
    this.unknownMethod = this.method("");
  }

  get version(): string {
    return this.plan.snapshot.version;
  }

  method(path: string): BoundMethod {
    const plan = this.plan.methodPlan(path);
    const known = this.#methods.get(plan);
    if (known !== undefined) return known;
    // There is one plan per known method or service: this map is as large as the configuration, not as the traffic.
    const bound: BoundMethod = {
      plan,
      index: plan.method === undefined ? 0 : this.#bindings.methodIndex(plan.method.name),
      route: plan.route === undefined ? undefined : this.#bound(plan.route),
      byModel:
        plan.byModel === undefined
          ? undefined
          : new Map([...plan.byModel].map(([model, route]) => [model, this.#bound(route)])),
      peekBytes: Math.max(0, ...candidatesOf(plan).map(({ spec }) => spec.peekBytes)),
    };
    this.#methods.set(plan, bound);
    return bound;
  }

  /** One of its calls has ended. */
  left(): void {
    this.calls--;
    if (this.calls === 0) this.onEmpty?.();
  }

  /** The route of this name, as `x-contender-hop` gives it. */
  named(name: string): BoundRoute | undefined {
    return this.#byName.get(name);
  }

  #bound(plan: RoutePlan): BoundRoute {
    return this.#byPlan.get(plan) as BoundRoute;
  }
}

function candidatesOf({ route, byModel }: MethodPlan): RoutePlan[] {
  const named = byModel === undefined ? [] : [...byModel.values()];
  return route === undefined ? named : [route, ...named];
}

function bindRoute(plan: RoutePlan, bindings: Bindings): BoundRoute {
  const { spec } = plan;
  const variants = plan.variants.map((variant) => bindVariant(plan, variant, "live", bindings));
  const champion = variants[plan.assigner.champion] as BoundVariant;
  const shadows = spec.shadows.map((shadow) => bindCopies(plan, shadow, "shadow", bindings));
  const copied = new Set(spec.shadows.map(({ variant }) => variant));
  // A shadow is warmed up by the copies that it gets anyway.
  const cold = variants.filter(({ name, warmup }) => warmup?.over === false && !copied.has(name));
  return {
    plan,
    spec,
    variants,
    champion,
    local: variants.find(({ plan: { address } }) => formatAddress(address) === bindings.localAddress) ?? champion,
    hop: new HeaderField("x-contender-hop", keyFromText(spec.name)),
    scoreReaders: plan.scoreReaders,
    shadows,
    copies: [...shadows, ...cold.map(({ name }) => bindCopies(plan, warmupCopies(name), "warmup", bindings))],
    fallbackBudget: bindings.fallbackBudget(spec.name),
  };
}

function bindCopies(route: RoutePlan, spec: ShadowSpec, traffic: CopyTraffic, bindings: Bindings): BoundShadow {
  // The decoder has checked that the variant exists.
  const plan = route.variants.find((variant) => variant.spec.name === spec.variant) as VariantPlan;
  const variant = bindVariant(route, plan, traffic, bindings);
  return {
    gate: bindings.shadow(route.spec, spec, variant.cells, traffic, plan),
    variant,
    sink: new VariantSink(variant.cells, variant.counts, trafficIndex[traffic], plan.spec.expectVersion),
    traffic: trafficIndex[traffic],
    mark: new HeaderField("x-contender-traffic", traffic),
  };
}

const schemeHttp = new HeaderField(":scheme", "http");
const schemeHttps = new HeaderField(":scheme", "https");

function bindVariant(route: RoutePlan, plan: VariantPlan, traffic: Traffic, bindings: Bindings): BoundVariant {
  const { spec } = plan;
  const cells = bindings.cells(route.spec, spec.name);
  const counts = bindings.counts(route.spec, spec.name);
  return {
    plan,
    name: spec.name,
    pool: bindings.pool(route.spec.name, plan, traffic),
    cells,
    counts,
    sink: new VariantSink(cells, counts, trafficIndex.live, spec.expectVersion),
    authority: new HeaderField(":authority", authorityOf(plan)),
    scheme: spec.tls === undefined ? schemeHttp : schemeHttps,
    answeredBy: route.spec.variantHeader ? new HeaderField("x-contender-variant", keyFromText(spec.name)) : undefined,
    metadata: spec.metadata.map(([name, value]) => new HeaderField(name, keyFromText(value))),
    breaker: traffic === "live" ? bindings.breaker(route.spec, plan) : undefined,
    warmup: bindings.warmup(route.spec, plan),
  };
}

/** `:authority` towards a variant. A unix socket has none of its own; servers take `localhost` and refuse a path. */
export function authorityOf(plan: VariantPlan): string {
  if (plan.spec.authority !== undefined) return keyFromText(plan.spec.authority);
  return plan.address.kind === "unix" ? "localhost" : formatAddress(plan.address);
}
