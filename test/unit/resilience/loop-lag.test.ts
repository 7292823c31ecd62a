import assert from "node:assert/strict";
import { LoopLag } from "../../../src/resilience/loop-lag.ts";

describe("the lag of a loop", () => {
  it("is the lateness of its timer", () => {
    const lag = new LoopLag(0);
    lag.sample(80, 30);
    assert.equal(lag.lagMs, 30);
  });

  it("remembers the worst, and forgets half of it every 100 ms", () => {
    const lag = new LoopLag(0);
    lag.sample(550, 500);
    lag.sample(600, 1);
    assert.ok(Math.abs(lag.lagMs - 353.6) < 0.1, String(lag.lagMs));
    lag.sample(750, 0);
    assert.ok(Math.abs(lag.lagMs - 125) < 0.1, String(lag.lagMs));
  });

  it("after a suspension of hours is no more than two seconds", () => {
    const lag = new LoopLag(0);
    lag.sample(3_600_050, 3_600_000);
    assert.equal(lag.lagMs, 2_000);
  });

  it("is never negative, though a timer may come a fraction early", () => {
    const lag = new LoopLag(0);
    lag.sample(49.6, -0.4);
    assert.equal(lag.lagMs, 0);
  });

  for (const [lateMs, stalledMs] of [
    [3, 0],
    [49, 0],
    [50, 50],
    [500, 500],
  ] as const) {
    it(`tells a stall of ${stalledMs} ms where the timer was ${lateMs} ms late`, () => {
      assert.equal(new LoopLag(0).sample(100, lateMs), stalledMs);
    });
  }
});
