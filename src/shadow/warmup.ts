/**
 * A variant's warm-up: so many copies of live calls are answered by it before the first user is.
 *
 * It begins as soon as a configuration names the variant, so that it is mostly over before a weight is given. Where the
 * weight comes first, the champion answers the users that were drawn for the variant until enough copies are, and for
 * `timeoutMs` at most: a sidecar without traffic to copy must not hold a rollout up, and pods must not differ for long in
 * whom they give which model. Once over it stays so: a connection that was lost tells nothing of the process behind it.
 * Where several workers warm the same variant up, each hears of the others' copies: it is one server that gets warm.
 */
import type { WarmupSpec } from "../model/route.ts";

export type WarmupEnd = "warm" | "timed_out" | "gave_up" | "promoted";

/** Copies sent for each that is to be answered, before a server that answers none is left to its fate. */
const triesPerCopy = 4;

export class Warmup {
  readonly spec: WarmupSpec;
  readonly #onEnd: (end: WarmupEnd, left: number) => void;
  readonly #onCopy: (answered: boolean) => void;
  #left: number;
  #tries: number;
  /** Until when the champion answers in its place; below zero while it has no weight. */
  #untilMs = -1;
  #over = false;

  /** @param onCopy is told of each copy of our own that counts. */
  constructor(
    spec: WarmupSpec,
    onEnd: (end: WarmupEnd, left: number) => void,
    onCopy: (answered: boolean) => void = () => undefined,
  ) {
    this.spec = spec;
    this.#onEnd = onEnd;
    this.#onCopy = onCopy;
    this.#left = spec.copies;
    this.#tries = spec.copies * triesPerCopy;
    if (spec.copies === 0) this.#over = true;
  }

  /** Copies that are still to be answered; 0 once it is over. */
  get left(): number {
    return this.#over ? 0 : this.#left;
  }

  get over(): boolean {
    return this.#over;
  }

  /** A configuration is in force in which the variant has this place. */
  placed(place: "champion" | "weighted" | "unweighted", nowMs: number): void {
    if (this.#over) return;
    // Nobody could answer in its stead.
    if (place === "champion") this.#end("promoted");
    else if (place === "unweighted") this.#untilMs = -1;
    else if (this.#untilMs < 0) this.#untilMs = nowMs + this.spec.timeoutMs;
  }

  /** Whether the champion answers a user that was drawn for the variant. */
  holds(nowMs: number): boolean {
    if (this.#over) return false;
    if (nowMs < this.#untilMs) return true;
    this.#end("timed_out");
    return false;
  }

  /** Whether another copy is of use beside those that are under way. */
  wants(underWay: number): boolean {
    return !this.#over && underWay < this.#left;
  }

  /** A copy has come to its end; `answered` where the model said OK: an error warms nothing up. */
  settle(answered: boolean): void {
    if (this.#over) return;
    this.#onCopy(answered);
    this.#count(answered ? 1 : 0, 1);
  }

  /** Copies of others to the same variant have come to their end. */
  hear(answered: number, tried: number): void {
    if (!this.#over) this.#count(answered, tried);
  }

  #count(answered: number, tried: number): void {
    this.#left = Math.max(0, this.#left - answered);
    this.#tries -= tried;
    if (this.#left === 0) this.#end("warm");
    else if (this.#tries <= 0) this.#end("gave_up");
  }

  #end(end: WarmupEnd): void {
    this.#over = true;
    this.#onEnd(end, this.#left);
  }
}
