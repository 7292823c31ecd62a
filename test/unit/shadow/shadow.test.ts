import assert from "node:assert/strict";
import { mock } from "node:test";
import type { ShadowSpec } from "../../../src/model/route.ts";
import { Breaker } from "../../../src/resilience/breaker.ts";
import { Shadow } from "../../../src/shadow/shadow.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { shadowSpec } from "../../support/routes.ts";

function setUp(given: Partial<ShadowSpec> = {}) {
  const clock = new ManualClock();
  const breaker = new Breaker(clock, { minCalls: 2 }, () => undefined);
  const dropped: string[] = [];
  const shadow = new Shadow(shadowSpec("v43", 100, given), {
    clock,
    breaker,
    dropped: (reason) => dropped.push(reason),
  });
  return { clock, breaker, dropped, shadow };
}

function pass(clock: ManualClock, ms: number): void {
  clock.advance(ms);
  mock.timers.tick(ms);
}

/** Opens the breaker by two failures. */
function fail(shadow: Shadow): void {
  for (let i = 0; i < 2; i++) shadow.settle(shadow.admit(1), 1, "failure");
}

describe("a shadow's gate", () => {
  // opossum waits by timers of its own.
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "setInterval"] }));
  afterEach(() => mock.timers.reset());

  it("takes what a copy needs and gets it back when the copy has ended", () => {
    const { shadow, dropped } = setUp();
    const permit = shadow.admit(1_000);
    assert.notEqual(permit, 0);
    assert.deepEqual([shadow.inFlight, shadow.heldBytes], [1, 1_000]);
    shadow.settle(permit, 1_000, "success");
    assert.deepEqual([shadow.inFlight, shadow.heldBytes], [0, 0]);
    assert.deepEqual(dropped, []);
  });

  it("drops what is over the size of a message, its prefix not counted", () => {
    const { shadow, dropped } = setUp({ maxMessageBytes: 100 });
    assert.notEqual(shadow.admit(105), 0);
    assert.equal(shadow.admit(106), 0);
    assert.deepEqual(dropped, ["over_size"]);
    assert.deepEqual([shadow.inFlight, shadow.heldBytes], [1, 105]);
  });

  it("drops what is over the number in flight", () => {
    const { shadow, dropped } = setUp({ maxInFlight: 2 });
    shadow.admit(1);
    const second = shadow.admit(1);
    assert.equal(shadow.admit(1), 0);
    assert.deepEqual(dropped, ["in_flight_full"]);
    shadow.settle(second, 1, "success");
    assert.notEqual(shadow.admit(1), 0);
  });

  it("drops what is over the bytes held", () => {
    const { shadow, dropped } = setUp({ maxBytes: 100, maxMessageBytes: 95 });
    shadow.admit(60);
    assert.equal(shadow.admit(41), 0);
    assert.notEqual(shadow.admit(40), 0);
    assert.deepEqual(dropped, ["bytes_full"]);
    assert.deepEqual([shadow.inFlight, shadow.heldBytes], [2, 100]);
  });

  it("drops while its breaker is open, and lets one try after a while", () => {
    const { clock, shadow, dropped } = setUp();
    fail(shadow);
    assert.equal(shadow.admit(10), 0);
    assert.deepEqual(dropped, ["breaker_open"]);
    assert.deepEqual([shadow.inFlight, shadow.heldBytes], [0, 0]);
    pass(clock, 5_000);
    const probe = shadow.admit(10);
    assert.notEqual(probe, 0);
    assert.equal(shadow.admit(10), 0);
    shadow.settle(probe, 10, "success");
    assert.notEqual(shadow.admit(10), 0);
  });

  it("drops what is over its rate, and takes no token for a copy that is not sent", () => {
    const { clock, shadow, dropped } = setUp({ maxPerSecond: 1, maxMessageBytes: 100 });
    assert.equal(shadow.admit(1_000), 0);
    assert.notEqual(shadow.admit(1), 0);
    assert.equal(shadow.admit(1), 0);
    assert.deepEqual(dropped, ["over_size", "rate_limited"]);
    assert.deepEqual([shadow.inFlight, shadow.heldBytes], [1, 1]);
    pass(clock, 1_000);
    assert.notEqual(shadow.admit(1), 0);
  });

  it("gives a probe's permit back where the rate forbids the copy, so that the next may try", () => {
    const { clock, breaker, shadow, dropped } = setUp({ maxPerSecond: 0.1 });
    shadow.settle(shadow.admit(1), 1, "failure");
    breaker.settle(breaker.tryAcquire(), false);
    assert.equal(breaker.state, "open");
    pass(clock, 5_000);
    assert.equal(shadow.admit(1), 0);
    assert.deepEqual(dropped, ["rate_limited"]);
    pass(clock, 5_000);
    assert.notEqual(shadow.admit(1), 0);
  });

  it("does not judge by an end that says nothing", () => {
    const { breaker, shadow } = setUp();
    for (let i = 0; i < 10; i++) shadow.settle(shadow.admit(1), 1, "neither");
    assert.equal(breaker.state, "closed");
    fail(shadow);
    assert.equal(breaker.state, "open");
  });

  it("counts a drop that others decided", () => {
    const { shadow, dropped } = setUp();
    assert.equal(shadow.drop("not_connected"), 0);
    assert.deepEqual(dropped, ["not_connected"]);
  });

  it("holds one message of the largest size, however few bytes it may hold", () => {
    const { shadow } = setUp({ maxBytes: 1, maxMessageBytes: 1_000 });
    assert.notEqual(shadow.admit(1_005), 0);
    assert.equal(shadow.admit(1), 0);
  });

  it("holds an empty message as well", () => {
    const { shadow } = setUp({ maxBytes: 1 });
    const permit = shadow.admit(0);
    assert.equal(shadow.inFlight, 1);
    shadow.settle(permit, 0, "success");
    assert.deepEqual([shadow.inFlight, shadow.heldBytes], [0, 0]);
  });
});
