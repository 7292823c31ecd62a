import assert from "node:assert/strict";
import type { Clock } from "../../../../src/base/clock.ts";
import type { SidecarInfo } from "../../../../src/control/fleet/fleet.ts";
import { type HoldsUp, Waiting } from "../../../../src/control/fleet/waiting.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

/** Sidecars by what they have, and those that wait until all have 2. */
function setUp(count: number, costMs = 0) {
  const manual = new ManualClock();
  let [spentMs, turn] = [0, 0];
  const clock: Clock = {
    wallMs: () => manual.wallMs(),
    nowMs: () => manual.nowMs() + spentMs,
    after: (ms, fn) =>
      manual.after(ms, () => {
        turn++;
        fn();
      }),
  };
  const has = new Map(Array.from({ length: count }, (_, i) => [String(i), 1]));
  /** Looks in all, and in each turn. */
  const seen = { looks: 0, turns: new Map<number, number>() };
  const waiting = new Waiting({
    clock,
    instances: () => has.keys(),
    shown: (instance) => {
      const revision = has.get(instance);
      return revision === undefined ? undefined : ({ instance, revision } as SidecarInfo);
    },
  });
  const holdsUp: HoldsUp = (sidecar) => {
    if (sidecar === undefined) return false;
    seen.looks++;
    seen.turns.set(turn, (seen.turns.get(turn) ?? 0) + 1);
    spentMs += costMs;
    return sidecar.revision < 2;
  };
  const wait = (atMostMs = 60_000) => {
    const waiter = { done: 0, turn: -1 };
    const stop = waiting.until(holdsUp, atMostMs, () => {
      waiter.done++;
      waiter.turn = turn;
    });
    return Object.assign(waiter, { stop });
  };
  const acknowledge = (instance: string) => {
    has.set(instance, 2);
    waiting.changed();
  };
  return { clock: manual, has, waiting, wait, acknowledge, seen };
}

describe("who waits for sidecars", () => {
  it("is told once when none holds them up any more, and at once where none does", () => {
    const { clock, wait, acknowledge } = setUp(3);
    const waiter = wait();
    for (const instance of ["2", "0"]) acknowledge(instance);
    clock.advance(1_000);
    assert.equal(waiter.done, 0);
    acknowledge("1");
    clock.advance(1_000);
    assert.equal(waiter.done, 1);
    assert.equal(wait().done, 1);
    clock.advance(60_000);
    assert.deepEqual([waiter.done, clock.pending], [1, 0]);
  });

  it("is told when their time is over, or they stop, and then no more", () => {
    const { clock, wait, acknowledge } = setUp(1);
    const [late, stopped] = [wait(1_000), wait()];
    stopped.stop();
    clock.advance(999);
    assert.equal(late.done, 0);
    clock.advance(1);
    acknowledge("0");
    clock.advance(60_000);
    assert.deepEqual([late.done, stopped.done, clock.pending], [1, 0, 0]);
  });

  it("is held up by one that was well and has come back with less", () => {
    const { clock, has, wait, acknowledge } = setUp(2);
    const waiter = wait();
    acknowledge("0");
    clock.advance(1_000);
    has.set("0", 1);
    acknowledge("1");
    clock.advance(1_000);
    assert.equal(waiter.done, 0);
    acknowledge("0");
    clock.advance(1_000);
    assert.equal(waiter.done, 1);
  });

  it("is held up by one that comes while they wait", () => {
    const { clock, has, wait, acknowledge } = setUp(1);
    const waiter = wait();
    has.set("new", 1);
    acknowledge("0");
    clock.advance(1_000);
    assert.equal(waiter.done, 0);
    has.delete("new");
    acknowledge("0");
    clock.advance(1_000);
    assert.equal(waiter.done, 1);
  });

  for (const order of ["the first", "the last"]) {
    it(`costs a few looks at each sidecar, however many there are, where ${order} answers last`, () => {
      const [sidecars, waiters] = [1_000, 20];
      const { clock, has, wait, acknowledge, seen } = setUp(sidecars);
      const all = Array.from({ length: waiters }, () => wait());
      const answering = [...has.keys()];
      if (order === "the first") answering.reverse();
      for (const instance of answering) {
        acknowledge(instance);
        clock.advance(1);
      }
      clock.advance(2_000);
      assert.ok(all.every(({ done }) => done === 1));
      assert.ok(seen.looks < 4 * sidecars * waiters, `${seen.looks} looks`);
    });
  }

  it("looks at one alone while that one holds them up", () => {
    const { clock, has, wait, acknowledge, seen } = setUp(1_000);
    wait();
    for (const instance of [...has.keys()].slice(1)) acknowledge(instance);
    clock.advance(1_000);
    seen.looks = 0;
    for (let i = 0; i < 100; i++) {
      acknowledge("1");
      clock.advance(50);
    }
    assert.equal(seen.looks, 100);
  });

  it("looks in turns, of which each makes one answer at most", () => {
    const { clock, wait, acknowledge } = setUp(1);
    const all = Array.from({ length: 3 }, () => wait());
    acknowledge("0");
    clock.advance(1_000);
    assert.equal(new Set(all.map(({ turn }) => turn)).size, 3);
  });

  it("looks in turns, and in each as long as a few milliseconds", () => {
    const { clock, wait, acknowledge, seen } = setUp(2, 3);
    for (let i = 0; i < 20; i++) wait();
    seen.turns.clear();
    acknowledge("0");
    clock.advance(1_000);
    assert.deepEqual([...new Set(seen.turns.values())], [2]);
  });

  it("rests as long as a look took", () => {
    const { clock, wait, acknowledge, seen } = setUp(3, 100);
    wait();
    seen.looks = 0;
    acknowledge("0");
    clock.advance(50);
    const first = seen.looks;
    acknowledge("1");
    clock.advance(50);
    assert.deepEqual([first > 0, seen.looks], [true, first]);
    clock.advance(1_000);
    assert.ok(seen.looks > first);
  });

  it("is told when nothing will be known any more", () => {
    const { clock, wait, waiting } = setUp(1);
    const waiter = wait();
    waiting.close();
    assert.deepEqual([waiter.done, wait().done, clock.pending], [1, 1, 0]);
  });
});
