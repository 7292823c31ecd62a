import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ContenderError } from "../../../../src/base/errors.ts";
import { Leadership, type LeadershipState } from "../../../../src/control/replicas/leadership.ts";
import type { Store, Watcher } from "../../../../src/control/store.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

function leadershipOn(store: Store, clock: ManualClock) {
  const states: LeadershipState[] = [];
  const failures: string[] = [];
  const leadership = new Leadership({
    store,
    clock,
    self: { name: "one", address: "127.0.0.1:1" },
    leaseMs: 10_000,
    changed: (state) => void states.push(state),
    failed: (why) => void failures.push(why),
  });
  return { leadership, states, failures };
}

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
  const { leadership, states, failures } = leadershipOn(store, clock);
  const passed = async (ms: number) => {
    clock.advance(ms);
    for (let i = 0; i < 10; i++) await setImmediate();
  };
  return { leadership, world, states, failures, passed };
}

/** What a test holds back, to let it happen in an order of its own. */
class Gate {
  #open = Promise.resolve();
  #release: () => void = () => undefined;

  shut(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open = promise;
    this.#release = resolve;
  }

  open(): void {
    this.#release();
  }

  get passed(): Promise<void> {
    return this.#open;
  }
}

/** A store with a history: what was committed after a watch's revision is told, and nothing else. */
function shared() {
  const clock = new ManualClock();
  const history: { readonly key: string; readonly value: string | undefined }[] = [];
  const watches = new Set<{ at: number; readonly watcher: Watcher }>();
  /** Before an answer is given, and before a watch is told. */
  const gates = { get: new Gate(), claim: new Gate(), told: new Gate() };
  const world = { claims: 0, failAfterClaim: false, lost: [] as ((why: string) => void)[] };
  const entries = () => {
    const found = new Map<string, string>();
    for (const { key, value } of history) {
      if (value === undefined) found.delete(key);
      else found.set(key, value);
    }
    return found;
  };
  const tell = async () => {
    await gates.told.passed;
    for (const watch of watches) {
      while (watches.has(watch) && watch.at < history.length) {
        const change = history[watch.at++];
        if (change !== undefined) watch.watcher.changed(watch.at, [change]);
      }
    }
  };
  const write = (key: string, value: string | undefined) => {
    history.push({ key, value });
    void tell();
  };
  const store = {
    get: async () => {
      const answer = {
        revision: history.length,
        entries: [...entries()].map(([key, value]) => ({ key, value, revision: 1 })),
      };
      await gates.get.passed;
      return answer;
    },
    watch: (_: string, at: number, watcher: Watcher) => {
      const watch = { at, watcher };
      watches.add(watch);
      void tell();
      return { close: () => void watches.delete(watch) };
    },
    lease: async (_: number, lost: (why: string) => void) => {
      world.lost.push(lost);
      return {
        put: async (key: string, value: string) => write(key, value),
        claim: async (key: string, value: string) => {
          world.claims++;
          const free = !entries().has(key);
          if (free) write(key, value);
          const { failAfterClaim } = world;
          world.failAfterClaim = false;
          await gates.claim.passed;
          if (failAfterClaim) throw new ContenderError("STORE_UNAVAILABLE", "the answer was lost");
          return free;
        },
        close: async () => undefined,
      };
    },
  } as unknown as Store;
  const { leadership, states } = leadershipOn(store, clock);
  const settled = async (ms = 0) => {
    clock.advance(ms);
    for (let i = 0; i < 20; i++) await setImmediate();
  };
  const other = JSON.stringify({ name: "two", address: "127.0.0.1:2" });
  const lose = () => {
    for (const { watcher } of [...watches]) watcher.lost("compacted");
    watches.clear();
  };
  return { leadership, world, gates, states, settled, write, other, lose };
}

describe("a replica whose store takes no writes", () => {
  it("says once why it has no lease, and again when it is so anew", async () => {
    const { leadership, world, states, failures, passed } = setUp();
    world.failingPuts = 3;
    await leadership.open();
    for (let i = 0; i < 2; i++) await passed(1_000);
    assert.deepEqual(failures, ["ContenderError: [STORE_UNAVAILABLE] no leader"]);
    await passed(1_000);
    assert.equal(states.at(-1)?.leads, true);
    world.failingPuts = world.puts + 2;
    world.lost[0]?.("the disk is full");
    for (let i = 0; i < 4; i++) await passed(1_000);
    assert.deepEqual(failures.slice(1), ["the disk is full", "ContenderError: [STORE_UNAVAILABLE] no leader"]);
    await leadership.close();
  });
});

describe("a replica that another one's leadership ends for", () => {
  const leader = "lease/leader";

  it("leads where that was between its look at the store and its watch", async () => {
    const { leadership, gates, settled, write, other } = shared();
    write(leader, other);
    gates.get.shut();
    const opened = leadership.open();
    await settled();
    write(leader, undefined);
    gates.get.open();
    await opened;
    await settled();
    assert.equal(leadership.state.leads, true);
  });

  it("leads where that was while its own claim was on its way", async () => {
    const { leadership, gates, settled, write, other, world } = shared();
    write(leader, other);
    await leadership.open();
    await settled();
    gates.claim.shut();
    // Claimed at the first of these, and refused, since the other one has it again at that moment.
    write(leader, undefined);
    write(leader, other);
    await settled();
    write(leader, undefined);
    await settled();
    assert.equal(world.claims, 1);
    gates.claim.open();
    await settled();
    assert.deepEqual([leadership.state.leads, leadership.state.leader], [true, "one"]);
  });

  it("leads where that was while its watch was lost", async () => {
    const { leadership, settled, write, other, lose, gates } = shared();
    write(leader, other);
    await leadership.open();
    await settled();
    assert.equal(leadership.state.leader, "two");
    gates.told.shut();
    write(leader, undefined);
    lose();
    gates.told.open();
    await settled();
    assert.equal(leadership.state.leads, true);
  });

  it("does not lead by a claim that was taken from it while the answer was on its way", async () => {
    const { leadership, gates, settled, write, other } = shared();
    gates.claim.shut();
    const opened = leadership.open();
    await settled();
    write(leader, undefined);
    write(leader, other);
    await settled();
    gates.claim.open();
    await opened;
    await settled();
    assert.deepEqual([leadership.state.leads, leadership.state.leader], [false, "two"]);
  });
});

describe("a replica whose claim was taken and the answer lost", () => {
  it("leads by it, since it has the key", async () => {
    const { leadership, world, settled } = shared();
    world.failAfterClaim = true;
    await leadership.open();
    await settled(1_000);
    assert.deepEqual([leadership.state.leads, leadership.state.leader, world.claims], [true, "one", 1]);
  });
});

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
