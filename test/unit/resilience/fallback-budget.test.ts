import assert from "node:assert/strict";
import fc from "fast-check";
import { FallbackBudget } from "../../../src/resilience/fallback-budget.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function withdrawn(budget: FallbackBudget, tries: number): number {
  return Array.from({ length: tries }, () => budget.tryWithdraw()).filter(Boolean).length;
}

function deposit(budget: FallbackBudget, calls: number): void {
  for (let i = 0; i < calls; i++) budget.deposit();
}

describe("a fallback budget", () => {
  it("grants a fifth of the champion's own calls above its floor", () => {
    const budget = new FallbackBudget(new ManualClock(), { minPerSecond: 0 });
    assert.equal(withdrawn(budget, 5), 0);
    deposit(budget, 100);
    assert.equal(withdrawn(budget, 50), 20);
    deposit(budget, 4);
    assert.equal(withdrawn(budget, 5), 0);
    deposit(budget, 1);
    assert.equal(withdrawn(budget, 5), 1);
  });

  it("grants its floor to a route whose champion gets no calls, and again in the next window", () => {
    const clock = new ManualClock({ nowMs: -1_234 });
    const budget = new FallbackBudget(clock);
    assert.equal(withdrawn(budget, 50), 10);
    clock.advance(9_999);
    assert.equal(withdrawn(budget, 50), 0);
    clock.advance(1);
    assert.equal(withdrawn(budget, 50), 10);
  });

  it("forgets calls that have left the window, and with them what they paid for", () => {
    const clock = new ManualClock();
    const budget = new FallbackBudget(clock, { minPerSecond: 0 });
    deposit(budget, 100);
    clock.advance(5_000);
    deposit(budget, 50);
    clock.advance(5_000);
    assert.equal(withdrawn(budget, 50), 10);
    clock.advance(3_600_000);
    assert.equal(withdrawn(budget, 50), 0);
  });

  it("never grants more within a window than the floor and its share of that window's calls", () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 2_500 }),
      calls: fc.nat(30),
      tries: fc.nat(20),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40, size: "max" }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, ratio) => {
          const clock = new ManualClock();
          const budget = new FallbackBudget(clock, { ratio, minPerSecond: 0.5, windowMs: 10_000 });
          const log: { atMs: number; calls: number; granted: number }[] = [];
          for (const { waitMs, calls, tries } of steps) {
            clock.advance(waitMs);
            deposit(budget, calls);
            log.push({ atMs: clock.nowMs(), calls, granted: withdrawn(budget, tries) });
            // The parts that are still counted, as seen from the last of them.
            const since = (Math.floor(clock.nowMs() / 1_000) - 9) * 1_000;
            const recent = log.filter(({ atMs }) => atMs >= since);
            const granted = recent.reduce((sum, entry) => sum + entry.granted, 0);
            // A grant was judged by the calls of its own window, of which some may have left since: those of two suffice.
            const paying = log
              .filter(({ atMs }) => atMs >= since - 10_000)
              .reduce((sum, entry) => sum + entry.calls, 0);
            assert.ok(granted <= 5 + ratio * paying + 1e-9, `${granted} granted for ${paying} calls`);
          }
        },
      ),
    );
  });

  it("does not notice a step of the wall clock", () => {
    const clock = new ManualClock();
    const budget = new FallbackBudget(clock);
    withdrawn(budget, 50);
    clock.stepWall(60_000);
    assert.equal(budget.tryWithdraw(), false);
  });
});
