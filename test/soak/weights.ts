/** Which variants a user may meet while the weights change every second. */

/** A set of weights, with the variant that each user has under it. */
export interface Step {
  /** The champion's weight of 100. */
  readonly champion: number;
  /** By the user's number. */
  readonly variants: readonly string[];
}

interface Force {
  readonly variants: readonly string[];
  readonly fromMs: number;
  untilMs: number;
}

/** How long a file that was replaced may still be in force: the sidecar looks every 10 s where no event reaches it. */
export const adoptMs = 12_000;

export class WeightsInForce {
  readonly #steps: readonly Step[];
  #force: Force[] = [];

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  /** The weights of this step are about to be written. */
  begin(step: number, nowMs: number): void {
    const last = this.#force.at(-1);
    if (last !== undefined) last.untilMs = nowMs + adoptMs;
    this.#force = this.#force.filter(({ untilMs }) => untilMs > nowMs - adoptMs);
    const { variants } = this.#steps[step] ?? { variants: [] };
    this.#force.push({ variants, fromMs: nowMs, untilMs: Number.POSITIVE_INFINITY });
  }

  /** Whether a call that began and ended then may have had this variant. */
  allows(variant: string, user: number, beganMs: number, endedMs: number): boolean {
    for (const { variants, fromMs, untilMs } of this.#force) {
      if (fromMs <= endedMs && untilMs >= beganMs && variants[user] === variant) return true;
    }
    return false;
  }
}
