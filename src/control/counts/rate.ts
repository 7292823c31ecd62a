/**
 * How often each of many may ask, by a single number for each: the time up to which it has used up what it may.
 *
 * That is the generic cell rate algorithm, which is a bucket of tokens without anything that fills it
 * (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). Who has used up nothing is not remembered.
 */
import type { Clock } from "../../base/clock.ts";

export interface RateOptions {
  /** One in so many milliseconds, for as long as one likes. A fraction, where what is counted are bytes. */
  readonly everyMs: number;
  /** So many at once; whoever asks for more than that never gets it. */
  readonly burst: number;
  /** Who is remembered. Default 262,144: beyond it those that asked longest ago may begin anew. */
  readonly most?: number;
}

export class Rate {
  readonly #clock: Clock;
  readonly #options: Required<RateOptions>;
  /** Who asked last is last. */
  readonly #usedUntilMs = new Map<string, number>();

  constructor(clock: Clock, { everyMs, burst, most = 262_144 }: RateOptions) {
    this.#clock = clock;
    this.#options = { everyMs, burst, most };
  }

  get size(): number {
    return this.#usedUntilMs.size;
  }

  /**
   * @param count how much it asks for
   * @returns 0 where it may, which counts; else the milliseconds until it may
   */
  ask(who: string, count = 1): number {
    const { everyMs, burst, most } = this.#options;
    const nowMs = this.#clock.nowMs();
    const usedMs = Math.max(0, (this.#usedUntilMs.get(who) ?? 0) - nowMs);
    const waitMs = usedMs - (burst - count) * everyMs;
    if (waitMs > 0) return waitMs;
    this.#usedUntilMs.delete(who);
    this.#usedUntilMs.set(who, nowMs + usedMs + count * everyMs);
    // Two for one that comes: so those that ask no more are gone soon, and nobody waits for it.
    let looks = 2;
    for (const [name, untilMs] of this.#usedUntilMs) {
      if (looks-- === 0 || (untilMs > nowMs && this.#usedUntilMs.size <= most)) break;
      this.#usedUntilMs.delete(name);
    }
    return 0;
  }
}
