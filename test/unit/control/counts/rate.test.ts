import assert from "node:assert/strict";
import { Rate } from "../../../../src/control/counts/rate.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

describe("how often one may ask", () => {
  const setUp = (most?: number) => {
    const clock = new ManualClock({ nowMs: 5_000 });
    return { clock, rate: new Rate(clock, { everyMs: 1_000, burst: 3, ...(most !== undefined && { most }) }) };
  };
  const asked = (rate: Rate, who: string, times: number) => Array.from({ length: times }, () => rate.ask(who));

  it("is a few times at once, and then as often as it may for ever", () => {
    const { clock, rate } = setUp();
    assert.deepEqual(asked(rate, "a", 5), [0, 0, 0, 1_000, 1_000]);
    clock.advance(400);
    assert.equal(rate.ask("a"), 600);
    for (let i = 0; i < 10; i++) {
      clock.advance(i === 0 ? 600 : 1_000);
      assert.deepEqual(asked(rate, "a", 2), [0, 1_000]);
    }
    clock.advance(60_000);
    assert.deepEqual(asked(rate, "a", 4), [0, 0, 0, 1_000]);
  });

  it("is nobody else's business", () => {
    const { rate } = setUp();
    asked(rate, "a", 10);
    assert.equal(rate.ask("b"), 0);
  });

  it("is forgotten once it makes no difference", () => {
    const { clock, rate } = setUp();
    for (let i = 0; i < 100; i++) rate.ask(String(i));
    assert.equal(rate.size, 100);
    clock.advance(1_000);
    for (let i = 0; i < 100; i++) rate.ask("a");
    assert.ok(rate.size < 100);
    for (let i = 0; i < 200; i++) {
      clock.advance(1_000);
      rate.ask("a");
    }
    assert.equal(rate.size, 1);
  });

  it("is remembered of so many at most", () => {
    const { rate } = setUp(10);
    for (let i = 0; i < 1_000; i++) rate.ask(String(i));
    assert.equal(rate.size, 10);
  });
});
