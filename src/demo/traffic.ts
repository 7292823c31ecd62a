/**
 * Paced traffic of real rows from a closed set of users.
 *
 * Open loop: a call is sent when it is due, whether or not earlier ones have come back, as callers in life do; a slow
 * answer does not slow the demand and so can't hide itself. What can't be sent because too much is in flight is left out
 * and not made up for, or every hiccup would be followed by a burst.
 */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Answer, PredictClient } from "./clients.ts";
import type { CreditRow } from "./data.ts";

export interface TrafficOptions {
  /** Used in turn, one connection each. */
  readonly clients: readonly PredictClient[];
  readonly rows: readonly CreditRow[];
  /** Distinct users. */
  readonly users: number;
  readonly callsPerSecond: number;
  /**
   * How long the pace takes to rise to that, in milliseconds. Default 2000: a process that has just started compiles while
   * it answers, and under full traffic would fall behind at once and show that as everybody's latency.
   */
  readonly riseMs?: number;
  /** Most calls that may be under way. Default 64: far above what a healthy machine needs, far below what would choke one. */
  readonly maxInFlight?: number;
  readonly clock: Clock;
  readonly chance: Chance;
  /** `sentMs`: when the call was handed to the client, by the clock's `nowMs`. */
  readonly onAnswer: (user: number, answer: Answer, sentMs: number) => void;
  readonly onError: (why: string) => void;
}

/** Short enough that a tick at the demo's pace sends a handful of calls, long enough to cost nothing. */
const tickMs = 5;

/** Most rows a user sends in a call. */
const maxRowsPerCall = 4;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #nextUser: () => number;
  readonly #startMs: number;
  #due = 0;
  #sent = 0;
  #inFlight = 0;
  #cancelTick: (() => void) | undefined;
  #idle: (() => void) | undefined;

  /** Starts sending. */
  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#nextUser = userSequence(options.users, options.chance);
    this.#startMs = options.clock.nowMs();
    this.#tick();
  }

  get sent(): number {
    return this.#sent;
  }

  /** Whether every user has sent at least one call. */
  get metAll(): boolean {
    return this.#sent >= this.#options.users;
  }

  /** Sends no more, and resolves when every call has ended. */
  stop(): Promise<void> {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  #tick(): void {
    const { clock, callsPerSecond, riseMs = 2000, maxInFlight = 64 } = this.#options;
    const due = callsDue(clock.nowMs() - this.#startMs, callsPerSecond, riseMs);
    for (; this.#due < due; this.#due++) {
      if (this.#inFlight < maxInFlight) this.#send();
    }
    this.#cancelTick = clock.after(tickMs, () => this.#tick());
  }

  #send(): void {
    const { clients, rows, clock, onAnswer, onError } = this.#options;
    const client = clients[this.#sent % clients.length];
    if (client === undefined) return;
    const user = this.#nextUser();
    this.#sent++;
    this.#inFlight++;
    const sentMs = clock.nowMs();
    client.predict(keyOf(user), rowsOf(user, rows), (result) => {
      if ("rows" in result) onAnswer(user, result, sentMs);
      else onError(`${result.code}: ${result.details}`);
      this.#inFlight--;
      if (this.#inFlight === 0) this.#idle?.();
    });
  }
}

/** Calls due after `elapsedMs`, with a pace that rises in a straight line for `riseMs` and then stays. */
export function callsDue(elapsedMs: number, callsPerSecond: number, riseMs: number): number {
  const fullPaceMs = elapsedMs < riseMs ? elapsedMs ** 2 / (2 * riseMs) : elapsedMs - riseMs / 2;
  return Math.floor((fullPaceMs * callsPerSecond) / 1000);
}

/** What a user's calls carry in `x-user-id`. */
export function keyOf(user: number): string {
  return `user-${user}`;
}

/** A user's applications: always the same few rows, so that the same user gets the same scores from the same model. */
export function rowsOf(user: number, rows: readonly CreditRow[]): (readonly number[])[] {
  const count = 1 + (user % maxRowsPerCall);
  return Array.from({ length: count }, (_, i) => rows[(user + i) % rows.length]?.features ?? []);
}

/** Users by number: first each of them once, in an order drawn by chance, then at random. */
export function userSequence(users: number, chance: Chance): () => number {
  const order = Uint32Array.from({ length: users }, (_, i) => i);
  let taken = 0;
  return () => {
    const draw = Math.floor(chance.next() * (users - (taken < users ? taken : 0)));
    if (taken >= users) return draw;
    // One step of Fisher and Yates' shuffle for each user taken.
    const at = taken + draw;
    const user = order[at] ?? 0;
    order[at] = order[taken] ?? 0;
    taken++;
    return user;
  };
}
