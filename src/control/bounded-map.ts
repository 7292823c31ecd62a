/**
 * A map that forgets what was not asked for the longest: what is kept to spare work may cost memory, but not without end, since whoever
 * asks decides how much there is to keep.
 */
export class BoundedMap<Key, Value> {
  readonly #most: number;
  readonly #weigh: (value: Value) => number;
  /** What was asked for last stands at the end. */
  readonly #values = new Map<Key, Value>();
  #weight = 0;

  /** @param most of the weights together; by default each value weighs 1. What weighs more by itself is not kept. */
  constructor(most: number, weigh: (value: Value) => number = () => 1) {
    this.#most = most;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: Key): Value | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.#forget(key);
    this.#values.set(key, value);
    this.#weight += this.#weigh(value);
    while (this.#weight > this.#most) {
      const [oldest] = this.#values.keys();
      this.#forget(oldest as Key);
    }
  }

  #forget(key: Key): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#weight -= this.#weigh(value);
  }
}
