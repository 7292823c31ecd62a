import assert from "node:assert/strict";
import { mock } from "node:test";
import type { RouteSpec } from "../../../src/model/route.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import { planSnapshot } from "../../../src/plan/plan.ts";
import { Generations } from "../../../src/runtime/generations.ts";
import { Pools } from "../../../src/runtime/pools.ts";
import { UpstreamCredentials } from "../../../src/runtime/upstream-credentials.ts";
import type { Pool } from "../../../src/transport/pool.ts";
import { parseExposition } from "../../support/exposition.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { parsedValue, problemsOf } from "../../support/parsed.ts";
import { routeSpec, shadowSpec, variantSpec } from "../../support/routes.ts";

/** For routes that speak no TLS. */
function noCredentials(clock: ManualClock): UpstreamCredentials {
  return new UpstreamCredentials({
    clock,
    openPem: () => assert.fail("no route names a certificate"),
    onEvent: () => undefined,
    reloaded: () => undefined,
  });
}

function setUp() {
  const clock = new ManualClock();
  const metrics = new Metrics({ clock, version: "0.0.0", node: "v24" });
  const drained: string[] = [];
  const made: string[] = [];
  const pools = new Pools((plan, route) => {
    made.push(`${route}/${plan.spec.name}`);
    const drain = async (): Promise<void> => void drained.push(`${route}/${plan.spec.name}`);
    return { drain, destroy: () => undefined } as unknown as Pool;
  });
  const changes: string[] = [];
  const generations = new Generations({
    clock,
    metrics,
    pools,
    credentials: noCredentials(clock),
    local: { kind: "tcp", host: "127.0.0.1", port: 8500 },
    breaker: { minCalls: 2 },
    onWarmup: () => undefined,
    onBreaker: ({ route, variant, traffic, from, to }) =>
      changes.push(`${route}/${variant}/${traffic}: ${from} > ${to}`),
  });
  const apply = (version: string, ...routes: readonly Partial<RouteSpec>[]) =>
    generations.apply({ version, source: "test", routes: routes.map((route) => routeSpec(route)) });
  return { clock, metrics, generations, pools, made, drained, changes, apply };
}

const insured = {
  variants: [variantSpec("v41"), variantSpec("v42", { onFailure: "champion" })],
  weights: { v41: 90, v42: 10 },
} satisfies Partial<RouteSpec>;

