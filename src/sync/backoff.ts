/**
 * When to ask a config service again. Thousands of sidecars lose theirs in the same moment, when it restarts; each draws its pause
 * from the whole range ("full jitter"), so that they come back spread evenly, and not in step at its end.
 */
import type { Chance } from "../base/chance.ts";

export const backoff = {
  /** After a stream that lived: the service is most likely there, and 10,000 within 2 s are what it can take. */
  quickMs: 2_000,
  firstMs: 1_000,
  /** However long it was away, all are back within as much: 10,000 spread over it are 1,250 a second, half of what it can take. */
  longestMs: 8_000,
} as const;

export class Backoff {
  readonly #chance: Chance;
  #failures = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** The service has answered: whatever comes next is a first failure again. */
  reset(): void {
    this.#failures = 0;
  }

  /** The pause after a stream that brought something. */
  quickMs(): number {
    return this.#chance.next() * backoff.quickMs;
  }

  /** The pause after one that brought nothing; it is counted. */
  nextMs(): number {
    const longest = Math.min(backoff.firstMs * 2 ** Math.min(this.#failures, 30), backoff.longestMs);
    this.#failures++;
    // A service that is away must not be asked at once, over and over, by whoever draws zeros.
    return longest / 10 + this.#chance.next() * (longest * 0.9);
  }
}
