/** A buffer of bytes that a peer makes us hold: what is in it counts against the process's budget. */
import type { ByteBudget, Holder } from "../http2/byte-budget.ts";
import { RequestBuffer } from "./request-buffer.ts";

export class ChargedBuffer extends RequestBuffer {
  readonly #budget: ByteBudget;
  readonly #holder: Holder;

  /** @param holder for whom the bytes are held. */
  constructor(budget: ByteBudget, holder: Holder) {
    super();
    this.#budget = budget;
    this.#holder = holder;
  }

  override push(buf: Buffer, start: number, end: number, brief = false): void {
    super.push(buf, start, end, brief);
    this.#budget.hold(this.#holder, end - start);
  }

  override clear(): void {
    this.#budget.release(this.#holder, this.bytes);
    super.clear();
  }

  override get unaffordable(): boolean {
    return this.#budget.exceeded(this.#holder);
  }
}
