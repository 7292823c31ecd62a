/**
 * Looks at one connection from time to time: whether its peer is still there, whether anything that waits to be sent moves,
 * and whether its time is up. One entry of the process' wheel per connection; a call costs nothing here.
 *
 * - **Silence.** A peer that is heard of no more is asked by a PING, and given up where it leaves that unanswered. Towards
 *   a model server only while calls are open, and no oftener than gRPC servers tolerate.
 * - **No progress.** A stream whose bytes nobody takes, because its window stays shut, is ended, and so is a connection
 *   whose socket takes nothing. A stream on which nothing happens is left alone, for ever: that is what quiet streams do.
 * - **Age and idleness** end a connection gracefully, by its owner.
 */
import type { Clock } from "../base/clock.ts";
import type { Retirement } from "../base/connection-ends.ts";
import { type TimerWheel, WheelEntry } from "../base/timer-wheel.ts";
import { errorCode } from "../http2/constants.ts";
import type { Link } from "./link.ts";

export interface WatchLimits {
  /** Silence after which a PING is sent; 0 sends none. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Whether to ask a peer that has no stream open, too. */
  readonly pingsIdle: boolean;
  /** Time without progress that a stream or a socket is given; 0 gives all there is. */
  readonly streamIdleMs: number;
  /** 0 for no bound, here and below. */
  readonly maxAgeMs: number;
  readonly idleMs: number;
  /** How long after its retirement a connection may finish its calls. */
  readonly graceMs: number;
}

/** What gRPC's own clients make of anything shorter. */
const shortestKeepaliveMs = 10_000;
/** A look that comes this much too late says that we have not been running: what was due meanwhile has not been heard. */
const sleptMs = 1_000;
/** Looks within the time after which something is too idle, or has stood still for too long. */
const looks = 4;

export class LinkWatch extends WheelEntry {
  readonly #link: Link;
  readonly #wheel: TimerWheel;
  readonly #clock: Clock;
  readonly #limits: WatchLimits;
  readonly #keepaliveMs: number;
  readonly #onRetire: (why: Retirement) => void;
  readonly #bornMs: number;
  #dueMs = 0;
  /** Of the PING that is not answered yet; below zero where there is none. */
  #pingMs = -1;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #takenBytes = -1;
  #takenMs = 0;
  #streamId = 0;
  #idleSinceMs: number;
  #retiredMs = -1;

  constructor(
    link: Link,
    wheel: TimerWheel,
    clock: Clock,
    limits: WatchLimits,
    onRetire: (why: Retirement) => void = () => undefined,
  ) {
    super();
    this.#link = link;
    this.#wheel = wheel;
    this.#clock = clock;
    this.#limits = limits;
    this.#keepaliveMs = limits.keepaliveMs === 0 ? 0 : Math.max(limits.keepaliveMs, shortestKeepaliveMs);
    this.#onRetire = onRetire;
    this.#bornMs = clock.nowMs();
    this.#idleSinceMs = this.#bornMs;
    link.socket.once("close", () => wheel.cancel(this));
    this.#arm(this.#bornMs);
  }

  override onDeadline(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#link.connection.dead) return;
    const slept = nowMs - this.#dueMs > sleptMs;
    this.#lookForProgress(nowMs, slept);
    if (!this.#link.connection.dead) this.#lookForSilence(nowMs, slept);
    if (!this.#link.connection.dead) this.#lookForAge(nowMs);
    if (!this.#link.connection.dead) this.#arm(nowMs);
  }

  #lookForProgress(nowMs: number, slept: boolean): void {
    const { streamIdleMs } = this.#limits;
    if (streamIdleMs === 0) return;
    const link = this.#link;
    const taken = link.takenBytes;
    if (slept || link.socket.writableLength === 0 || taken !== this.#takenBytes) {
      this.#takenBytes = taken;
      this.#takenMs = nowMs;
    } else if (nowMs - this.#takenMs >= streamIdleMs) {
      link.giveUp(errorCode.ENHANCE_YOUR_CALM, `nothing was taken for ${streamIdleMs} ms`, "stuck");
      return;
    }
    // Windows that were opened meanwhile are read by the next look.
    if (!slept) link.connection.endStalled(nowMs, streamIdleMs);
  }

  #lookForSilence(nowMs: number, slept: boolean): void {
    if (this.#keepaliveMs === 0) return;
    const link = this.#link;
    const { keepaliveTimeoutMs, pingsIdle } = this.#limits;
    const heardMs = link.heardMs(nowMs);
    if (this.#pingMs >= 0) {
      if (heardMs > this.#pingMs) this.#pingMs = -1;
      else if (slept) this.#pingMs = nowMs;
      else if (nowMs - this.#pingMs >= keepaliveTimeoutMs) {
        link.giveUp(errorCode.NO_ERROR, `no answer to PING within ${keepaliveTimeoutMs} ms`, "silent");
      }
      return;
    }
    if (nowMs - Math.max(heardMs, this.#lastPingMs, this.#bornMs) < this.#keepaliveMs) return;
    if (!pingsIdle && link.connection.streamCount === 0) return;
    this.#pingMs = nowMs;
    this.#lastPingMs = nowMs;
    link.connection.ping("alive");
  }

  #lookForAge(nowMs: number): void {
    const { maxAgeMs, idleMs, graceMs } = this.#limits;
    const { connection } = this.#link;
    if (this.#retiredMs >= 0) {
      if (graceMs > 0 && nowMs - this.#retiredMs >= graceMs) this.#link.destroy();
      return;
    }
    if (connection.streamCount > 0 || connection.lastPeerStreamId !== this.#streamId) {
      this.#streamId = connection.lastPeerStreamId;
      this.#idleSinceMs = nowMs;
    }
    if (maxAgeMs > 0 && nowMs - this.#bornMs >= maxAgeMs) this.#retire("max_age", nowMs);
    else if (idleMs > 0 && nowMs - this.#idleSinceMs >= idleMs) this.#retire("idle", nowMs);
  }

  #retire(why: Retirement, nowMs: number): void {
    this.#retiredMs = nowMs;
    this.#onRetire(why);
  }

  /** Sets the next look: at the first time at which there may be something to be seen. */
  #arm(nowMs: number): void {
    const { streamIdleMs, keepaliveTimeoutMs, maxAgeMs, idleMs, graceMs } = this.#limits;
    let inMs = Number.POSITIVE_INFINITY;
    const within = (delayMs: number): void => {
      if (delayMs < inMs) inMs = delayMs;
    };
    if (streamIdleMs > 0) within(streamIdleMs / looks);
    if (this.#pingMs >= 0) within(this.#pingMs + keepaliveTimeoutMs - nowMs);
    else if (this.#keepaliveMs > 0) {
      const quietMs = nowMs - Math.max(this.#link.heardMs(nowMs), this.#lastPingMs, this.#bornMs);
      within(quietMs < this.#keepaliveMs ? this.#keepaliveMs - quietMs : this.#keepaliveMs);
    }
    if (this.#retiredMs < 0) {
      if (maxAgeMs > 0) within(this.#bornMs + maxAgeMs - nowMs);
      if (idleMs > 0) within(idleMs / looks);
    } else if (graceMs > 0) within(this.#retiredMs + graceMs - nowMs);
    if (inMs === Number.POSITIVE_INFINITY) return;
    this.#dueMs = nowMs + Math.max(1, inMs);
    this.#wheel.arm(this, nowMs, Math.max(1, inMs));
  }
}
