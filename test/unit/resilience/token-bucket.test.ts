import assert from "node:assert/strict";
import fc from "fast-check";
import { TokenBucket } from "../../../src/resilience/token-bucket.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** How many of `tries` were let through. */
function taken(bucket: TokenBucket, tries: number): number {
  return Array.from({ length: tries }, () => bucket.tryTake()).filter(Boolean).length;
}

describe("a token bucket", () => {
  it("starts with a tenth of a second's worth, and no more after an idle night", () => {
    const clock = new ManualClock({ nowMs: -5 });
    const bucket = new TokenBucket(50, clock);
    assert.equal(taken(bucket, 100), 5);
    clock.advance(8 * 3_600_000);
    assert.equal(taken(bucket, 100), 5);
  });

  it("holds at least one, however slow it is", () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(0.1, clock);
    assert.equal(taken(bucket, 5), 1);
    clock.advance(9_999);
    assert.equal(taken(bucket, 5), 0);
    clock.advance(1);
    assert.equal(taken(bucket, 5), 1);
  });

  it("lets through its rate under steady pressure", () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(20, clock);
    bucket.tryTake();
    bucket.tryTake();
    let count = 0;
    for (let ms = 0; ms < 10_000; ms += 5) {
      clock.advance(5);
      count += taken(bucket, 3);
    }
    // The last token of the 200 may be a rounding error short of whole.
    assert.ok(count === 199 || count === 200, `${count}`);
  });

  it("never lets more through in a stretch of time than its rate and one bucketful", () => {
    const rates = fc.double({ min: 0.5, max: 500, noNaN: true });
    const waits = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 60, size: "max" });
    fc.assert(
      fc.property(rates, waits, (rate, gaps) => {
        const clock = new ManualClock();
        const bucket = new TokenBucket(rate, clock);
        let count = 0;
        let passedMs = 0;
        for (const gap of gaps) {
          clock.advance(gap);
          passedMs += gap;
          count += taken(bucket, 60);
          assert.ok(count <= Math.max(1, rate / 10) + (rate * passedMs) / 1000 + 1e-6);
        }
      }),
    );
  });

  it("does not notice a step of the wall clock", () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(1, clock);
    bucket.tryTake();
    clock.stepWall(3_600_000);
    assert.equal(bucket.tryTake(), false);
  });

  for (const rate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`refuses a rate of ${rate}`, () => assert.throws(() => new TokenBucket(rate, new ManualClock()), RangeError));
  }
});
