import assert from "node:assert/strict";
import { Warmup } from "../../../src/shadow/warmup.ts";

function setUp(copies = 3, timeoutMs = 10_000) {
  const ends: string[] = [];
  const told: boolean[] = [];
  const warmup = new Warmup(
    { copies, timeoutMs },
    (end, left) => ends.push(`${end} ${left}`),
    (answered) => told.push(answered),
  );
  return { warmup, ends, told };
}

describe("a warm-up", () => {
  it("is over once so many copies have been answered, and not by those that were not", () => {
    const { warmup, ends } = setUp(2);
    warmup.settle(false);
    warmup.settle(true);
    assert.deepEqual([warmup.left, warmup.over], [1, false]);
    warmup.settle(true);
    warmup.settle(true);
    assert.deepEqual([warmup.left, warmup.over, ends], [0, true, ["warm 0"]]);
  });

  it("counts the copies of others as its own, and tells of its own alone, until it is over", () => {
    const { warmup, ends, told } = setUp(5);
    warmup.settle(false);
    warmup.hear(2, 3);
    warmup.settle(true);
    assert.equal(warmup.left, 2);
    warmup.hear(7, 7);
    warmup.settle(true);
    warmup.hear(1, 1);
    assert.deepEqual([warmup.left, ends, told], [0, ["warm 0"], [false, true]]);
  });

  it("gives up by the tries of all", () => {
    const { warmup, ends } = setUp(2);
    warmup.hear(1, 7);
    assert.equal(warmup.over, false);
    warmup.settle(false);
    assert.deepEqual(ends, ["gave_up 1"]);
  });

  it("wants no more copies under way than are still to be answered", () => {
    const { warmup } = setUp(2);
    assert.deepEqual([warmup.wants(0), warmup.wants(1), warmup.wants(2)], [true, true, false]);
    warmup.settle(true);
    assert.deepEqual([warmup.wants(0), warmup.wants(1)], [true, false]);
    warmup.settle(true);
    assert.equal(warmup.wants(0), false);
  });

  it("holds users back from the weight on, for its timeout at most", () => {
    const { warmup, ends } = setUp();
    warmup.placed("weighted", 5_000);
    assert.equal(warmup.holds(14_999), true);
    // Another configuration with a weight begins nothing anew.
    warmup.placed("weighted", 14_999);
    assert.equal(warmup.holds(15_000), false);
    assert.deepEqual([warmup.over, ends], [true, ["timed_out 3"]]);
  });

  it("has all of its time again where the weight was taken away and comes back", () => {
    const { warmup } = setUp();
    warmup.placed("weighted", 0);
    warmup.placed("unweighted", 5_000);
    warmup.placed("weighted", 20_000);
    assert.equal(warmup.holds(29_999), true);
  });

  it("ends at once where the variant becomes the champion", () => {
    const { warmup, ends } = setUp();
    warmup.placed("champion", 0);
    warmup.settle(true);
    warmup.placed("champion", 0);
    assert.deepEqual([warmup.over, warmup.left, ends], [true, 0, ["promoted 3"]]);
  });

  it("gives up after four times as many copies as were wanted", () => {
    const { warmup, ends } = setUp(2);
    warmup.settle(true);
    for (let i = 0; i < 6; i++) warmup.settle(false);
    assert.equal(warmup.over, false);
    warmup.settle(false);
    assert.deepEqual([warmup.over, ends], [true, ["gave_up 1"]]);
  });

  it("of no copies is over before it begins", () => {
    const { warmup, ends } = setUp(0);
    assert.deepEqual([warmup.over, warmup.wants(0), warmup.holds(0), ends], [true, false, false, []]);
  });
});
