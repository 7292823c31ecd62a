/** A refusal of who proved to be nobody: gRPC tells it from one of somebody who may not. */
import { ContenderError } from "../../base/errors.ts";

export class UnknownCaller extends ContenderError {
  constructor(text: string) {
    super("FORBIDDEN", text);
  }
}
