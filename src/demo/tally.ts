/**
 * What the callers of a route saw: the half of the demo's figures that the sidecar can't know, and the check of the half that it
 * does know.
 *
 * Who met which variant is kept by stage, which is the time between two changes of the routes. A call is of a stage only where that
 * can't be otherwise: what had ended when the stage before was last seen in force is of that one, what was sent after the new one
 * was in force is of the new one. What lies between is left out and counted.
 */
import type { Answer } from "./clients.ts";

/** Users of one stage, by the variant that answered them. */
export class Met {
  readonly #variants = new Map<string, Set<number>>();
  readonly #of = new Map<number, string | undefined>();

  add(user: number, variant: string): void {
    const users = this.#variants.get(variant) ?? new Set();
    this.#variants.set(variant, users.add(user));
    this.#of.set(user, this.#of.get(user) === variant || !this.#of.has(user) ? variant : undefined);
  }

  /** Distinct users that the variant answered. */
  users(variant: string): number {
    return this.#variants.get(variant)?.size ?? 0;
  }

  /** Distinct users by variant, added up: a user whom two variants answered counts for each. */
  get all(): number {
    return [...this.#variants.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get variants(): readonly string[] {
    return [...this.#variants.keys()];
  }

  /** Every user, with the one variant that answered; undefined where there were several. */
  get byUser(): ReadonlyMap<number, string | undefined> {
    return this.#of;
  }
}

interface Answered {
  readonly user: number;
  readonly variant: string;
  readonly sentMs: number;
  readonly endedMs: number;
}

export class Tally {
  calls = 0;
  /** Calls that ended in an error, by `CODE: details`. */
  readonly failures = new Map<string, number>();
  /** Of the stage before; undefined in the first. */
  before: Met | undefined;
  /** Of this stage, as far as it is confirmed. */
  now = new Met();
  /** Answers between the stage before and this one, which count for neither. */
  leftOut = 0;
  readonly #rows = new Map<string, number>();
  #sinceMs = Number.NEGATIVE_INFINITY;
  /** Ended after this stage was last seen in force: the next one may have come by then. */
  #open: Answered[] = [];

  /** `user`: the caller's number. */
  answered(user: number, { variant = "unknown", rows }: Answer, sentMs: number, endedMs: number): void {
    this.calls++;
    this.#rows.set(variant, this.rows(variant) + rows);
    if (sentMs < this.#sinceMs) this.leftOut++;
    else this.#open.push({ user, variant, sentMs, endedMs });
  }

  failed(why: string): void {
    this.calls++;
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
  }

  get errors(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Rows in the variant's answers, in all stages. */
  rows(variant: string): number {
    return this.#rows.get(variant) ?? 0;
  }

  /** This stage was still in force at that time. */
  confirm(seenMs: number): void {
    this.#open = this.#open.filter(({ user, variant, endedMs }) => {
      if (endedMs <= seenMs) this.now.add(user, variant);
      return endedMs > seenMs;
    });
  }

  /** Another stage began, at `sinceMs` at the latest, and after all that is confirmed. */
  turn(sinceMs: number): void {
    this.#sinceMs = sinceMs;
    this.before = this.now;
    this.now = new Met();
    const later = this.#open.filter(({ sentMs }) => sentMs >= sinceMs);
    this.leftOut = this.#open.length - later.length;
    this.#open = later;
  }
}
