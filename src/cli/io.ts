/** What a command may touch of the process; a test hands in its own. */
import type { Clock } from "../base/clock.ts";
import type { Strings } from "../config/settings.ts";

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** All of standard input, as text. */
  stdin(): Promise<string>;
  readonly env: Strings;
  readonly clock: Clock;
  /** A wait that keeps the process alive, as no timer of `clock` does. */
  pause(ms: number): Promise<void>;
  /** USER@HOST: with this a change is signed where nobody asks for a proof. */
  readonly who: string;
  /** Width of the terminal that standard output goes to; undefined where it goes elsewhere. */
  readonly columns: number | undefined;
  /** Whether standard error goes to a terminal, where a line may be drawn over. */
  readonly drawsProgress: boolean;
  /** Calls `fn` at every signal that asks to end, in place of the end; the returned function ends that. */
  onStop(fn: () => void): () => void;
}
