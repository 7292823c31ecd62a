/**
 * Chance that was written down beforehand, so that a test says which way each draw falls.
 *
 * It throws when it runs dry: a draw that nobody foresaw is what such a test is there to catch.
 */
import type { Chance } from "../../src/base/chance.ts";

export class ScriptedChance implements Chance {
  readonly #values: readonly number[];
  #drawn = 0;

  /** @param values what `next` gives, in order; each in [0, 1). */
  constructor(...values: readonly number[]) {
    for (const value of values) {
      if (!(value >= 0 && value < 1)) throw new RangeError(`chance gives numbers in [0, 1), got ${value}`);
    }
    this.#values = values;
  }

  next(): number {
    const value = this.#values[this.#drawn];
    if (value === undefined) throw new Error(`draw ${this.#drawn + 1} was not scripted`);
    this.#drawn++;
    return value;
  }

  /** Draws made so far. */
  get drawn(): number {
    return this.#drawn;
  }

  /** Scripted draws that nobody has made yet. */
  get left(): number {
    return this.#values.length - this.#drawn;
  }
}

/** The same draw for ever: 0 is the first choice every time, and no jitter. */
export function constantChance(value = 0): Chance {
  if (!(value >= 0 && value < 1)) throw new RangeError(`chance gives numbers in [0, 1), got ${value}`);
  return { next: () => value };
}
