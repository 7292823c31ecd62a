/**
 * A circuit breaker for one (route, variant, traffic), over opossum.
 *
 * opossum keeps the rolling window, decides when to open, and waits before it tries again. It is made to wrap a promise;
 * the data path has none. So a call asks `tryAcquire` before it starts and tells `settle` once it has ended, and only the
 * *end* is fired through opossum, as an action that is over when it begins: the state is right when `settle` returns, no
 * object lives as long as the call, and opossum's count of calls is a count of outcomes (it would else take those still
 * under way for good ones, and open the later the slower an upstream dies).
 *
 * opossum on its own gets eight things wrong that matter here; each has a test by its name:
 * 1. With no minimum of calls, the first failure opens it: `minCalls`, 20 by default, never below 2.
 * 2. An error that `errorFilter` lets pass closes a half-open breaker: there is none. What says nothing is given back.
 * 3. Its capacity's refusals count as failures: it has no capacity; a `Semaphore` stands in front.
 * 4. Its timeout frees a place whose action still runs: `timeout: false`; calls have deadlines of their own.
 * 5. It has one AbortController for all calls, so one timeout aborts the healthy: it is given none.
 * 6. It opens *above* the threshold, so at 100 never: `failurePercent` is at most 99.
 * 7. Without its timeout a probe that hangs keeps it half-open for ever: a probe's permit expires, and counts as failed.
 * 8. A success from before it opened closes it: a permit is valid in the epoch it was given in, every change begins another.
 * Two more: it writes into the options it is given (each breaker makes its own), and it carries the failures from
 * before it opened past its closing, so that the next single failure opens it again (the window is emptied then).
 */
import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import type { Clock } from "../base/clock.ts";
import { resolveOptions } from "./options.ts";

export type BreakerState = "closed" | "open" | "half_open";

export interface BreakerOptions {
  /** Outcomes the window must hold before the breaker may open. Default 20: below that, chance alone makes 50 % failures. */
  readonly minCalls?: number;
  /** The breaker opens when more than this percentage of the window's outcomes failed, 1..99. Default 50, as opossum and Hystrix have it: a worse upstream is dead, a better one is a gate's business. */
  readonly failurePercent?: number;
  /** Length of the rolling window in milliseconds. Default 10,000: an upstream that dies under steady traffic is left alone after 5 s. */
  readonly windowMs?: number;
  /** How long the breaker stays open before it lets one call try. Default 5,000: about what a restarted process needs to listen. */
  readonly resetMs?: number;
  /** How long that one call may take before it counts as failed. Default 30,000; must be above the longest deadline of the calls, or a slow model never gets back in. */
  readonly probeTimeoutMs?: number;
}

const longestTimerMs = 2 ** 31 - 1;

const rules = {
  minCalls: { default: 20, min: 2, max: 1_000_000, whole: true },
  failurePercent: { default: 50, min: 1, max: 99, whole: false },
  windowMs: { default: 10_000, min: 100, max: 600_000, whole: true },
  resetMs: { default: 5_000, min: 1, max: longestTimerMs, whole: true },
  probeTimeoutMs: { default: 30_000, min: 1, max: longestTimerMs, whole: true },
} as const;

/** @throws RangeError for unknown or senseless options. */
export function resolveBreakerOptions(given: BreakerOptions = {}): Required<BreakerOptions> {
  return resolveOptions("breaker", rules, given);
}

/** The window's parts: it forgets a tenth of itself at a time. */
const windowParts = 10;

/** What a call asks of a breaker, wherever that is kept: in this process, or in the one that leads several. */
export interface CallBreaker {
  readonly state: BreakerState;
  /** A permit for one call, above 0, or 0 where it must not be made. Each goes to `settle` or `giveBack`, once. */
  tryAcquire(): number;
  /** How the call with this permit ended. */
  settle(permit: number, ok: boolean): void;
  /** The call with this permit ended without saying anything about its upstream. */
  giveBack(permit: number): void;
  /** Nobody asks any more. */
  close(): void;
}

/** Told of each change. What it throws is dropped: a log that fails must not leave a breaker half changed. */
export type OnBreakerChange = (to: BreakerState, from: BreakerState) => void;

