/**
 * A header block that takes CONTINUATION frames, until its last one is here.
 *
 * Nothing else may come in between (RFC 9113, 6.10), and a peer that never ends its block must not make us keep it: its
 * frames are bounded, also those that are empty, and so are its bytes.
 */
import type { ResolvedHttp2Options } from "./options.ts";

export class HeaderFragments {
  /** The stream whose block is under way; 0 where none is. */
  streamId = 0;
  endStream = false;
  /** When it began. */
  sinceMs = 0;
  #pieces: Buffer[] = [];
  #bytes = 0;
  readonly #options: ResolvedHttp2Options;

  constructor(options: ResolvedHttp2Options) {
    this.#options = options;
  }

  begin(streamId: number, endStream: boolean, nowMs: number, buf: Buffer, start: number, end: number): void {
    this.streamId = streamId;
    this.sinceMs = nowMs;
    this.endStream = endStream;
    this.#bytes = end - start;
    this.#pieces.push(Buffer.from(buf.subarray(start, end)));
  }

  /** @returns false where the block has outgrown its limits. */
  add(buf: Buffer, start: number, end: number): boolean {
    this.#bytes += end - start;
    if (this.#pieces.length > this.#options.maxContinuations || this.#bytes > this.#options.maxHeaderBlockBytes) {
      return false;
    }
    this.#pieces.push(Buffer.from(buf.subarray(start, end)));
    return true;
  }

  /** The whole block; then none is under way. */
  take(): Buffer {
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.streamId = 0;
    return whole;
  }
}
