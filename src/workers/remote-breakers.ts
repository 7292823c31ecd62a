/**
 * Breakers whose home is the primary, as a worker's calls see them.
 *
 * A call must not wait for another process, so it is decided by the state that was pushed here last. What calls
 * came to is reported in batches, a few milliseconds late: a breaker opens that much later, which at any rate of calls is
 * less than the window forgets in the same time. Half-open, the one probe belongs to the worker that was given it.
 */
import type { Clock } from "../base/clock.ts";
import type { BreakerState, CallBreaker } from "../resilience/breaker.ts";
import type { BreakerWord, Outcomes } from "./messages.ts";

/** Longest time that an outcome waits for others. */
const reportMs = 10;

export class RemoteBreakers {
  readonly #clock: Clock;
  readonly #report: (outcomes: readonly Outcomes[]) => void;
  readonly #words = new Map<string, BreakerWord>();
  readonly #breakers = new Map<string, RemoteBreaker>();
  readonly #changed = new Set<RemoteBreaker>();
  #scheduled = false;

  constructor(clock: Clock, report: (outcomes: readonly Outcomes[]) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** The breaker of this key. One that nobody has told about yet is closed. */
  make(key: string): CallBreaker {
    const word = this.#words.get(key) ?? { key, state: "closed", epoch: 0, probe: false };
    const breaker = new RemoteBreaker(
      word,
      () => this.#schedule(breaker),
      () => this.#forget(key),
    );
    this.#breakers.set(key, breaker);
    return breaker;
  }

  /** Takes what the primary says, also of breakers that are made later. */
  hear(words: readonly BreakerWord[]): void {
    for (const word of words) {
      this.#words.set(word.key, word);
      this.#breakers.get(word.key)?.hear(word);
    }
  }

  /** Takes what was said when a configuration was prepared: it may be older than what is known by now. */
  learn(words: readonly BreakerWord[]): void {
    this.hear(words.filter(({ key }) => !this.#words.has(key)));
  }

  recall(key: string, epoch: number): void {
    this.#breakers.get(key)?.recall(epoch);
  }

  #forget(key: string): void {
    this.#breakers.delete(key);
    this.#words.delete(key);
  }

  #schedule(breaker: RemoteBreaker): void {
    this.#changed.add(breaker);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(reportMs, () => this.#send());
  }

  #send(): void {
    this.#scheduled = false;
    const outcomes = [...this.#changed].map((breaker) => breaker.take());
    this.#changed.clear();
    this.#report(outcomes);
  }
}

class RemoteBreaker implements CallBreaker {
  #word: BreakerWord;
  readonly #changed: () => void;
  readonly #closed: () => void;
  /** The next call here is the probe. */
  #probe: boolean;
  #began = false;
  #succeeded = 0;
  #failed = 0;
  #gaveBack = false;
  #returned = false;
  #wanted = false;

  constructor(word: BreakerWord, changed: () => void, closed: () => void) {
    this.#word = word;
    this.#probe = word.probe;
    this.#changed = changed;
    this.#closed = closed;
  }

  get state(): BreakerState {
    return this.#word.state;
  }

  tryAcquire(): number {
    const { state, epoch } = this.#word;
    // Epoch 0 is the primary's silence: 0 as a permit would mean no.
    if (state === "closed") return epoch === 0 ? Number.MAX_SAFE_INTEGER : epoch;
    if (this.#probe) {
      this.#probe = false;
      this.#began = true;
      this.#changed();
      return epoch;
    }
    if (!this.#wanted) {
      this.#wanted = true;
      this.#changed();
    }
    return 0;
  }

  settle(permit: number, ok: boolean): void {
    if (permit !== this.#word.epoch) return;
    if (ok) this.#succeeded++;
    else this.#failed++;
    this.#changed();
  }

  giveBack(permit: number): void {
    if (permit !== this.#word.epoch || this.#word.state !== "half_open") return;
    this.#gaveBack = true;
    this.#changed();
  }

  close(): void {
    this.#word = { ...this.#word, state: "open", epoch: -1 };
    this.#probe = false;
    this.#closed();
  }

  hear(word: BreakerWord): void {
    if (word.epoch !== this.#word.epoch) this.#forget(); // of another state, which nobody asks about any more
    this.#word = word;
    this.#probe = word.probe;
  }

  recall(epoch: number): void {
    if (epoch !== this.#word.epoch || !this.#probe) return; // it has begun, and that has been said or will be
    this.#probe = false;
    this.#returned = true;
    this.#changed();
  }

  /** What has happened since it was asked last. */
  take(): Outcomes {
    const { key, epoch } = this.#word;
    const outcomes = {
      key,
      epoch,
      began: this.#began,
      succeeded: this.#succeeded,
      failed: this.#failed,
      gaveBack: this.#gaveBack,
      returned: this.#returned,
      wanted: this.#wanted,
    };
    this.#forget();
    return outcomes;
  }

  #forget(): void {
    this.#began = false;
    this.#succeeded = 0;
    this.#failed = 0;
    this.#gaveBack = false;
    this.#returned = false;
    this.#wanted = false;
  }
}
