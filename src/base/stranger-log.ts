/** Keeps strangers from writing the log: of each kind of thing that they do, a line now and then. */
import type { Clock } from "./clock.ts";

/** Between two lines of one kind. */
const quietMs = 10_000;

export class StrangerLog<Kind extends string> {
  readonly #clock: Clock;
  readonly #told = new Map<Kind, { atMs: number; more: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns how many came untold after the line before of this kind; undefined where this one goes untold, too. */
  add(kind: Kind): number | undefined {
    const nowMs = this.#clock.nowMs();
    const before = this.#told.get(kind);
    if (before !== undefined && nowMs - before.atMs < quietMs) {
      before.more++;
      return undefined;
    }
    this.#told.set(kind, { atMs: nowMs, more: 0 });
    return before?.more ?? 0;
  }
}
