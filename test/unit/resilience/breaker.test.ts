import assert from "node:assert/strict";
import { mock } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../../src/base/clock.ts";
import { Breaker, type BreakerOptions, resolveBreakerOptions } from "../../../src/resilience/breaker.ts";
import { Semaphore } from "../../../src/resilience/semaphore.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A breaker with both of its clocks in hand: ours, and the timers that opossum sets itself. */
class Bench {
  readonly clock = new ManualClock({ nowMs: -77.5 });
  readonly changes: string[] = [];
  readonly breaker: Breaker;

  constructor(options: BreakerOptions = {}) {
    this.breaker = new Breaker(this.clock, options, (to, from) => this.changes.push(`${from} > ${to}`));
  }

  pass(ms: number): void {
    mock.timers.tick(ms);
    this.clock.advance(ms);
  }

  /** Calls that end at once. */
  calls(count: number, ok: boolean): void {
    for (let i = 0; i < count; i++) this.breaker.settle(this.breaker.tryAcquire(), ok);
  }

  open(): this {
    this.calls(20, false);
    assert.equal(this.breaker.state, "open");
    return this;
  }

  /** Opened, and waited until one call may try. */
  halfOpen(): this {
    this.open().pass(5_000);
    assert.equal(this.breaker.state, "half_open");
    return this;
  }
}

