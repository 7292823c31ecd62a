/**
 * What is new about an input: a block that none has reached, or one that ran about twice as often as ever before. How often
 * counts too, as a loop over frames or fields has states that no single turn of it shows.
 */
import { blockCount, reached } from "./instrument.ts";

export class Coverage {
  /** Blocks that some input reached. */
  blocks = 0;
  /** By block: a bit for each order of magnitude in which it ran. */
  readonly #seen = new Uint8Array(reached.length);
  readonly #counting: boolean;

  /** @param counting whether it is new when a block runs more often than before. */
  constructor(counting = true) {
    this.#counting = counting;
  }

  /** Looks at what ran since the last call, and forgets it. @returns whether any of it is new. */
  take(): boolean {
    let fresh = false;
    const count = blockCount();
    for (let i = 0; i < count; i++) {
      const times = reached[i] as number;
      if (times === 0) continue;
      reached[i] = 0;
      const seen = this.#seen[i] as number;
      const bit = this.#counting ? 1 << (31 - Math.clz32(times)) : 1;
      if ((seen & bit) !== 0) continue;
      this.#seen[i] = seen | bit;
      if (seen === 0) this.blocks++;
      fresh = true;
    }
    return fresh;
  }
}
