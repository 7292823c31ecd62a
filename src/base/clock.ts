/**
 * Time comes in through this port, so that tests move it by hand.
 *
 * Deadlines, breakers and windows use the monotonic `nowMs`: a step of the wall clock must never expire a call.
 */
import { performance } from "node:perf_hooks";
import { longestDurationMs } from "./duration.ts";

export interface Clock {
  /** Milliseconds of the monotonic clock, with fractions; its zero is arbitrary. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch, for what people read: logs, metrics, records. */
  wallMs(): number;
  /** Runs `fn` after `delayMs`, however long; the returned function cancels it. The timer never keeps the process alive. */
  after(delayMs: number, fn: () => void): () => void;
}

/** Taken once: the global of this name is an accessor, which costs more than the clock behind it. */
const nowMs = performance.now.bind(performance);

/** The one real clock. Nothing else in `src/` may read the time. */
export const systemClock: Clock = {
  nowMs,
  wallMs: () => Date.now(),
  after(delayMs, fn) {
    if (delayMs > longestDurationMs) return afterLong(delayMs, fn);
    const timer = setTimeout(fn, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Beyond what a timer holds Node fires it at once: whoever asks again after each would ask without end. */
function afterLong(delayMs: number, fn: () => void): () => void {
  let cancel = systemClock.after(longestDurationMs, () => {
    cancel = systemClock.after(delayMs - longestDurationMs, fn);
  });
  return () => cancel();
}

/** Keeps the process alive until what it gives is called: for a wait whose every timer is a clock's, which don't. */
export function stayAlive(): () => void {
  const timer = setInterval(() => undefined, 1_000_000);
  return () => clearInterval(timer);
}

/** A wait that keeps the process alive, as no timer of the clock does: for a command that has nothing else open meanwhile. */
export function keptAlive(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
