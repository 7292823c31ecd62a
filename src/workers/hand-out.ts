/**
 * Which worker gets the next connection: the one with the fewest, and of several the one whose turn it is.
 *
 * A listening socket that all workers share leaves that to the kernel, which wakes whoever comes first: of forty trials
 * with four connections and two workers, three put all four on one. gRPC callers have few connections and keep them, so
 * that this would be the split for as long as they live.
 */
export interface Seat {
  /** It can be given connections. */
  readonly ready: boolean;
  readonly connections: number;
}

export class HandOut {
  /** Connections that one worker can have. */
  readonly #most: number;
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns the place of the worker to take; -1 where none can. */
  pick(seats: readonly Seat[]): number {
    let best = -1;
    for (let i = 0; i < seats.length; i++) {
      const at = (this.#next + i) % seats.length;
      const seat = seats[at] as Seat;
      if (!seat.ready || seat.connections >= this.#most) continue;
      if (best === -1 || seat.connections < (seats[best] as Seat).connections) best = at;
    }
    if (best !== -1) this.#next = best + 1;
    return best;
  }
}
