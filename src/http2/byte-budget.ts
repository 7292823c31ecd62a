/**
 * The process-wide bound on bytes held in streams.
 *
 * Over it, no stream gets credit for what it delivers: senders stall one by one while those that read go on. Credit is
 * given again once a tenth of the budget is free, so that it does not flap at the edge.
 */
import type { H2Stream } from "./stream.ts";

export class ByteBudget {
  readonly limitBytes: number;
  held = 0;
  readonly #waiting = new Set<H2Stream>();

  constructor(limitBytes = 268_435_456) {
    this.limitBytes = limitBytes;
  }

  get exceeded(): boolean {
    return this.held > this.limitBytes;
  }

  hold(bytes: number): void {
    this.held += bytes;
  }

  release(bytes: number): void {
    this.held -= bytes;
    if (this.#waiting.size > 0 && this.held <= this.limitBytes * 0.9) {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const stream of waiting) stream.connection.grantCredit(stream);
    }
  }

  /** The stream's credit is given once there is room again. */
  wait(stream: H2Stream): void {
    this.#waiting.add(stream);
  }

  forget(stream: H2Stream): void {
    if (this.#waiting.size > 0) this.#waiting.delete(stream);
  }
}
