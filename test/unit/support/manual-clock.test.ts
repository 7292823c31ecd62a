import assert from "node:assert/strict";
import { ManualClock } from "../../support/manual-clock.ts";

describe("manual clock", () => {
  it("stands still until it is moved", () => {
    const clock = new ManualClock({ nowMs: 7 });
    assert.equal(clock.nowMs(), 7);
    clock.advance(2.5);
    assert.equal(clock.nowMs(), 9.5);
  });

  it("keeps the wall clock's distance from the monotonic one", () => {
    const clock = new ManualClock({ wallMs: 1_000_000, nowMs: 50 });
    assert.equal(clock.wallMs(), 1_000_000);
    clock.advance(250);
    assert.equal(clock.wallMs(), 1_000_250);
  });

  it("steps the wall clock without moving time", () => {
    const clock = new ManualClock({ wallMs: 1000 });
    let ran = 0;
    clock.after(10, () => ran++);
    clock.stepWall(3_600_000);
    clock.advance(0);
    assert.deepEqual([clock.nowMs(), clock.wallMs(), ran], [0, 3_601_000, 0]);
  });

  it("runs due timers by time, then by the order in which they were set", () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push("late"));
    clock.after(10, () => ran.push("first at 10"));
    clock.after(10, () => ran.push("second at 10"));
    clock.after(21, () => ran.push("not yet"));
    clock.advance(20);
    assert.deepEqual(ran, ["first at 10", "second at 10", "late"]);
    assert.equal(clock.nextDueMs, 21);
  });

  it("lets each timer see its own due time", () => {
    const clock = new ManualClock({ nowMs: 100 });
    const seen: number[] = [];
    clock.after(5, () => seen.push(clock.nowMs()));
    clock.after(15, () => seen.push(clock.nowMs()));
    clock.advance(50);
    assert.deepEqual(seen, [105, 115]);
    assert.equal(clock.nowMs(), 150);
  });

  it("plays out timers that timers set, within the same advance", () => {
    const clock = new ManualClock();
    const ticks: number[] = [];
    const tick = (): void => {
      ticks.push(clock.nowMs());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    clock.advance(35);
    assert.deepEqual(ticks, [10, 20, 30]);
    assert.equal(clock.pending, 1);
  });

  it("never runs a timer within the call that sets it, even when it is due at once", () => {
    const clock = new ManualClock();
    let ran = 0;
    clock.after(0, () => ran++);
    clock.after(-5, () => ran++);
    assert.equal(ran, 0);
    clock.advance(0);
    assert.equal(ran, 2);
  });

  it("does not run what was cancelled, and forgets it", () => {
    const clock = new ManualClock();
    let ran = 0;
    const cancel = clock.after(1, () => ran++);
    clock.after(1, () => cancelSecond());
    const cancelSecond = clock.after(1, () => ran++);
    cancel();
    assert.equal(clock.pending, 2);
    clock.advance(1);
    assert.deepEqual([ran, clock.pending, clock.nextDueMs], [0, 0, undefined]);
    cancel();
  });

  it("hands on what a timer throws, and goes on from there", () => {
    const clock = new ManualClock();
    let ran = 0;
    clock.after(10, () => {
      throw new Error("from a timer");
    });
    clock.after(20, () => ran++);
    assert.throws(() => clock.advance(30), /from a timer/);
    assert.deepEqual([clock.nowMs(), ran], [10, 0]);
    clock.advance(10);
    assert.equal(ran, 1);
  });

  for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`refuses to advance by ${ms}`, () => {
      assert.throws(() => new ManualClock().advance(ms), RangeError);
    });
  }

  it("refuses to be advanced by its own timer", () => {
    const clock = new ManualClock();
    clock.after(1, () => clock.advance(1));
    assert.throws(() => clock.advance(1), /by a timer/);
  });

  it("reports a timer that sets itself for ever at one instant", () => {
    const clock = new ManualClock();
    const again = (): void => {
      clock.after(0, again);
    };
    again();
    assert.throws(() => clock.advance(1), /more than 100000 timers/);
  });
});
