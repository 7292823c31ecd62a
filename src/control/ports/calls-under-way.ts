/**
 * The calls of a server that are being answered, to be waited for when it ends.
 *
 * grpc-js does not know them: `tryShutdown` calls back at once where connections were handed to it, and what is under way would be cut.
 * A call is under way from when its request is there until its answer is on its way out, and, where the caller has gone meanwhile, until
 * its work is done: a change that nobody waits for any more still needs the store. One whose request is not all there has done nothing,
 * and is refused when the end begins; else whoever opens a call and says nothing would hold it up.
 */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { ending, refusal } from "./refusal.ts";

export type UnaryAnswer = (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) => void;

export class CallsUnderWay {
  readonly #answering = new Set<object>();
  /** Their headers are here, and their request is not. */
  readonly #unread = new Set<ServerInterceptingCallInterface>();
  readonly #idle = Promise.withResolvers<void>();
  #closing = false;

  /** Knows calls from their headers on; before every other interceptor. */
  readonly interceptor: ServerInterceptor = ({ requestStream }, call) => {
    // What its handler is given with the headers is the handler's to end.
    if (requestStream) return call as ServerInterceptingCall;
    return new ServerInterceptingCall(call, {
      start: (start) =>
        start({
          onReceiveMetadata: (metadata: Metadata, next) => {
            if (this.#closing) call.sendStatus(refusal(ending()));
            else {
              this.#unread.add(call);
              next(metadata);
            }
          },
          onReceiveHalfClose: (next) => {
            this.#unread.delete(call);
            next();
          },
          onCancel: () => void this.#unread.delete(call),
        }),
    });
  };

  /** A unary handler whose calls are waited for; none begins once the end has. */
  unary(answer: UnaryAnswer): UnaryAnswer {
    return (call, done) => {
      if (this.#closing) {
        done(refusal(ending()));
        return;
      }
      const left = { work: true, call: true };
      this.#answering.add(left);
      const over = (part: keyof typeof left): void => {
        left[part] = false;
        if (left.work || left.call) return;
        this.#answering.delete(left);
        this.#look();
      };
      // It comes behind each answer that was sent, too.
      call.once("cancelled", () => over("call"));
      answer(call, (...result) => {
        done(...result);
        over("work");
      });
    };
  }

  /** No more calls. @returns when those that are under way are over. */
  close(): Promise<void> {
    this.#closing = true;
    for (const call of this.#unread) call.sendStatus(refusal(ending()));
    this.#unread.clear();
    this.#look();
    return this.#idle.promise;
  }

  #look(): void {
    if (this.#closing && this.#answering.size === 0) this.#idle.resolve();
  }
}
