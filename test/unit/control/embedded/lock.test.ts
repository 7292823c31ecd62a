/** Who has the directory, with every process, its clock and the disk between them moved by hand. */
import assert from "node:assert/strict";
import type { Holder, Processes } from "../../../../src/control/embedded/holder.ts";
import { openOn } from "../../../../src/control/embedded/open.ts";
import type { EmbeddedStore } from "../../../../src/control/embedded/store.ts";
import { contentsOf } from "../../../support/embedded-world.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { mixer } from "../../../support/mixer.ts";
import { PowerDisk } from "../../../support/power-disk.ts";
import { committed, put, RecordingWatcher } from "../../../support/store-contract.ts";
import { turns } from "../../../support/until.ts";

const locked = { code: "STORE_LOCKED" };
let seed = 0;

/** A process: who it is, what it can tell of others, and its own time, which stands still while it is stopped. */
class Contestant {
  readonly clock = new ManualClock();
  readonly running = new Map<number, string>();
  readonly #disk: PowerDisk;
  readonly #self: Holder;

  constructor(disk: PowerDisk, self: Partial<Holder> = {}) {
    this.#disk = disk;
    this.#self = { pid: 10, host: "one", realm: "boot-1", started: "100", ...self };
  }

  open(): Promise<EmbeddedStore> {
    const processes: Processes = {
      self: async () => this.#self,
      startOf: async (pid) => this.running.get(pid),
    };
    return openOn(this.#disk, processes, { clock: this.clock, chance: { next: mixer(++seed) } }, { journalBytes: 300 });
  }
}

/** Time of all of them, in steps small enough for each to do what its timers begin. */
async function pass(ms: number, ...contestants: readonly Contestant[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    await turns(2);
    for (const { clock } of contestants) clock.advance(250);
  }
  await turns(2);
}

/** How it stands with a promise that nothing but time can move on. */
function observed<T>(promise: Promise<T>): { state(): "open" | "fulfilled" | "rejected"; promise: Promise<T> } {
  let state: "open" | "fulfilled" | "rejected" = "open";
  promise.then(
    () => (state = "fulfilled"),
    () => (state = "rejected"),
  );
  return { state: () => state, promise };
}

const far = { host: "two", pid: 20, realm: "boot-2", started: "200" };

describe("the lock of an embedded store", () => {
  let disk: PowerDisk;
  let first: Contestant;

  beforeEach(() => {
    disk = new PowerDisk();
    first = new Contestant(disk);
  });

  it("is had at once where there is none", async () => {
    await first.open();
    assert.equal(first.clock.nowMs(), 0);
  });

  it("of a process that runs refuses others at once, by its name", async () => {
    await first.open();
    const second = new Contestant(disk, { pid: 11, started: "101" });
    second.running.set(10, "100");
    await assert.rejects(second.open(), {
      message: "[STORE_LOCKED] disk: in use by process 10 on one. Stop it, or choose another directory",
    });
    assert.equal(second.clock.nowMs(), 0);
    assert.deepEqual([...disk.files().keys()].sort(), ["journal-0000000001", "lock"]);
  });

  const dead: [string, readonly [number, string][]][] = [
    ["that is gone", []],
    ["whose number another has by now", [[10, "999"]]],
  ];
  for (const [what, running] of dead) {
    it(`of a process ${what} is taken, once it has settled`, async () => {
      await committed(await first.open(), [put("a", "1")]);
      const second = new Contestant(disk, { pid: 11, started: "101" });
      for (const [pid, started] of running) second.running.set(pid, started);
      const opening = observed(second.open());
      await pass(250, second);
      assert.equal(opening.state(), "open");
      await pass(250, second);
      assert.deepEqual(await contentsOf(await opening.promise), [["a", "1"]]);
    });
  }

  const unknown: [string, Partial<Holder>, Partial<Holder>][] = [
    ["on another host", {}, far],
    ["of another container, with the same number", {}, { realm: "boot-1, other namespace", started: "100" }],
    ["where the system tells nothing of processes", { realm: undefined }, { realm: undefined, pid: 11 }],
  ];
  for (const [what, one, other] of unknown) {
    it(`of a process ${what} is taken once its count has stood still for long enough`, async () => {
      await committed(await new Contestant(disk, one).open(), [put("a", "1")]);
      const second = new Contestant(disk, other);
      const opening = observed(second.open());
      await pass(6_250, second);
      assert.equal(opening.state(), "open");
      await pass(250, second);
      assert.deepEqual(await contentsOf(await opening.promise), [["a", "1"]]);
    });

    it(`of a process ${what} refuses once its count is seen to move`, async () => {
      const holder = new Contestant(disk, one);
      await committed(await holder.open(), [put("a", "1")]);
      const second = new Contestant(disk, other);
      const opening = observed(second.open());
      await pass(1_750, holder, second);
      assert.equal(opening.state(), "open");
      await pass(1_000, holder, second);
      await assert.rejects(opening.promise, locked);
    });
  }

  it("is had once its holder closes while another watches", async () => {
    const store = await first.open();
    const second = new Contestant(disk, far);
    const opening = observed(second.open());
    await pass(1_000, second);
    await store.close();
    await pass(500, second);
    await opening.promise;
  });

  it("that can't be read is watched, and taken where nothing happens to it", async () => {
    disk = PowerDisk.with(new Map([["lock", Buffer.alloc(40)]]));
    const second = new Contestant(disk);
    const opening = observed(second.open());
    await pass(6_250, second);
    assert.equal(opening.state(), "open");
    await pass(250, second);
    await opening.promise;
  });

  it("goes to exactly one of several that take it over at once", async () => {
    await first.open();
    const others = [1, 2, 3].map((i) => new Contestant(disk, { pid: 10 + i, started: `${100 + i}` }));
    const openings = others.map((other) => observed(other.open()));
    await pass(1_000, ...others);
    assert.deepEqual(openings.map(({ state }) => state()).sort(), ["fulfilled", "rejected", "rejected"]);
    await Promise.allSettled(openings.map(({ promise }) => promise));
  });

  it("goes to exactly one where a takeover is slower than the other's settling", async () => {
    await first.open();
    const slow = new Contestant(disk, { pid: 11, started: "101" });
    const going = Promise.withResolvers<void>();
    disk.holds = (operation) => (operation.startsWith("rename") ? going.promise : undefined);
    const late = observed(slow.open());
    await pass(250, slow);
    disk.holds = () => undefined;
    const quick = new Contestant(disk, { pid: 12, started: "102" });
    const opening = observed(quick.open());
    await pass(500, quick);
    const store = await opening.promise;
    await committed(store, [put("a", "quick")]);
    going.resolve();
    await pass(750, slow);
    const slowStore = await late.promise;
    await assert.rejects(store.commit({ when: [], changes: [put("b", "quick")] }), locked);
    await assert.rejects(store.get(""), locked);
    assert.deepEqual(await contentsOf(slowStore), [["a", "quick"]]);
  });

  describe("lost to another", () => {
    let store: EmbeddedStore;
    let second: Contestant;

    beforeEach(async () => {
      store = await first.open();
      await committed(store, [put("a", "1")]);
      second = new Contestant(disk, far);
    });

    const takeOver = async (): Promise<EmbeddedStore> => {
      const opening = observed(second.open());
      await pass(7_000, second);
      return opening.promise;
    };

    it("ends a former holder's commits, reads, watches and leases, each once", async () => {
      const watcher = new RecordingWatcher();
      const told: string[] = [];
      store.watch("", 1, watcher);
      const lease = await store.lease(1_000, (why) => told.push(why));
      await lease.put("leased", "1");
      const taken = await takeOver();
      assert.deepEqual(await contentsOf(taken), [["a", "1"]]);
      await assert.rejects(store.commit({ when: [], changes: [put("a", "2")] }), {
        message: "[STORE_LOCKED] disk: in use by process 20 on two. Stop it, or choose another directory",
      });
      await assert.rejects(store.get(""), locked);
      await assert.rejects(lease.put("leased", "2"), locked);
      await assert.rejects(
        store.lease(1_000, () => undefined),
        locked,
      );
      assert.throws(() => store.watch("", 0, watcher), locked);
      await lease.close();
      assert.deepEqual(told, watcher.ended);
      assert.equal(told.length, 1);
      await store.close();
      await committed(taken, [put("a", "3")]);
      assert.deepEqual(await contentsOf(taken), [["a", "3"]]);
    });

    const questions: [string, (store: EmbeddedStore) => Promise<unknown>][] = [
      ["reads", (former) => former.get("")],
      ["asks whether a condition holds", (former) => former.commit({ when: [{ key: "a", revision: 0 }], changes: [] })],
      ["writes", (former) => former.commit({ when: [], changes: [put("a", "2")] })],
    ];
    for (const [what, ask] of questions) {
      it(`is noticed where a former holder ${what} for the first time since, before anything else is done`, async () => {
        await committed(await takeOver(), [put("a", "new")]);
        const before = disk.operations.length;
        await assert.rejects(ask(store), locked);
        assert.deepEqual([...new Set(disk.operations.slice(before))], ["read lock"]);
      });
    }

    it("is seen by the next beat of a holder that does nothing", async () => {
      const watcher = new RecordingWatcher();
      store.watch("", 2, watcher);
      await takeOver();
      assert.deepEqual(watcher.ended, []);
      await pass(2_000, first);
      assert.equal(watcher.ended.length, 1);
      assert.equal(first.clock.pending, 0);
    });

    it("keeps what was written, however late a former holder beats", async () => {
      await takeOver();
      const before = disk.files().get("lock");
      await pass(10_000, first);
      assert.deepEqual(disk.files().get("lock"), before);
    });

    it("ends a holder whose lock was removed by hand", async () => {
      await disk.remove("lock");
      await assert.rejects(store.commit({ when: [], changes: [put("a", "2")] }), {
        message: "[STORE_LOCKED] disk: its lock was removed while in use",
      });
    });

    // Stopped amid any of its operations, for longer than the grace, while another takes over and commits.
    const large = "x".repeat(500);
    const amid: [string, RegExp, before: string, after: string][] = [
      ["before it writes", /^append to journal-0000000001/, "1", "1"],
      // It was written, and never acknowledged: it may be there.
      ["before it syncs", /^sync journal-0000000001/, "1", "former"],
      ["before it writes its next journal", /^append to journal-0000000002/, large, large],
      ["before it names its next journal", /^publish journal-\d+\.\w+ as journal-0000000002$/, large, large],
    ];
    for (const [when, operation, before, after] of amid) {
      it(`is no loss to the other where the former holder is stopped ${when}`, async () => {
        await committed(store, [put("a", before)]);
        const going = Promise.withResolvers<void>();
        let stopped = false;
        disk.holds = (each) => {
          if (stopped || !operation.test(each)) return undefined;
          stopped = true;
          return going.promise;
        };
        const commit = observed(store.commit({ when: [], changes: [put("a", "former")] }));
        await turns(2);
        assert.ok(stopped);
        const taken = await takeOver();
        await committed(taken, [put("b", "new")]);
        going.resolve();
        await assert.rejects(commit.promise, locked);
        await committed(taken, [put("c", "new")]);
        await taken.close();
        const found = await contentsOf(await new Contestant(disk, far).open());
        assert.deepEqual(found, [
          ["a", after],
          ["b", "new"],
          ["c", "new"],
        ]);
      });
    }

    it("costs another look where the former holder names its next journal amid the takeover", async () => {
      await committed(store, [put("a", large)]);
      const [former, next] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const gates = [former.promise, next.promise];
      disk.holds = (each) => (each.endsWith("as journal-0000000002") ? gates.shift() : undefined);
      const commit = observed(store.commit({ when: [], changes: [put("a", "former")] }));
      await turns(2);
      const opening = observed(second.open());
      await pass(7_000, second);
      assert.equal(opening.state(), "open");
      former.resolve();
      await assert.rejects(commit.promise, locked);
      next.resolve();
      const found = await contentsOf(await opening.promise);
      assert.equal(found.length, 1);
      assert.ok(disk.files().has("journal-0000000003"));
    });
  });
});
