/** A place for lines of which a test says how much it takes, when, and how it fails. */
import { setImmediate } from "node:timers/promises";
import type { Appended, LineSink } from "../../src/compare/line-writer.ts";

/** What becomes of one attempt: an error code, with the bytes taken before it; or all is taken. */
export type Attempt = "all" | { readonly code: string; readonly written?: number } | { readonly written: number };

export class ScriptedSink implements LineSink {
  /** What was taken, an element per attempt that took something. */
  readonly taken: string[] = [];
  /** `from` of each attempt. */
  readonly starts: number[] = [];
  readonly #script: Attempt[];
  #held: Promise<void> | undefined = undefined;
  #release: () => void = () => undefined;

  /** @param script of the first attempts; after them everything is taken. */
  constructor(...script: readonly Attempt[]) {
    this.#script = [...script];
  }

  async append(bytes: Buffer, from: number): Promise<Appended> {
    this.starts.push(from);
    const attempt = this.#script.shift() ?? "all";
    await (this.#held ?? setImmediate());
    const all = bytes.length - from;
    const { written = 0, code } =
      attempt === "all" ? { written: all, code: undefined } : { code: undefined, ...attempt };
    if (written > 0) this.taken.push(bytes.toString("utf8", from, from + written));
    return { written, code };
  }

  /** From now on attempts hang, until `release`. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#release();
    this.#held = undefined;
  }

  /** All that was taken. */
  get text(): string {
    return this.taken.join("");
  }
}
