/**
 * A call's deadline: the caller's or the route's, whichever is sooner, enforced by the wheel and passed on as what
 * remains of it. The part of a call that has to do with time; `Call` is the rest.
 */
import type { Clock } from "../base/clock.ts";
import { type TimerWheel, WheelEntry } from "../base/timer-wheel.ts";
import { formatTimeout } from "../grpc/timeout.ts";
import { HeaderField, headerId } from "../http2/header-block.ts";
import { noTimeout } from "./request-head.ts";

/** A deadline this short has passed by the time the call could be on its way. */
const hopelessMs = 0.01;
/** Time lost on the way that is not worth a new number: less than the network's own. */
const unnoticedMs = 0.2;
/**
 * How much sooner than ours others' timers may run out: theirs began before the request was here, which takes a busy machine
 * some milliseconds (of a short deadline, at most a quarter), and grpc's C core rounds up what it sends by a hundredth.
 */
const othersEarlierMs = 25;
const othersEarlierShare = 0.25;
const roundedUpShare = 0.01;

export abstract class CallDeadline extends WheelEntry {
  readonly startMs: number;
  /** Milliseconds from `startMs`; -1 where there is no deadline. */
  timeoutMs = noTimeout;
  /** Of the caller's deadline and the route's limit, the route's is the one in force. */
  deadlineOurs = false;
  /** The caller's own timeout field, which may be passed on as it is while no time has been lost. */
  #field: HeaderField | undefined = undefined;

  constructor(startMs: number) {
    super();
    this.startMs = startMs;
  }

  /** The caller's deadline. @returns false where it has passed already. */
  setDeadline(wheel: TimerWheel, timeoutMs: number, field: HeaderField | undefined): boolean {
    this.timeoutMs = timeoutMs;
    this.#field = field;
    if (timeoutMs === noTimeout) return true;
    if (timeoutMs <= hopelessMs) return false;
    wheel.arm(this, this.startMs, timeoutMs);
    return true;
  }

  /** The route's own longest deadline, once the route is known. */
  capDeadline(wheel: TimerWheel, maxTimeoutMs: number | undefined): void {
    if (maxTimeoutMs === undefined || (this.timeoutMs !== noTimeout && this.timeoutMs <= maxTimeoutMs)) return;
    this.timeoutMs = maxTimeoutMs;
    this.#field = undefined;
    this.deadlineOurs = true;
    wheel.arm(this, this.startMs, maxTimeoutMs);
  }

  /**
   * What is left of it, as a field for the upstream.
   *
   * @param held whether the call has waited; else it is still the turn in which it came.
   * @returns undefined where there is no deadline, null where nothing is left.
   */
  remaining(clock: Clock, held: boolean): HeaderField | undefined | null {
    if (this.timeoutMs === noTimeout) return undefined;
    if (!held && this.#field !== undefined) return this.#field;
    const lostMs = clock.nowMs() - this.startMs;
    if (lostMs < unnoticedMs && this.#field !== undefined) return this.#field;
    const left = this.timeoutMs - lostMs;
    if (left <= 0) return null;
    return new HeaderField("grpc-timeout", formatTimeout(left), false, headerId["grpc-timeout"]);
  }
  /**
   * Whether the deadline is over, or so nearly that whoever ends the call now does so because of it: the timers of callers,
   * and of servers that reset what is late (grpc-go's do), run out before the wheel, which is up to a tick late.
   */
  ranOut(clock: Clock): boolean {
    if (this.timeoutMs === noTimeout) return false;
    return ranOut(this.timeoutMs, clock.nowMs() - this.startMs);
  }
}

/** The same of any deadline, `passedMs` after its beginning. */
export function ranOut(timeoutMs: number, passedMs: number): boolean {
  const early = Math.min(othersEarlierMs, timeoutMs * othersEarlierShare) + timeoutMs * roundedUpShare;
  return timeoutMs - passedMs <= early;
}
