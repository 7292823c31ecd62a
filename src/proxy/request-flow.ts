/**
 * A request's bytes from the caller to the upstream: held while nobody knows where they go, relayed, kept while they may
 * have to go out again, and credited to the caller exactly once.
 */
import { prefixBytes } from "../grpc/framing.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { H2Stream } from "../http2/stream.ts";
import { ChargedBuffer } from "./charged-buffer.ts";
import { type MessageRewriter, rewrittenMarkBytes } from "./message-rewriter.ts";

const nothing = Buffer.alloc(0);

export class RequestFlow extends ChargedBuffer {
  /** The caller has sent all of it. */
  ended = false;
  /** Whether the buffer holds everything there was, so that it can be sent (again). */
  replayable = true;
  /** Most bytes that are kept once they have been sent. */
  keepBytes: number;
  /** The same while all of it may be one message; it counts where it is more than `keepBytes`. */
  keepMessageBytes = 0;
  /** It was seen to go on after its first message; looked for where `keepMessageBytes` counts. */
  #several = false;
  /** Set where the upstream gets other messages than the caller sent. */
  rewriter: MessageRewriter | undefined = undefined;
  /** What the rewriter has made of the first held bytes. */
  #rewritten: Buffer | undefined = undefined;
  /** How many of them. */
  #rewrittenOf = 0;
  readonly #down: H2Stream;
  readonly #budget: ByteBudget;
  /** Bytes credited to the caller, in all. */
  #credited = 0;
  /** Those of them that have not gone out yet (again). */
  #debt = 0;
  /** Bytes to be credited once the upstream has taken what waits for it. */
  #deferred = 0;

  /** @param budget the process's: what is held here is part of what it may hold. */
  constructor(down: H2Stream, budget: ByteBudget, keepBytes: number) {
    super(budget, down.holder);
    this.#down = down;
    this.#budget = budget;
    this.keepBytes = keepBytes;
  }

  /** Sets who rewrites the messages, and what it has made of all that is held. */
  rewrite(rewriter: MessageRewriter, rewritten: Buffer): void {
    this.rewriter = rewriter;
    this.#rewritten = rewritten;
    this.#rewrittenOf = this.bytes;
    this.#budget.hold(this.#down.holder, rewritten.length);
  }

  #takeRewritten(): Buffer {
    const taken = this.#rewritten ?? nothing;
    this.#rewritten = undefined;
    this.#budget.release(this.#down.holder, taken.length);
    return taken;
  }

  /** Takes bytes that can't go out yet. `credit` where the caller may send as many again meanwhile. */
  hold(buf: Buffer, start: number, end: number, credit: boolean): void {
    this.push(buf, start, end);
    const count = end - start;
    if (this.#rewritten !== undefined) {
      this.#deferred += count;
      return;
    }
    if (!credit) return;
    this.#debt += count;
    this.#credited += count;
    this.#down.consumed(count);
  }

  /** Credits what is held and was not credited yet: more of it has to come before any of it can go out. */
  creditHeld(): void {
    const owed = this.bytes - this.#credited;
    this.#deferred = 0;
    if (owed <= 0) return;
    this.#debt += owed;
    this.#credited += owed;
    this.#down.consumed(owed);
  }

  /** Sends what was held, all of it, as the first bytes of `up`. @returns as `relay`. */
  sendHeld(up: H2Stream): boolean {
    let sent = true;
    if (this.rewriter !== undefined) {
      // What came since, while its target had no connection, it is to get as it gets all others.
      this.flatten();
      const more = this.rewriter.push(this.head, this.start + this.#rewrittenOf, this.end);
      const first = this.#takeRewritten();
      this.#debt = 0;
      // What waited for a target that took messages as they were is owed yet.
      this.#deferred = this.bytes - this.#credited;
      sent = this.#sendRewritten(up, more.length === 0 ? first : Buffer.concat([first, more]), this.rewriter);
    } else {
      this.flatten();
      this.#credit(up.sendData(this.head, this.start, this.end, this.ended));
    }
    if (this.exceeds(this.keepMessageBytes > this.keepBytes ? this.keepMessageBytes : this.keepBytes)) this.forget();
    return sent;
  }

  /** Whether anything is kept once it has been sent. */
  get keeps(): boolean {
    return this.keepBytes > 0 || this.keepMessageBytes > 0;
  }

  /** Whether it is known not to be one message, now that it has ended. */
  get severalMessages(): boolean {
    return this.#several || (this.replayable && this.bytes !== prefixBytes + this.messageBytes());
  }

  /** Most bytes that are kept of a request that comes to `total` with the piece at hand. */
  #limitFor(total: number): number {
    if (this.keepMessageBytes <= this.keepBytes) return this.keepBytes;
    const length = this.messageBytes();
    this.#several = length >= 0 && total > prefixBytes + length;
    return this.#several ? this.keepBytes : this.keepMessageBytes;
  }

  /** Sends the next bytes. @returns false where they can't be rewritten. */
  relay(up: H2Stream, buf: Buffer, start: number, end: number): boolean {
    if (this.replayable) {
      const total = this.bytes + end - start;
      if (total > this.#limitFor(total) || this.unaffordable) this.forget();
      else this.push(buf, start, end);
    }
    if (this.rewriter === undefined) {
      this.#credit(up.sendData(buf, start, end, this.ended));
      return true;
    }
    this.#deferred += end - start;
    return this.#sendRewritten(up, this.rewriter.push(buf, start, end), this.rewriter);
  }

  /** A request that ends within a message must not look as if it ended before it. */
  #sendRewritten(up: H2Stream, body: Buffer, rewriter: MessageRewriter): boolean {
    const whole = !rewriter.failed && !(this.ended && rewriter.partial);
    if (body.length > 0 || (this.ended && whole)) up.sendData(body, 0, body.length, this.ended && whole);
    this.#creditDeferred(up);
    return whole;
  }

  /** `bytes` that had waited for the upstream went out. */
  delivered(up: H2Stream | undefined, bytes: number): void {
    if (this.rewriter === undefined) this.#credit(bytes);
    else if (up !== undefined) this.#creditDeferred(up);
  }

  /** Everything is sent again, to another stream: nothing is credited twice. */
  restart(): void {
    this.#debt = this.#credited;
    this.#dropRewriter();
  }

  #dropRewriter(): void {
    this.rewriter?.drop();
    this.rewriter = undefined;
    this.#takeRewritten();
  }

  /** Keeps nothing any more. */
  forget(): void {
    this.replayable = false;
    this.clear();
  }

  /** The call is over. */
  drop(): void {
    this.forget();
    if (this.rewriter !== undefined) this.#dropRewriter();
  }

  #credit(bytes: number): void {
    const owed = this.#debt < bytes ? this.#debt : bytes;
    this.#debt -= owed;
    this.#credited += bytes - owed;
    this.#down.consumed(bytes - owed);
  }

  #creditDeferred(up: H2Stream): void {
    if (this.#deferred === 0 || up.queuedBytes > rewrittenMarkBytes) return;
    this.#credited += this.#deferred;
    this.#down.consumed(this.#deferred);
    this.#deferred = 0;
  }
}
