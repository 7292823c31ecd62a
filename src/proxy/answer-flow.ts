/**
 * An answer's messages from the upstream to the caller: passed on, or set back to the model that the caller asked for,
 * and looked at for their score on the way.
 */
import { type HeaderBlock, headerId } from "../http2/header-block.ts";
import type { H2Stream } from "../http2/stream.ts";
import { AnswerTap } from "./answer-tap.ts";
import type { Call } from "./call.ts";
import { ChargedBuffer } from "./charged-buffer.ts";
import type { VariantSink } from "./generation.ts";
import type { MessageRewriter } from "./message-rewriter.ts";
import { answerRewriter } from "./model-override.ts";

export class AnswerFlow {
  #tap: AnswerTap | undefined = undefined;
  #rewriter: MessageRewriter | undefined = undefined;

  /** The answer's head is here: what is to be done with its messages is known from now on. */
  begin(call: Call, block: HeaderBlock): void {
    if (call.request.rewriter !== undefined) {
      this.#rewriter = answerRewriter(call, block.find(headerId["grpc-encoding"])?.value);
    }
    const { dialect, method } = call.method.plan;
    if (dialect === undefined || method === undefined || !method.scored || call.reason === "hop") return;
    const reader = call.route.scoreReaders.get(dialect.name);
    if (reader === undefined) return;
    const { budget, options } = call.proxy;
    this.#tap = new AnswerTap(reader, method, options.scoreBytes, new ChargedBuffer(budget, call.down.holder));
  }

  /** Passes the next bytes on. @returns false where a message can't be set back. */
  relay(up: H2Stream, down: H2Stream, buf: Buffer, start: number, end: number, endStream: boolean): boolean {
    const rewriter = this.#rewriter;
    if (rewriter === undefined) {
      up.consumed(down.sendData(buf, start, end, endStream));
    } else {
      const body = rewriter.push(buf, start, end);
      if (rewriter.failed) return false;
      if (body.length > 0 || endStream) down.sendData(body, 0, body.length, endStream);
      up.consumed(end - start);
    }
    this.#tap?.push(buf, start, end);
    return true;
  }

  /** The call ended well: its score is read into `sink`. */
  read(sink: VariantSink): void {
    this.#tap?.read(sink);
  }

  /** Whether there is an answer to read a score from. */
  get tapped(): boolean {
    return this.#tap !== undefined;
  }

  drop(): void {
    this.#tap?.drop();
    this.#tap = undefined;
    this.#rewriter?.drop();
    this.#rewriter = undefined;
  }
}
