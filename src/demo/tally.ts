/**
 * What the callers saw, by route and variant: the half of the demo's figures that the sidecar can't know, and the check
 * of the half that it does know.
 */
import type { Answer } from "./clients.ts";

interface Seen {
  readonly users: Set<number>;
  rows: number;
}

const nobody: Seen = { users: new Set(), rows: 0 };

export class Tally {
  calls = 0;
  /** Calls that ended in an error, by `CODE: details`. */
  readonly failures = new Map<string, number>();
  readonly #variants = new Map<string, Seen>();

  /** `user`: the caller's number. */
  answered(user: number, { variant = "unknown", rows }: Answer): void {
    this.calls++;
    let seen = this.#variants.get(variant);
    if (seen === undefined) {
      seen = { users: new Set(), rows: 0 };
      this.#variants.set(variant, seen);
    }
    seen.users.add(user);
    seen.rows += rows;
  }

  failed(why: string): void {
    this.calls++;
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
  }

  get errors(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Distinct users that the variant answered. */
  users(variant: string): number {
    return (this.#variants.get(variant) ?? nobody).users.size;
  }

  /** Rows in the variant's answers. */
  rows(variant: string): number {
    return (this.#variants.get(variant) ?? nobody).rows;
  }

  /** Distinct users by variant, added up: a user whom two variants answered counts for each. */
  get allUsers(): number {
    return [...this.#variants.values()].reduce((sum, { users }) => sum + users.size, 0);
  }
}
