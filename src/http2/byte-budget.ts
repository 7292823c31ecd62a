/**
 * The process-wide bound on bytes held in streams, and whose they are.
 *
 * Over it, streams get no credit for what they deliver: senders stall one by one while those that read go on. That must
 * not be somebody else's loss, so what is held is held for a caller's connection (`Holder`), and over the bound only those
 * stall that hold more than an equal share of it. Whoever reads holds next to nothing, and is not among them.
 *
 * Credit is given again once a tenth of the budget, or of the share, is free, so that it does not flap at the edge.
 */
import type { H2Stream } from "./stream.ts";

/** One for whom bytes are held: a connection, for its own streams and for those that its calls have elsewhere. */
export class Holder {
  held = 0;
  /** Streams that get their credit once there is room again. */
  readonly waiting = new Set<H2Stream>();
}

export class ByteBudget {
  readonly limitBytes: number;
  held = 0;
  /** Those that hold anything. */
  #holders = 0;
  readonly #starved = new Set<Holder>();

  constructor(limitBytes = 268_435_456) {
    this.limitBytes = limitBytes;
  }

  /** Whether no more should be held for this one. */
  exceeded(holder: Holder): boolean {
    return this.held > this.limitBytes && holder.held * this.#holders > this.limitBytes;
  }

  hold(holder: Holder, bytes: number): void {
    if (holder.held === 0 && bytes > 0) this.#holders++;
    holder.held += bytes;
    this.held += bytes;
  }

  release(holder: Holder, bytes: number): void {
    this.held -= bytes;
    holder.held -= bytes;
    if (holder.held === 0 && bytes > 0) this.#holders--;
    if (this.#starved.size > 0) this.#feed(holder);
  }

  #feed(holder: Holder): void {
    const enough = this.limitBytes * 0.9;
    if (this.held <= enough) for (const each of [...this.#starved]) this.#credit(each);
    else if (holder.held * this.#holders <= enough) this.#credit(holder);
  }

  #credit(holder: Holder): void {
    if (!this.#starved.delete(holder)) return;
    const waiting = [...holder.waiting];
    holder.waiting.clear();
    for (const stream of waiting) stream.connection.grantCredit(stream);
  }

  /** The stream's credit is given once there is room again. */
  wait(stream: H2Stream): void {
    stream.holder.waiting.add(stream);
    this.#starved.add(stream.holder);
  }

  forget(stream: H2Stream): void {
    if (this.#starved.size === 0) return;
    const { waiting } = stream.holder;
    waiting.delete(stream);
    if (waiting.size === 0) this.#starved.delete(stream.holder);
  }
}
