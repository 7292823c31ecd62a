/**
 * Weighs what a peer makes us do against the work it asks for.
 *
 * Every frame that carries no message costs the peer a few bytes and us a look, an answer, or a call begun in vain; floods of
 * them are the attacks on HTTP/2 of its last ten years. A bare count per connection would stop them and honest peers too:
 * connections of gRPC live for weeks, and a stalled model lets a thousand calls run into their deadlines at once. So
 * both accounts here are filled by time and by work, and only what goes beyond counts as a flood.
 *
 * - **Resets**: streams that the peer began and that ended before they had an answer: taken back early by the peer, or
 *   reset by us for what it did on them (the two ways of CVE-2023-44487 and CVE-2025-8671). A stream that kept its place for
 *   `earlyResetMs` costs nothing: the limit on streams open at once bounds those, as it bounds calls that are answered as
 *   fast. Each stream that came to its end pays for one that did not.
 * - **Control frames**: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and so on. Each stream begun and each DATA frame,
 *   either way, pays for several, more than a peer has reason to send.
 */
import type { ResolvedHttp2Options } from "./options.ts";

/** Control frames that a stream, and a DATA frame, pay for: two WINDOW_UPDATEs for a frame or 4 KiB of it, and a PING. */
const framesPerStream = 10;
const framesPerData = 4;

/** An account that is drawn from one by one, and never holds more than at first. */
class Account {
  readonly #most: number;
  readonly #perMs: number;
  #left: number;
  #seenMs = 0;
  #seenEarned = 0;

  constructor(most: number, perSecond: number) {
    this.#most = most;
    this.#perMs = perSecond / 1_000;
    this.#left = most;
  }

  /**
   * @param earned what work has paid since the connection began
   * @returns whether there was as much left
   */
  draw(count: number, nowMs: number, earned: number): boolean {
    const paid = (nowMs - this.#seenMs) * this.#perMs + earned - this.#seenEarned;
    this.#seenMs = nowMs;
    this.#seenEarned = earned;
    this.#left = Math.min(this.#most, this.#left + paid) - count;
    return this.#left >= 0;
  }
}

export class FloodGuard {
  /** Streams that were begun, and those that came to their end. */
  streams = 0;
  completed = 0;
  /** DATA frames with something in them that came. */
  dataFrames = 0;
  readonly #resets: Account;
  readonly #control: Account;

  constructor(options: ResolvedHttp2Options) {
    this.#resets = new Account(options.resetBurst, options.resetsPerSecond);
    this.#control = new Account(options.controlBurst, options.controlsPerSecond);
  }

  /** One more stream ended in vain. @returns false where that is a flood. */
  reset(nowMs: number): boolean {
    return this.#resets.draw(1, nowMs, this.completed);
  }

  /**
   * `count` more control frames' worth of trouble.
   *
   * @param dataSent DATA frames and pieces of them that we sent, since the connection began
   * @returns false where that is a flood
   */
  control(count: number, nowMs: number, dataSent: number): boolean {
    const data = this.dataFrames + dataSent;
    return this.#control.draw(count, nowMs, this.streams * framesPerStream + data * framesPerData);
  }
}
