import assert from "node:assert/strict";
import { boundPerHour, canTell, isFlat, type Sample, trendOf } from "../../soak/slope.ts";
import { mixer } from "../../support/mixer.ts";

const minuteMs = 60_000;
const bound = { perHour: 60, atLeast: 0 };

/** A sample every 10 s for ten minutes. */
function samples(valueAt: (minute: number) => number): Sample[] {
  return Array.from({ length: 61 }, (_, i) => ({ atMs: i * 10_000, value: valueAt(i / 6) }));
}

describe("a trend", () => {
  it("is the slope of the second half, per hour", () => {
    const { samples: count, perHour, errorPerHour, hours } = trendOf(samples((m) => (m < 5 ? 1_000 * m : 3 * m)));
    assert.equal(count, 31);
    assert.ok(Math.abs(perHour - 180) < 1e-6 && errorPerHour < 1e-6, `${perHour} ± ${errorPerHour}`);
    assert.ok(Math.abs(hours - 1 / 12) < 1e-9);
  });

  it("is flat where it falls or grows by no more than its bound", () => {
    for (const perMinute of [-5, 0, 0.99]) assert.equal(isFlat(trendOf(samples((m) => perMinute * m)), bound), true);
    assert.equal(isFlat(trendOf(samples((m) => 1.01 * m)), bound), false);
  });

  it("is flat where noise explains its growth, and not where it does not", () => {
    const random = mixer(7);
    const noisy = (perMinute: number) => trendOf(samples((m) => perMinute * m + 20 * random()));
    for (let i = 0; i < 20; i++) assert.equal(isFlat(noisy(0), bound), true);
    for (let i = 0; i < 20; i++) assert.equal(isFlat(noisy(20), bound), false);
  });

  it("may grow by its least while a process warms up, however short the soak", () => {
    const short = trendOf(samples((m) => 2 * m).map(({ atMs, value }) => ({ atMs: atMs / 10, value })));
    assert.equal(isFlat(short, bound), false);
    assert.equal(isFlat(short, { perHour: 60, atLeast: 10.1 }), true);
    assert.ok(Math.abs(boundPerHour(short, { perHour: 60, atLeast: 10 }) - 1_200) < 1e-6);
  });

  it("can't be told from fewer than four samples", () => {
    const few = trendOf([0, 1, 2, 3].map((minute) => ({ atMs: minute * minuteMs, value: 1 })));
    assert.deepEqual([few.samples, canTell(few), isFlat(few, bound)], [2, false, false]);
    assert.equal(canTell(trendOf([])), false);
  });
});
