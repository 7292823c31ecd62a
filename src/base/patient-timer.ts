/**
 * A time limit on something that may be here already, unread: after a stall of our own, timers run before anything is read.
 *
 * The limit that comes late has learned nothing about whom it limits, so it waits once more, briefly: by then everything
 * that has arrived meanwhile has been read, a connection's handshake of several steps included.
 */
import type { Clock } from "./clock.ts";

/** Lateness above what timers have anyway on a busy machine. */
const lateMs = 50;
/** Enough for a handshake within a cluster. */
const againMs = 250;

/** Runs `fn` after `delayMs`, or once more a while later where we were late; the returned function cancels it. */
export function afterPatiently(clock: Clock, delayMs: number, fn: () => void): () => void {
  const dueMs = clock.nowMs() + delayMs;
  let cancel = clock.after(delayMs, () => {
    if (clock.nowMs() - dueMs < lateMs) return fn();
    cancel = clock.after(Math.min(againMs, delayMs), fn);
  });
  return () => cancel();
}
