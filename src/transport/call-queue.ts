/** Calls that wait for a stream of one variant: first come, first served, each for so long and no longer, by one timer. */
import type { Clock } from "../base/clock.ts";
import type { Connection } from "../http2/connection.ts";

/** A call that waits for a stream. */
export interface Waiter {
  /** A connection with room is here: open a stream on it now. */
  onConnection(connection: Connection): void;
  /** There won't be one. */
  onNoConnection(reason: "connect_failed" | "queue_timeout" | "draining"): void;
  /** Used by the queue. */
  queuedAtMs: number;
  waiting: boolean;
}

export class CallQueue {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #waiters: Waiter[] = [];
  #head = 0;
  #cancelSweep: (() => void) | undefined = undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  get length(): number {
    return this.#waiters.length - this.#head;
  }

  add(waiter: Waiter): void {
    waiter.waiting = true;
    waiter.queuedAtMs = this.#clock.nowMs();
    this.#waiters.push(waiter);
    this.#armSweep();
  }

  /** The call no longer waits. */
  remove(waiter: Waiter): void {
    if (!waiter.waiting) return;
    waiter.waiting = false;
    const at = this.#waiters.indexOf(waiter, this.#head);
    if (at >= 0) this.#waiters.splice(at, 1);
    this.#tidy();
  }

  /** The one that has waited longest, removed; the queue must not be empty. */
  shift(): Waiter {
    const waiter = this.#waiters[this.#head++] as Waiter;
    waiter.waiting = false;
    this.#tidy();
    return waiter;
  }

  #tidy(): void {
    if (this.#head * 2 <= this.#waiters.length) return;
    this.#waiters.splice(0, this.#head);
    this.#head = 0;
  }

  fail(reason: "connect_failed" | "draining"): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    while (this.length > 0) this.shift().onNoConnection(reason);
  }

  #armSweep(): void {
    if (this.#cancelSweep !== undefined) return;
    const oldest = this.#waiters[this.#head] as Waiter;
    const dueInMs = oldest.queuedAtMs + this.#timeoutMs - this.#clock.nowMs();
    this.#cancelSweep = this.#clock.after(Math.max(1, dueInMs), () => {
      this.#cancelSweep = undefined;
      const before = this.#clock.nowMs() - this.#timeoutMs;
      while (this.length > 0 && (this.#waiters[this.#head] as Waiter).queuedAtMs <= before) {
        this.shift().onNoConnection("queue_timeout");
      }
      if (this.length > 0) this.#armSweep();
    });
  }
}
