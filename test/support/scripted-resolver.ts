/** Names that stand for what the test says, when it says it: a look-up waits until the test answers it. */
import assert from "node:assert/strict";
import type { Resolver } from "../../src/transport/resolver.ts";

export class ScriptedResolver implements Resolver {
  /** Every name that was asked for, in order. */
  readonly asked: string[] = [];
  readonly #open: ((addresses: readonly string[], failure: string | undefined) => void)[] = [];

  resolve(host: string, done: (addresses: readonly string[], failure: string | undefined) => void): void {
    this.asked.push(host);
    this.#open.push(done);
  }

  /** Look-ups that wait for an answer. */
  get pending(): number {
    return this.#open.length;
  }

  /** Answers the look-up that has waited longest. */
  answer(...addresses: readonly string[]): void {
    this.#next()(addresses, undefined);
  }

  fail(code: string): void {
    this.#next()([], code);
  }

  #next(): (addresses: readonly string[], failure: string | undefined) => void {
    const done = this.#open.shift();
    assert.ok(done, "a look-up is under way");
    return done;
  }
}
