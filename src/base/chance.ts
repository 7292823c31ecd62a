/** Chance comes in through this port: tests hand in a fixed sequence, jitter in tests is zero. */
export interface Chance {
  /** A number in [0, 1). */
  next(): number;
}

/** The one real source of chance. Not for secrets. */
export const systemChance: Chance = { next: () => Math.random() };
