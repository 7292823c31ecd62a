/** Long work in turns of the event loop, between which everybody else is served. */
import type { Clock } from "../base/clock.ts";

/** As short as what a round through all sidecars takes at once. */
const turnMs = 4;

export class Turns {
  readonly #clock: Clock;
  #beganMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.nowMs();
  }

  /** Whether this turn has had its time. */
  get over(): boolean {
    return this.#clock.nowMs() - this.#beganMs > turnMs;
  }

  /** Resolves when others have had theirs. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#clock.after(0, resolve);
    });
    this.#beganMs = this.#clock.nowMs();
  }
}
