/**
 * A call's header list, kept where the call may have to wait or to be sent again, and counted while it is: a caller decides
 * how long it is, and how many calls wait.
 */
import type { HeaderField } from "../http2/header-block.ts";
import { CallDeadline } from "./call-deadline.ts";
import type { Generation } from "./generation.ts";

/** What calls hold in all: the calls themselves and the header lists they keep. */
export interface CallLoad {
  calls: number;
  headerBytes: number;
}

export abstract class CallHead extends CallDeadline {
  /** The request's fields; undefined where nobody needs them any more, or yet. */
  fields: HeaderField[] | undefined = undefined;
  /** Their size, by RFC 9113's count. */
  headBytes = 0;
  /** As `Overload.stalledMs` was when the call began. */
  readonly stalledMs: number;
  /** What was in force when it began: it keeps that for life. */
  readonly generation: Generation;
  readonly #load: CallLoad;

  constructor(startMs: number, stalledMs: number, load: CallLoad, generation: Generation) {
    super(startMs);
    this.stalledMs = stalledMs;
    this.generation = generation;
    this.#load = load;
    load.calls++;
    generation.calls++;
  }

  /** Keeps the fields, where they are not kept already. */
  keepFields(fields: readonly HeaderField[], count: number): void {
    if (this.fields !== undefined) return;
    this.fields = fields.slice(0, count);
    this.#load.headerBytes += this.headBytes;
  }

  /** More of its head is kept, until it is over: its trailers. */
  protected keepMore(bytes: number): void {
    this.headBytes += bytes;
    this.#load.headerBytes += bytes;
  }

  /** The call is over. To be called once. */
  protected leave(): void {
    this.#load.calls--;
    this.generation.left();
    if (this.fields === undefined) return;
    this.fields = undefined;
    this.#load.headerBytes -= this.headBytes;
  }
}
