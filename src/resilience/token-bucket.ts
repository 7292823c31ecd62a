/**
 * So many a second: what keeps a shadow's copies below `maxPerSecond`.
 *
 * A bucket that fills by the clock and is taken from by the call: no timer, and after an idle night no more than one
 * bucketful at once.
 */
import type { Clock } from "../base/clock.ts";

/** A bucket holds this part of a second's worth, so that no second sees more than a tenth above the rate. */
const secondsHeld = 0.1;

export class TokenBucket {
  readonly #perMs: number;
  readonly #capacity: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledMs: number;

  /**
   * Starts full. Any window of T seconds lets through at most T times the rate and one bucketful: a tenth of the rate,
   * or one where that is less.
   * @param perSecond the rate, a finite number above 0; fractions are fine (0.1 is one in ten seconds).
   * @throws RangeError for another rate.
   */
  constructor(perSecond: number, clock: Clock) {
    if (!(perSecond > 0 && Number.isFinite(perSecond))) {
      throw new RangeError(`a rate is a finite number above 0, got ${perSecond}`);
    }
    this.#perMs = perSecond / 1000;
    this.#capacity = Math.max(1, perSecond * secondsHeld);
    this.#tokens = this.#capacity;
    this.#clock = clock;
    this.#filledMs = clock.nowMs();
  }

  /** Takes one, if there is one. */
  tryTake(): boolean {
    const nowMs = this.#clock.nowMs();
    this.#tokens = Math.min(this.#capacity, this.#tokens + (nowMs - this.#filledMs) * this.#perMs);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
