/**
 * How much of something may be out at once: calls in flight, bytes held for copies, bytes held for replay.
 *
 * A count that is taken from and given back to, nothing more: no queue and no waiting, for what finds it empty is dropped
 * and counted. It stands *in front* of a breaker, never inside: opossum takes its own capacity's refusals for failures of
 * the upstream, and opens because we were busy.
 */
export class Semaphore {
  /** What may be out at once. */
  readonly capacity: number;
  #taken = 0;
  readonly #within: Semaphore | undefined;

  /**
   * @param capacity calls or bytes, more than 0.
   * @param within a wider one that must have room too, say the process's beside the shadow's own.
   * @throws RangeError where the capacity isn't a number above 0.
   */
  constructor(capacity: number, within?: Semaphore) {
    if (!(capacity > 0)) throw new RangeError(`a capacity is a number above 0, got ${capacity}`);
    this.capacity = capacity;
    this.#within = within;
  }

  /** What is out now. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes `amount`, here and in the wider one, or nothing in either.
   * @param beside what counts against this capacity and was taken elsewhere
   */
  tryTake(amount = 1, beside = 0): boolean {
    if (!(amount >= 0 && this.#taken + beside + amount <= this.capacity)) return false;
    if (this.#within !== undefined && !this.#within.tryTake(amount)) return false;
    this.#taken += amount;
    return true;
  }

  /** Gives back what was taken, once. Never less than nothing is out: a second return must not widen the limit. */
  giveBack(amount = 1): void {
    const returned = amount > 0 ? Math.min(amount, this.#taken) : 0;
    this.#taken -= returned;
    this.#within?.giveBack(returned);
  }
}