export class Breaker implements CallBreaker {
  readonly #clock: Clock;
  readonly #onChange: OnBreakerChange;
  readonly #probeTimeoutMs: number;
  readonly #partMs: number;
  readonly #window = new EventEmitter();
  readonly #circuit: CircuitBreaker<[ok: boolean], void>;
  #part: number;
  #state: BreakerState = "closed";
  /** Permits of another epoch mean nothing. */
  #epoch = 1;
  /** Cancels the deadline of the probe that is out; undefined where none is. */
  #stopProbe: (() => void) | undefined;

  /**
   * @param onChange told of each change of state, within the call that brought it about.
   * @throws RangeError for unknown or senseless options.
   */
  constructor(clock: Clock, given: BreakerOptions = {}, onChange: OnBreakerChange = ignore) {
    const options = resolveBreakerOptions(given);
    this.#clock = clock;
    this.#onChange = onChange;
    this.#probeTimeoutMs = options.probeTimeoutMs;
    this.#partMs = options.windowMs / windowParts;
    this.#part = Math.floor(clock.nowMs() / this.#partMs);
    this.#circuit = new CircuitBreaker<[ok: boolean], void>(settled, {
      timeout: false,
      volumeThreshold: options.minCalls,
      errorThresholdPercentage: options.failurePercent,
      resetTimeout: options.resetMs,
      rollingCountTimeout: options.windowMs,
      rollingCountBuckets: windowParts,
      // Else the window is turned by a timer of opossum's own; so it turns when an outcome comes, by our clock.
      rotateBucketController: this.#window,
      // Else each failure sorts every latency of the window.
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    this.#circuit.on("open", () => this.#change("open"));
    this.#circuit.on("halfOpen", () => this.#change("half_open"));
    this.#circuit.on("close", () => {
      this.#forget(windowParts);
      this.#change("closed");
    });
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** What a permit given out now is worth; changes with every change of state. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * A permit for one call, above 0, or 0 where it must not be made. Each permit goes to `settle` or `giveBack`, once.
   * Half-open gives out one permit at a time, the probe's.
   */
  tryAcquire(): number {
    if (this.#state === "closed") return this.#epoch;
    if (this.#state === "open" || this.#stopProbe !== undefined) return 0;
    const epoch = this.#epoch;
    this.#stopProbe = this.#clock.after(this.#probeTimeoutMs, () => this.settle(epoch, false));
    return epoch;
  }

  /** How the call with this permit ended. Ignored where the breaker has changed its state since, and after `close`. */
  settle(permit: number, ok: boolean): void {
    if (permit !== this.#epoch) return;
    this.#turn();
    this.#endProbe();
    const fired = this.#circuit.fire(ok);
    // opossum answers by a promise as well. The outcome is known; only its rejection must not stay unhandled.
    if (!ok) fired.catch(ignore);
  }

  /** The call with this permit ended without saying anything about its upstream. A probe's place is free for another. */
  giveBack(permit: number): void {
    if (permit === this.#epoch) this.#endProbe();
  }

  /** Stops all timers, for good. Nothing is admitted or counted any more, and nobody is told. */
  close(): void {
    this.#state = "open";
    this.#epoch++;
    this.#endProbe();
    this.#circuit.shutdown();
  }

  #endProbe(): void {
    this.#stopProbe?.();
    this.#stopProbe = undefined;
  }

  #change(to: BreakerState): void {
    const from = this.#state;
    this.#state = to;
    this.#epoch++;
    try {
      this.#onChange(to, from);
    } catch {
      // See OnBreakerChange.
    }
  }

  /** Forgets the parts of the window whose time has passed. */
  #turn(): void {
    const part = Math.floor(this.#clock.nowMs() / this.#partMs);
    this.#forget(Math.min(windowParts, part - this.#part));
    this.#part = part;
  }

  #forget(count: number): void {
    for (let i = 0; i < count; i++) this.#window.emit("rotate");
  }
}

const ignore = (): void => undefined;

/**
 * What opossum waits for: it calls `then` and, on what that returns, `catch`. A promise would tell it a turn of the event
 * loop later; these tell it at once, and are made once. A failed outcome needs an error, which nobody ever sees.
 */
const failure = new Error("the call failed");
const succeeded = {
  // biome-ignore lint/suspicious/noThenProperty: opossum takes anything with a then; nobody awaits it
  then(tell: () => void) {
    tell();
    return { catch: ignore };
  },
};
const failed = {
  // biome-ignore lint/suspicious/noThenProperty: as above
  then: () => ({ catch: (tell: (reason: Error) => void) => tell(failure) }),
};
const settled = (ok: boolean): Promise<void> => (ok ? succeeded : failed) as unknown as Promise<void>;
