import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ContenderError } from "../../../src/base/errors.ts";
import { Leadership, type LeadershipState } from "../../../src/control/leadership.ts";
import type { Store, Watcher } from "../../../src/control/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A store of leases that fails as often as it is told to. */
function setUp() {
  const clock = new ManualClock();
  const world = { puts: 0, failingPuts: 0, leases: 0, lost: [] as ((why: string) => void)[] };
  const entries = new Map<string, string>();
  const watchers: Watcher[] = [];
  const write = (key: string, value: string) => {
    entries.set(key, value);
    for (const watcher of watchers) watcher.changed(1, [{ key, value }]);
  };
  const away = () => new ContenderError("STORE_UNAVAILABLE", "no leader");
  const store = {
    get: async () => ({
      revision: 1,
      entries: [...entries].map(([key, value]) => ({ key, value, revision: 1 })),
    }),
    watch: (_: string, __: number, watcher: Watcher) => {
      watchers.push(watcher);
      return { close: () => void watchers.splice(watchers.indexOf(watcher), 1) };
    },
    lease: async (_: number, lost: (why: string) => void) => {
      world.leases++;
      world.lost.push(lost);
      return {
        put: async (key: string, value: string) => {
          if (++world.puts <= world.failingPuts) throw away();
          write(key, value);
        },
        claim: async (key: string, value: string) => {
          if (entries.has(key)) return false;
          write(key, value);
          return true;
        },
        close: async () => undefined,
      };
    },
  } as unknown as Store;
  const states: LeadershipState[] = [];
  const leadership = new Leadership({
    store,
    clock,
    self: { name: "one", address: "127.0.0.1:1" },
    leaseMs: 10_000,
    changed: (state) => void states.push(state),
    failed: () => undefined,
  });
  const passed = async (ms: number) => {
    clock.advance(ms);
    for (let i = 0; i < 10; i++) await setImmediate();
  };
  return { leadership, world, states, passed };
}

describe("a replica that takes part", () => {
  it("is listed in the end where the store fails after the lease was given", async () => {
    const { leadership, world, passed } = setUp();
    world.failingPuts = 2;
    await leadership.open();
    assert.deepEqual(leadership.state.replicas, []);
    await passed(1_000);
    await passed(1_000);
    assert.deepEqual(
      leadership.state.replicas.map(({ name }) => name),
      ["one"],
    );
    assert.equal(leadership.state.leads, true);
    assert.equal(world.leases, 1);
  });

  it("is listed anew with each lease", async () => {
    const { leadership, world, passed } = setUp();
    await leadership.open();
    world.lost[0]?.("it ran out");
    assert.equal(leadership.state.leads, false);
    await passed(1_000);
    assert.deepEqual([world.leases, world.puts], [2, 2]);
  });
});
