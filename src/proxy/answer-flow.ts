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
import { type MessageRewriter, rewrittenMarkBytes } from "./message-rewriter.ts";
import { answerRewriter } from "./model-override.ts";

export class AnswerFlow {
  #tap: AnswerTap | undefined = undefined;
  #rewriter: MessageRewriter | undefined = undefined;
  /** Bytes to be credited to the upstream once the caller has taken what waits for it. */
  #deferred = 0;

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
      let body = rewriter.push(buf, start, end);
      if (rewriter.failed) return false;
      if (endStream && rewriter.partial) body = Buffer.concat([body, rewriter.takeRest()]);
      if (body.length > 0 || endStream) down.sendData(body, 0, body.length, endStream);
      this.#deferred += end - start;
      this.#creditDeferred(up, down);
    }
    this.#tap?.push(buf, start, end);
    return true;
  }

  /**
   * An answer that ends within a message must not look as if it had ended before it: the caller gets what there is of it, and
   * finds it wanting as it would without us.
   */
  sendRest(down: H2Stream): void {
    if (this.#rewriter?.partial !== true) return;
    const rest = this.#rewriter.takeRest();
    down.sendData(rest, 0, rest.length, false);
  }

  /** `bytes` that had waited for the caller went out. */
  delivered(up: H2Stream, down: H2Stream, bytes: number): void {
    if (this.#rewriter === undefined) up.consumed(bytes);
    else this.#creditDeferred(up, down);
  }

  #creditDeferred(up: H2Stream, down: H2Stream): void {
    if (this.#deferred === 0 || down.queuedBytes > rewrittenMarkBytes) return;
    up.consumed(this.#deferred);
    this.#deferred = 0;
  }

  /** The call ended well: its score is read into `sink`. */
  read({ counts, keyed }: Call, sink: VariantSink): void {
    if (this.#tap === undefined) return;
    sink.answers(counts, keyed);
    this.#tap.read(sink);
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
