/** Draws for mutations, the same in every run of one seed. */
import { mixer } from "../support/mixer.ts";

export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = mixer(seed >>> 0);
    // Neighbouring seeds give neighbouring first draws.
    for (let i = 0; i < 8; i++) this.#next();
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  byte(): number {
    return this.below(256);
  }

  /** True in one of `n` draws. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
