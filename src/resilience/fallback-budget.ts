/**
 * How many failed challenger calls the champion may answer in the challenger's place (`onFailure: champion`).
 *
 * A challenger with half of the traffic that dies would double the champion's load at the worst moment. So the extra load
 * is bounded by a share of what the champion gets anyway, counted over the last seconds, with a small floor so that
 * a quiet route is insured too. The design is that of Finagle's and linkerd's retry budgets: 20 % and 10 s are theirs
 * (https://linkerd.io/2/tasks/configuring-retries/), their floor of 10 a second is not: it would be half the load of
 * a model that serves 20 calls a second.
 */
import type { Clock } from "../base/clock.ts";
import { resolveOptions } from "./options.ts";

export interface FallbackBudgetOptions {
  /** Fallbacks for each call that the champion got by itself, 0..1. Default 0.2: a champion sized for its load has that much to spare. */
  readonly ratio?: number;
  /** Fallbacks a second that are granted however few calls the champion gets. Default 1, which no model server notices. */
  readonly minPerSecond?: number;
  /** How long a call counts, in milliseconds. Default 10,000: long enough to save up for a burst, short enough to forget the load of yesterday. */
  readonly windowMs?: number;
}

const rules = {
  ratio: { default: 0.2, min: 0, max: 1, whole: false },
  minPerSecond: { default: 1, min: 0, max: 1_000, whole: false },
  windowMs: { default: 10_000, min: 100, max: 600_000, whole: true },
} as const;

/** @throws RangeError for unknown or senseless options. */
export function resolveFallbackBudgetOptions(given: FallbackBudgetOptions = {}): Required<FallbackBudgetOptions> {
  return resolveOptions("fallback budget", rules, given);
}

/** The window's parts: it forgets a tenth of itself at a time. */
const parts = 10;

export class FallbackBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #reserve: number;
  readonly #partMs: number;
  /** Calls and fallbacks in each part of the window, as whole numbers, so that nothing drifts in years of running. */
  readonly #calls = new Float64Array(parts);
  readonly #fallbacks = new Float64Array(parts);
  #callsInWindow = 0;
  #fallbacksInWindow = 0;
  readonly #startMs: number;
  /** Number of the current part since the start. */
  #part = 0;

  constructor(clock: Clock, given: FallbackBudgetOptions = {}) {
    const { ratio, minPerSecond, windowMs } = resolveFallbackBudgetOptions(given);
    this.#clock = clock;
    this.#ratio = ratio;
    this.#reserve = (minPerSecond * windowMs) / 1000;
    this.#partMs = windowMs / parts;
    this.#startMs = clock.nowMs();
  }

  /** Notes a call that the champion got by itself. */
  deposit(): void {
    const i = this.#turn();
    this.#calls[i] = (this.#calls[i] as number) + 1;
    this.#callsInWindow++;
  }

  /** Takes one fallback, if there is one. */
  tryWithdraw(): boolean {
    const i = this.#turn();
    if (this.#fallbacksInWindow + 1 > this.#reserve + this.#ratio * this.#callsInWindow) return false;
    this.#fallbacks[i] = (this.#fallbacks[i] as number) + 1;
    this.#fallbacksInWindow++;
    return true;
  }

  /** Forgets what has left the window; index of the current part. */
  #turn(): number {
    const part = Math.floor((this.#clock.nowMs() - this.#startMs) / this.#partMs);
    const passed = Math.min(parts, part - this.#part);
    for (let i = 0; i < passed; i++) {
      const old = (this.#part + 1 + i) % parts;
      this.#callsInWindow -= this.#calls[old] as number;
      this.#fallbacksInWindow -= this.#fallbacks[old] as number;
      this.#calls[old] = 0;
      this.#fallbacks[old] = 0;
    }
    this.#part = part;
    return part % parts;
  }
}
