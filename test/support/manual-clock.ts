/**
 * A clock that stands still until a test moves it: what depends on time becomes a row in a table instead of a wait.
 *
 * Timers run inside `advance`, in the order in which a real clock would have fired them, each seeing its own due time as
 * now. A timer that is set while another runs takes its place in the same queue, so a chain of retries or a ticking
 * interval plays out in one call.
 */
import type { Clock } from "../../src/base/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly fn: () => void;
}

/** More timers than any test means to run at once: beyond it, something sets itself again without moving on. */
const runawayLimit = 100_000;

export class ManualClock implements Clock {
  #nowMs: number;
  #wallAheadMs: number;
  #advancing = false;
  /** In the order in which they were set, which decides between equal due times. */
  readonly #timers = new Set<Timer>();

  /**
   * @param wallMs Unix time at the start, in milliseconds; a date in 2026 by default, so that a test that prints it looks sane.
   * @param nowMs the monotonic clock at the start; its zero is arbitrary, so code that assumes one can be caught out.
   */
  constructor({ wallMs = Date.UTC(2026, 0, 1), nowMs = 0 }: { wallMs?: number; nowMs?: number } = {}) {
    this.#nowMs = nowMs;
    this.#wallAheadMs = wallMs - nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  after(delayMs: number, fn: () => void): () => void {
    // What is already due waits for the next `advance` all the same: a timer never runs within the call that sets it.
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), fn };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that are set and have neither run nor been cancelled: zero after a clean shutdown. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Monotonic time of the next timer, or undefined where none is set. */
  get nextDueMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  /**
   * Moves time on by `ms` and runs every timer that falls due, its end included; `advance(0)` runs what is due now.
   * What a timer throws comes out of here, with time standing at that timer; those after it have not run.
   */
  advance(ms: number): void {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`time moves forward by a finite number, got ${ms}`);
    if (this.#advancing) throw new Error("advance was called by a timer that advance runs");
    this.#advancing = true;
    try {
      const endMs = this.#nowMs + ms;
      let ran = 0;
      for (let timer = this.#next(); timer !== undefined && timer.dueMs <= endMs; timer = this.#next()) {
        if (++ran > runawayLimit) throw new Error(`more than ${runawayLimit} timers ran in one advance`);
        this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
        this.#timers.delete(timer);
        timer.fn();
      }
      this.#nowMs = endMs;
    } finally {
      this.#advancing = false;
    }
  }

  /** Steps the wall clock alone, as NTP or an operator may: nothing that measures a duration may notice. */
  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    }
    return first;
  }
}
