/**
 * What a worker tells of its copies to variants that are being warmed up.
 *
 * Once a turn of the event loop: late enough for several copies to go into one message, early enough that the workers
 * together send hardly more copies than were asked for. Messages end with the warm-up.
 */
import { afterTurns } from "../transport/turns.ts";
import type { WarmupCopies } from "./messages.ts";

export class WarmupReports {
  readonly #report: (copies: readonly WarmupCopies[]) => void;
  #copies = new Map<string, { answered: number; tried: number }>();

  constructor(report: (copies: readonly WarmupCopies[]) => void) {
    this.#report = report;
  }

  note(key: string, answered: boolean): void {
    if (this.#copies.size === 0) afterTurns(1, () => this.#send());
    const sum = this.#copies.get(key) ?? { answered: 0, tried: 0 };
    sum.tried++;
    if (answered) sum.answered++;
    this.#copies.set(key, sum);
  }

  #send(): void {
    const copies = [...this.#copies].map(([key, sum]) => ({ key, ...sum }));
    this.#copies = new Map();
    this.#report(copies);
  }
}
