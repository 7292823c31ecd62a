/** What a command may touch of the process; a test hands in its own. */
import type { Strings } from "../config/settings.ts";

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** All of standard input, as text. */
  stdin(): Promise<string>;
  readonly env: Strings;
}
