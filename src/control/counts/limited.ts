/** A refusal of what is too much now, and when it may be tried again. */
import { ContenderError } from "../../base/errors.ts";

export class Limited extends ContenderError {
  readonly retryMs: number;

  constructor(text: string, retryMs: number) {
    super("LIMIT_REACHED", text);
    this.retryMs = Math.ceil(retryMs);
  }
}
