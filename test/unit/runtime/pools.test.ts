import assert from "node:assert/strict";
import type { Address } from "../../../src/base/address.ts";
import type { VariantPlan } from "../../../src/plan/route-plan.ts";
import { Pools } from "../../../src/runtime/pools.ts";
import type { Pool } from "../../../src/transport/pool.ts";
import { variantSpec } from "../../support/routes.ts";

/** A pool of which only its end matters. */
class FakePool {
  readonly name: string;
  drains = 0;
  destroyed = 0;
  #emptied: () => void = () => undefined;

  constructor(name: string) {
    this.name = name;
  }

  drain(): Promise<void> {
    this.drains++;
    return new Promise((resolve) => {
      this.#emptied = resolve;
    });
  }

  empty(): void {
    this.#emptied();
  }

  destroy(): void {
    this.destroyed++;
  }
}

function setUp(): { pools: Pools; made: FakePool[] } {
  const made: FakePool[] = [];
  const pools = new Pools((plan, route) => {
    const pool = new FakePool(`${route}/${plan.spec.name}`);
    made.push(pool);
    return pool as unknown as Pool;
  });
  return { pools, made };
}

function plan(name: string, port = 8500): VariantPlan {
  const address: Address = { kind: "tcp", host: "127.0.0.1", port };
  return { spec: variantSpec(name), index: 0, address, overrides: new Map() };
}

describe("the pools", () => {
  it("are one for each route, variant, traffic and address, however often they are asked for", () => {
    const { pools, made } = setUp();
    pools.begin();
    const first = pools.want("fraud", plan("v41"), "live");
    assert.equal(pools.want("fraud", plan("v41"), "live"), first);
    pools.want("fraud", plan("v41"), "shadow");
    pools.want("fraud", plan("v42"), "live");
    pools.want("spam", plan("v41"), "live");
    pools.want("fraud", plan("v41", 8501), "live");
    pools.commit();
    assert.equal(made.length, 5);
    assert.deepEqual(
      [...pools.all()].map(({ route, variant, traffic }) => `${route}/${variant}/${traffic}`),
      ["fraud/v41/live", "fraud/v41/shadow", "fraud/v42/live", "spam/v41/live", "fraud/v41/live"],
    );
  });

  it("outlive a configuration that still wants them, and drain when none does and no call needs them", () => {
    const { pools, made } = setUp();
    pools.begin();
    const kept = pools.want("fraud", plan("v41"), "live");
    pools.want("fraud", plan("v42"), "live");
    pools.commit();
    pools.begin();
    assert.equal(pools.want("fraud", plan("v41"), "live"), kept);
    assert.equal(made[1]?.drains, 0, "the old configuration is in force until the new one is");
    const retired = pools.commit();
    assert.deepEqual(
      retired.map(({ variant }) => variant),
      ["v42"],
    );
    assert.equal(made[1]?.drains, 0);
    pools.leave(retired);
    assert.deepEqual(
      made.map(({ drains }) => drains),
      [0, 1],
    );
    assert.equal([...pools.all()].length, 2, "its calls still count");
  });

  it("that are released, as a warm-up's are at its end, are no longer there for who asks again", () => {
    const { pools, made } = setUp();
    pools.begin();
    const first = pools.want("fraud", plan("v42"), "warmup");
    pools.commit();
    pools.release("fraud", "v42", "warmup");
    assert.equal(made[0]?.drains, 1);
    pools.begin();
    assert.notEqual(pools.want("fraud", plan("v42"), "warmup"), first);
    pools.commit();
    assert.equal(made[1]?.drains, 0);
  });

  it("are made anew for a variant that comes back", () => {
    const { pools, made } = setUp();
    for (const name of ["v41", "v42", "v41"]) {
      pools.begin();
      pools.want("fraud", plan(name), "live");
      pools.commit();
    }
    assert.deepEqual(
      made.map(({ name }) => name),
      ["fraud/v41", "fraud/v42", "fraud/v41"],
    );
  });

  it("have drained when every one has, also those that no configuration wants any more", async () => {
    const { pools, made } = setUp();
    pools.begin();
    pools.want("fraud", plan("v41"), "live");
    pools.commit();
    pools.begin();
    pools.want("fraud", plan("v42"), "live");
    pools.commit();
    let drained = false;
    const done = pools.drain().then(() => {
      drained = true;
    });
    made[1]?.empty();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(drained, false);
    made[0]?.empty();
    await done;
    assert.equal(drained, true);
  });

  it("are destroyed together, also those that still drain", () => {
    const { pools, made } = setUp();
    pools.begin();
    pools.want("fraud", plan("v41"), "live");
    pools.commit();
    pools.begin();
    pools.want("fraud", plan("v42"), "live");
    pools.commit();
    pools.destroy();
    assert.deepEqual(
      made.map(({ destroyed }) => destroyed),
      [1, 1],
    );
  });

  it("forget one that has drained", async () => {
    const { pools, made } = setUp();
    pools.begin();
    pools.want("fraud", plan("v41"), "live");
    pools.commit();
    pools.begin();
    pools.leave(pools.commit());
    made[0]?.empty();
    await new Promise((resolve) => setImmediate(resolve));
    pools.destroy();
    assert.equal(made[0]?.destroyed, 0);
  });
});
