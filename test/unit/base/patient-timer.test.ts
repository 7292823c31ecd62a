import assert from "node:assert/strict";
import type { Clock } from "../../../src/base/clock.ts";
import { afterPatiently } from "../../../src/base/patient-timer.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A clock whose process stands still: timers run when it goes on, and see how late it is. */
function stalling(): { clock: Clock; manual: ManualClock; stall: (ms: number) => void } {
  const manual = new ManualClock();
  let aheadMs = 0;
  const clock: Clock = {
    nowMs: () => manual.nowMs() + aheadMs,
    wallMs: () => manual.wallMs(),
    after: (delayMs, fn) => manual.after(delayMs, fn),
  };
  return {
    clock,
    manual,
    stall: (ms) => {
      aheadMs += ms;
    },
  };
}

describe("a patient timer", () => {
  it("runs when its time has come", () => {
    const clock = new ManualClock();
    let ran = 0;
    afterPatiently(clock, 1_000, () => ran++);
    clock.advance(999);
    assert.equal(ran, 0);
    clock.advance(1);
    assert.equal(ran, 1);
  });

  it("that comes late by a stall waits once more, and then runs", () => {
    const { clock, manual, stall } = stalling();
    let ran = 0;
    afterPatiently(clock, 1_000, () => ran++);
    stall(500);
    manual.advance(1_000);
    assert.equal(ran, 0);
    manual.advance(249);
    assert.equal(ran, 0);
    stall(500);
    manual.advance(1);
    assert.equal(ran, 1);
  });

  it("never waits longer again than it did at first", () => {
    const { clock, manual, stall } = stalling();
    let ran = 0;
    afterPatiently(clock, 10, () => ran++);
    stall(500);
    manual.advance(20);
    assert.equal(ran, 1);
  });

  it("can be cancelled, also while it waits again", () => {
    const { clock, manual, stall } = stalling();
    let ran = 0;
    const first = afterPatiently(clock, 100, () => ran++);
    const second = afterPatiently(clock, 100, () => ran++);
    first();
    stall(500);
    manual.advance(100);
    second();
    manual.advance(1_000);
    assert.deepEqual([ran, manual.pending], [0, 0]);
  });
});