describe("a breaker", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "setInterval"] }));
  afterEach(() => mock.timers.reset());

  it("opens when more than half of at least 20 calls have failed, then refuses", () => {
    const bench = new Bench();
    bench.calls(10, true);
    bench.calls(10, false);
    assert.equal(bench.breaker.state, "closed");
    bench.calls(1, false);
    assert.equal(bench.breaker.state, "open");
    assert.equal(bench.breaker.tryAcquire(), 0);
    assert.deepEqual(bench.changes, ["closed > open"]);
  });

  it("lets one call try after its reset time, and closes on its success", () => {
    const bench = new Bench().open();
    bench.pass(4_999);
    assert.equal(bench.breaker.tryAcquire(), 0);
    bench.pass(1);
    const probe = bench.breaker.tryAcquire();
    assert.ok(probe > 0);
    bench.breaker.settle(probe, true);
    assert.equal(bench.breaker.state, "closed");
    assert.deepEqual(bench.changes, ["closed > open", "open > half_open", "half_open > closed"]);
  });

  it("opens again for the same time when that call fails", () => {
    const bench = new Bench().halfOpen();
    bench.calls(1, false);
    assert.equal(bench.breaker.state, "open");
    bench.pass(4_999);
    assert.equal(bench.breaker.state, "open");
    bench.pass(1);
    assert.equal(bench.breaker.state, "half_open");
  });

  it("lets exactly one call try, however many come at once", () => {
    const bench = new Bench().halfOpen();
    const permits = Array.from({ length: 1000 }, () => bench.breaker.tryAcquire());
    assert.equal(permits.filter((permit) => permit > 0).length, 1);
  });

  it("is in its new state when settle returns, not a turn of the event loop later", () => {
    const bench = new Bench();
    bench.calls(19, false);
    bench.breaker.settle(bench.breaker.tryAcquire(), false);
    assert.equal(bench.breaker.tryAcquire(), 0);
  });

  it("forgets outcomes that have left its window", () => {
    const bench = new Bench();
    bench.calls(19, false);
    bench.pass(10_000);
    bench.calls(19, false);
    assert.equal(bench.breaker.state, "closed");
    bench.pass(5_000);
    bench.calls(1, false);
    assert.equal(bench.breaker.state, "open");
  });

  it("keeps its window while nothing happens, and forgets all of it after a long silence", () => {
    const bench = new Bench();
    bench.calls(19, false);
    bench.pass(3_600_000);
    bench.calls(19, false);
    assert.equal(bench.breaker.state, "closed");
  });

  it("does not notice a step of the wall clock", () => {
    const bench = new Bench();
    bench.calls(19, false);
    bench.clock.stepWall(3_600_000);
    bench.calls(1, false);
    assert.equal(bench.breaker.state, "open");
  });

  it("gives the probe's place to another when a call ended without a word about its upstream", () => {
    const bench = new Bench().halfOpen();
    const first = bench.breaker.tryAcquire();
    bench.breaker.giveBack(first);
    assert.equal(bench.breaker.state, "half_open");
    const second = bench.breaker.tryAcquire();
    assert.ok(second > 0);
    assert.equal(bench.breaker.tryAcquire(), 0);
    bench.breaker.settle(second, true);
    assert.equal(bench.breaker.state, "closed");
    assert.equal(bench.clock.pending, 0);
  });

  it("counts nothing for a permit that is given back while it is closed", () => {
    const bench = new Bench();
    for (let i = 0; i < 100; i++) bench.breaker.giveBack(bench.breaker.tryAcquire());
    bench.calls(19, false);
    assert.equal(bench.breaker.state, "closed");
    bench.calls(1, false);
    assert.equal(bench.breaker.state, "open");
  });

  it("ignores the permit of a call that was refused", () => {
    const bench = new Bench().halfOpen();
    bench.breaker.tryAcquire();
    bench.breaker.settle(0, true);
    bench.breaker.giveBack(0);
    assert.equal(bench.breaker.tryAcquire(), 0);
    assert.equal(bench.breaker.state, "half_open");
  });

  it("goes on when whoever is told of its changes throws", () => {
    const breaker = new Breaker(new ManualClock(), {}, () => {
      throw new Error("the log is full");
    });
    for (let i = 0; i < 20; i++) breaker.settle(breaker.tryAcquire(), false);
    assert.equal(breaker.state, "open");
    mock.timers.tick(5_000);
    breaker.settle(breaker.tryAcquire(), true);
    assert.equal(breaker.state, "closed");
  });

  describe("against opossum's traps", () => {
    it("1: does not open on a single failure, nor can it be told to", () => {
      const bench = new Bench({ minCalls: 2 });
      bench.calls(1, false);
      assert.equal(bench.breaker.state, "closed");
      assert.throws(() => resolveBreakerOptions({ minCalls: 1 }), /minCalls/);
      assert.ok(resolveBreakerOptions().minCalls >= 20);
    });

    it("2: has no filter that turns a failed probe into a success", () => {
      assert.throws(() => resolveBreakerOptions({ errorFilter: () => true } as object), /unknown breaker option/);
      const bench = new Bench().halfOpen();
      bench.calls(1, false);
      assert.equal(bench.breaker.state, "open");
    });

    it("3: neither opens nor closes by calls that found no room", () => {
      const bench = new Bench();
      const inFlight = new Semaphore(1);
      inFlight.tryTake();
      for (let i = 0; i < 1000; i++) {
        const permit = bench.breaker.tryAcquire();
        if (inFlight.tryTake()) bench.breaker.settle(permit, true);
        else bench.breaker.giveBack(permit);
      }
      assert.equal(bench.breaker.state, "closed");
      bench.halfOpen();
      bench.breaker.giveBack(bench.breaker.tryAcquire());
      assert.equal(bench.breaker.state, "half_open");
    });

    it("3: has no capacity of its own: any number of calls may be under way", () => {
      const bench = new Bench();
      const permits = Array.from({ length: 100_000 }, () => bench.breaker.tryAcquire());
      assert.ok(permits.every((permit) => permit > 0));
    });

    it("4: has no timeout of its own: a call that takes an hour counts by how it ends", () => {
      const bench = new Bench();
      const permits = Array.from({ length: 20 }, () => bench.breaker.tryAcquire());
      bench.pass(3_600_000);
      assert.equal(bench.breaker.state, "closed");
      for (const permit of permits) bench.breaker.settle(permit, true);
      bench.calls(20, false);
      assert.equal(bench.breaker.state, "closed");
    });

    it("5: is as good as new after a probe that ran out of time, having no signal that stays aborted", () => {
      const bench = new Bench().halfOpen();
      bench.breaker.tryAcquire();
      bench.pass(30_000);
      bench.pass(5_000);
      bench.calls(1, true);
      assert.equal(bench.breaker.state, "closed");
      bench.calls(100, true);
      bench.calls(19, false);
      assert.equal(bench.breaker.state, "closed");
    });

    it("6: opens at the highest threshold there may be, and refuses one at which it never would", () => {
      new Bench({ failurePercent: 99 }).open();
      assert.throws(() => resolveBreakerOptions({ failurePercent: 100 }), /failurePercent/);
    });

    it("7: takes a probe that hangs for failed, and tries again", () => {
      const bench = new Bench().halfOpen();
      const hung = bench.breaker.tryAcquire();
      bench.pass(29_999);
      assert.equal(bench.breaker.state, "half_open");
      bench.pass(1);
      assert.equal(bench.breaker.state, "open");
      bench.breaker.settle(hung, true);
      assert.equal(bench.breaker.state, "open");
      bench.pass(5_000);
      bench.calls(1, true);
      assert.equal(bench.breaker.state, "closed");
    });

    it("8: is not closed by the late success of a call from before it opened", () => {
      const bench = new Bench();
      const early = bench.breaker.tryAcquire();
      bench.halfOpen();
      bench.breaker.settle(early, true);
      assert.equal(bench.breaker.state, "half_open");
      assert.ok(bench.breaker.tryAcquire() > 0);
    });

    it("8: is not opened by late failures of calls from before it opened and closed again", () => {
      const bench = new Bench();
      const early = Array.from({ length: 100 }, () => bench.breaker.tryAcquire());
      bench.halfOpen().calls(1, true);
      for (const permit of early) bench.breaker.settle(permit, false);
      assert.equal(bench.breaker.state, "closed");
    });

    it("does not carry failures from before it opened past its closing", () => {
      const bench = new Bench();
      bench.calls(30, false);
      bench.pass(5_000);
      bench.calls(1, true);
      bench.calls(19, false);
      assert.equal(bench.breaker.state, "closed");
      bench.calls(1, false);
      assert.equal(bench.breaker.state, "open");
    });

    it("counts calls by their end: those under way do not pass for good ones", () => {
      const bench = new Bench();
      const hanging = Array.from({ length: 1000 }, () => bench.breaker.tryAcquire());
      for (const permit of hanging.slice(0, 20)) bench.breaker.settle(permit, false);
      assert.equal(bench.breaker.state, "open");
    });

    it("leaves the options it is given as they are, so that breakers can share them", () => {
      const options = Object.freeze({ minCalls: 5 });
      const one = new Bench(options);
      const other = new Bench(options);
      one.calls(5, false);
      assert.deepEqual([one.breaker.state, other.breaker.state], ["open", "closed"]);
      assert.deepEqual(options, { minCalls: 5 });
    });

    it("sets no interval of opossum's, and no timer but while it is open", () => {
      const interval = mock.method(globalThis, "setInterval");
      const timeout = mock.method(globalThis, "setTimeout");
      const bench = new Bench();
      bench.calls(19, false);
      bench.calls(21, true);
      assert.deepEqual([interval.mock.callCount(), timeout.mock.callCount()], [0, 0]);
      bench.calls(3, false);
      assert.equal(bench.breaker.state, "open");
      assert.deepEqual([interval.mock.callCount(), timeout.mock.callCount()], [0, 1]);
      mock.restoreAll();
    });

    it("does not sort the window's latencies on each failure", () => {
      const bench = new Bench();
      bench.calls(100, true);
      const { sort } = Array.prototype;
      let sorted = 0;
      Array.prototype.sort = function (...given) {
        sorted++;
        return sort.apply(this, given);
      };
      try {
        bench.calls(10, false);
      } finally {
        Array.prototype.sort = sort;
      }
      assert.equal(sorted, 0);
    });

    it("leaves no rejection unhandled", async () => {
      mock.timers.reset();
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => unhandled.push(reason);
      process.on("unhandledRejection", note);
      const breaker = new Breaker(new ManualClock());
      for (let i = 0; i < 20; i++) breaker.settle(breaker.tryAcquire(), false);
      await new Promise((resolve) => setImmediate(resolve));
      process.off("unhandledRejection", note);
      assert.deepEqual(unhandled, []);
      breaker.close();
    });
  });

  describe("once closed for good", () => {
    it("admits and counts nothing, and tells nobody", () => {
      const bench = new Bench();
      const early = bench.breaker.tryAcquire();
      bench.breaker.close();
      assert.equal(bench.breaker.tryAcquire(), 0);
      for (let i = 0; i < 20; i++) bench.breaker.settle(early, false);
      bench.breaker.giveBack(early);
      bench.pass(60_000);
      assert.deepEqual(bench.changes, []);
    });

    it("has no timer left, neither its own nor opossum's", () => {
      const bench = new Bench().halfOpen();
      bench.breaker.tryAcquire();
      bench.breaker.close();
      assert.equal(bench.clock.pending, 0);
      const open = new Bench().open();
      open.breaker.close();
      open.pass(60_000);
      assert.deepEqual(open.changes, ["closed > open"]);
      assert.equal(open.breaker.tryAcquire(), 0);
    });

    it("can be closed again", () => {
      const { breaker } = new Bench();
      breaker.close();
      breaker.close();
      assert.equal(breaker.state, "open");
    });
  });

  it("does not keep the process alive, in whatever state it is", () => {
    mock.timers.reset();
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    const breaker = new Breaker(systemClock, { resetMs: 60_000 });
    assert.equal(timers(), before);
    for (let i = 0; i < 20; i++) breaker.settle(breaker.tryAcquire(), false);
    assert.equal(breaker.state, "open");
    assert.equal(timers(), before);
    breaker.close();
  });

  it("keeps its promises through any order of events", () => {
    const event = fc.oneof(
      { weight: 5, arbitrary: fc.constant({ kind: "acquire" as const }) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("settle" as const), pick: fc.nat(), ok: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("give" as const), pick: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 400 }) }) },
    );
    const options = { minCalls: 2, windowMs: 1_000, resetMs: 300, probeTimeoutMs: 500 };
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.array(event, { minLength: 20, maxLength: 80, size: "max" }), (events) => {
        const bench = new Bench(options);
        const { breaker } = bench;
        const out: { permit: number; change: number }[] = [];
        for (const next of events) {
          const before = breaker.state;
          const changes = bench.changes.length;
          let kept = true;
          if (next.kind === "pass") bench.pass(next.ms);
          else if (next.kind === "acquire") {
            const permit = breaker.tryAcquire();
            const probing = out.some(({ change }) => change === changes);
            kept = permit > 0 === (before === "closed" || (before === "half_open" && !probing));
            if (permit > 0) out.push({ permit, change: changes });
          } else if (out.length > 0) {
            const [{ permit, change }] = out.splice(next.pick % out.length, 1) as [(typeof out)[number]];
            const counts = next.kind === "settle" && change === changes;
            if (next.kind === "give") breaker.giveBack(permit);
            else breaker.settle(permit, next.ok);
            const changed = breaker.state !== before;
            kept = before === "half_open" ? changed === counts : !changed || (counts && before === "closed");
          }
          assert.ok(kept, `${JSON.stringify(next)} in ${before}`);
          assert.ok(bench.clock.pending <= (breaker.state === "half_open" ? 1 : 0));
        }
        for (const change of bench.changes) reached.add(change);
        breaker.close();
      }),
      { numRuns: 100 },
    );
    // The walk is no proof unless it has been everywhere.
    assert.deepEqual([...reached].sort(), [
      "closed > open",
      "half_open > closed",
      "half_open > open",
      "open > half_open",
    ]);
  });
});
