/**
 * Which calls a shadow gets a copy of: those whose hash lies in the first so many percent of the hash space.
 *
 * The salt is the route's, not the shadow's, so the draws nest: the keys of a 5 % sample lie within those of a 10 % one,
 * two shadows see the same users and can be compared, and a raised percentage keeps the users it had. It is apart from the
 * salt of the split, or a shadow's sample would be one challenger's users.
 */
import type { Chance } from "../base/chance.ts";
import { murmur3Latin1 } from "../base/hash.ts";
import type { Problem } from "../base/parsed.ts";
import type { ShadowSpec } from "../model/route.ts";
import { saltSeed } from "./slot-table.ts";

const hashSpace = 2 ** 32;

export class ShadowSampling {
  /** Shadows that a draw can choose from; without any, there's no need to draw. */
  readonly count: number;
  readonly #seed: number;
  readonly #limits: Float64Array;

  /** For shadows without `shadowProblems`. */
  constructor(salt: string, shadows: readonly ShadowSpec[]) {
    this.count = shadows.length;
    this.#seed = saltSeed(`${salt}/shadow`);
    this.#limits = Float64Array.from(shadows, ({ percent }) => (percent / 100) * hashSpace);
  }

  /** A call's place in the hash space, the same for all shadows: by its key, or drawn where it has none. */
  draw(key: string | undefined, chance: Chance): number {
    return key === undefined || key === "" ? chance.next() * hashSpace : murmur3Latin1(key, this.#seed);
  }

  /** Whether the call with this draw is copied to a shadow, by the shadow's place in the route. */
  includes(shadow: number, draw: number): boolean {
    return draw < (this.#limits[shadow] ?? 0);
  }
}

/** What is wrong with the shadows' percentages. */
export function shadowProblems(shadows: readonly ShadowSpec[]): Problem[] {
  return shadows
    .filter(({ percent }) => !(percent >= 0 && percent <= 100))
    .map(({ variant, percent }) => ({
      path: `shadows.${variant}.percent`,
      message: `want a number from 0 to 100, got ${percent}`,
    }));
}