describe("generations", () => {
  // opossum waits by timers of its own.
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "setInterval"] }));
  afterEach(() => mock.timers.reset());

  it("begin with none", () => {
    const { generations } = setUp();
    assert.equal(generations.current, undefined);
    assert.equal(generations.shadowBytes, 0);
  });

  it("are swapped whole", () => {
    const { generations, made, drained, apply } = setUp();
    const first = parsedValue(apply("1", {}));
    assert.equal(generations.current, first);
    assert.deepEqual(made, ["fraud/v41", "fraud/v42", "fraud/v43"]);
    const second = parsedValue(apply("2", { variants: [variantSpec("v41"), variantSpec("v44")] }));
    assert.equal(generations.current, second);
    assert.equal(second.version, "2");
    assert.deepEqual(made.slice(3), ["fraud/v44"]);
    assert.deepEqual(drained, ["fraud/v42", "fraud/v43"]);
    assert.equal(first.routes[0]?.champion.pool, second.routes[0]?.champion.pool);
  });

  it("take what was planned before as it is, and don't plan it again", () => {
    const { generations } = setUp();
    const plan = parsedValue(planSnapshot({ version: "1", source: "test", routes: [routeSpec()] }));
    assert.equal(parsedValue(generations.use(plan)).plan, plan);
    assert.equal(generations.current?.plan, plan);
  });

  it("change nothing where the new one can't be planned, and count that", async () => {
    const { generations, metrics, made, drained, apply } = setUp();
    const first = parsedValue(apply("1", {}));
    const rejected = apply("2", { variants: [variantSpec("v41", { address: "nowhere" })] });
    assert.deepEqual(
      problemsOf(rejected).map(({ path }) => path),
      ["fraud.variants.v41.address"],
    );
    assert.equal(generations.current, first);
    assert.equal(made.length, 3);
    assert.deepEqual(drained, []);
    const text = await metrics.exposition();
    assert.match(text, /^contender_config_rejected_total 1$/m);
    assert.match(text, /^contender_config_info\{version="1",source="test"\} 1$/m);
  });

  it("keep a breaker's memory across a reload, and forget that of a variant that is gone", async () => {
    const { generations, metrics, changes, apply } = setUp();
    const breakerOf = () => generations.current?.routes[0]?.variants[1]?.breaker;
    apply("1", insured);
    const breaker = breakerOf();
    for (let i = 0; i < 2; i++) breaker?.settle(breaker.tryAcquire(), false);
    assert.equal(breaker?.state, "open");
    apply("2", { ...insured, weights: { v41: 50, v42: 50 } });
    assert.equal(breakerOf(), breaker);
    const exposed = async () => {
      const family = parseExposition(await metrics.exposition()).get("contender_breaker_open");
      return family?.samples.map(({ labels, value }) => [labels.variant, value]);
    };
    assert.deepEqual(await exposed(), [["v42", 1]]);
    apply("3", {});
    assert.deepEqual(await exposed(), []);
    apply("4", insured);
    assert.notEqual(breakerOf(), breaker);
    assert.equal(breakerOf()?.state, "closed");
    assert.deepEqual(changes, ["fraud/v42/live: closed > open"]);
  });

  it("insure challengers that ask for it, never the champion", () => {
    const { generations, apply } = setUp();
    apply("1", { ...insured, champion: "v42", variants: [variantSpec("v41"), ...insured.variants.slice(1)] });
    assert.deepEqual(
      generations.current?.routes[0]?.variants.map(({ breaker }) => breaker !== undefined),
      [false, false],
    );
    apply("2", insured);
    assert.deepEqual(
      generations.current?.routes[0]?.variants.map(({ breaker }) => breaker !== undefined),
      [false, true],
    );
  });

  it("give a shadow a pool and a breaker of its own, and sum up what copies hold", () => {
    const { generations, made, apply } = setUp();
    apply("1", { shadows: [shadowSpec("v42", 50), shadowSpec("v43", 10)] });
    assert.equal(made.length, 5);
    const shadows = generations.current?.routes[0]?.shadows ?? [];
    for (const { gate } of shadows) gate.admit(1_000);
    assert.equal(generations.shadowBytes, 2_000);
    assert.notEqual(shadows[0]?.gate.breaker, shadows[1]?.gate.breaker);
  });

  it("let a shadow's probe outlast its deadline", () => {
    const { clock, generations, changes, apply } = setUp();
    apply("1", { shadows: [shadowSpec("v42", 100, { timeoutMs: 40_000 })] });
    const breaker = generations.current?.routes[0]?.shadows[0]?.gate.breaker;
    for (let i = 0; i < 2; i++) breaker?.settle(breaker.tryAcquire(), false);
    mock.timers.tick(5_000);
    assert.notEqual(breaker?.tryAcquire(), 0);
    clock.advance(79_000);
    assert.equal(breaker?.state, "half_open");
    clock.advance(2_000);
    assert.equal(breaker?.state, "open");
    assert.deepEqual(changes, [
      "fraud/v42/shadow: closed > open",
      "fraud/v42/shadow: open > half_open",
      "fraud/v42/shadow: half_open > open",
    ]);
  });

  it("keep a route's fallback budget across reloads", () => {
    const { generations, apply } = setUp();
    apply("1", insured);
    const budget = generations.current?.routes[0]?.fallbackBudget;
    apply("2", insured);
    assert.equal(generations.current?.routes[0]?.fallbackBudget, budget);
  });

  it("stop every breaker's timers when they close", () => {
    const { generations, apply, clock } = setUp();
    apply("1", insured);
    const breaker = generations.current?.routes[0]?.variants[1]?.breaker;
    for (let i = 0; i < 2; i++) breaker?.settle(breaker.tryAcquire(), false);
    mock.timers.tick(5_000);
    assert.notEqual(breaker?.tryAcquire(), 0);
    assert.equal(clock.pending, 1);
    generations.close();
    assert.equal(clock.pending, 0);
    assert.equal(breaker?.tryAcquire(), 0);
  });

  it("forget the fallback budget of a route that is gone, and keep that of one that stays", () => {
    const { generations, apply } = setUp();
    const budget = () => generations.current?.routes.at(-1)?.fallbackBudget;
    apply("1", { name: "a" }, { name: "b" });
    const first = budget();
    apply("2", { name: "a" }, { name: "b", weights: {} });
    assert.equal(budget(), first);
    apply("3", { name: "a" });
    apply("4", { name: "a" }, { name: "b" });
    assert.notEqual(budget(), first);
  });
});
