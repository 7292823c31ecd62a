/**
 * Replaces whole messages of one direction of a stream, whatever pieces they come in.
 *
 * A message is held until it is complete, and sent on uncompressed: what it says can't be changed while it is packed.
 */
import { frameMessage, prefixBytes } from "../grpc/framing.ts";
import { inflateMessage } from "../grpc/inflate.ts";

/** The message in `bytes[start, end)` as it is to be sent; undefined where that can't be done. */
export type Rewrite = (bytes: Uint8Array, start: number, end: number) => Uint8Array | undefined;

const nothing = Buffer.alloc(0);

export class MessageRewriter {
  /** A message could not be rewritten; nothing more comes out. */
  failed = false;
  /** Messages that came out. */
  messages = 0;
  readonly #rewrite: Rewrite;
  readonly #encoding: string | undefined;
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Bytes of the message under way, prefix included; -1 before its prefix is here. */
  #wanted = -1;

  /**
   * @param encoding `grpc-encoding` of this direction.
   * @param limitBytes longest message, packed or not.
   */
  constructor(rewrite: Rewrite, encoding: string | undefined, limitBytes: number) {
    this.#rewrite = rewrite;
    this.#encoding = encoding;
    this.#limit = limitBytes;
  }

  /** A message has begun and is not whole. */
  get partial(): boolean {
    return this.#bytes > 0;
  }

  /** Takes the next piece. @returns the messages it completed, rewritten and framed; often none. */
  push(buf: Buffer, start: number, end: number): Buffer {
    if (this.failed || start === end) return nothing;
    const piece = buf.subarray(start, end);
    this.#bytes += end - start;
    const whole = this.#wanted < 0 || this.#bytes >= this.#wanted;
    // A message of several pieces outlives what they came in.
    this.#pieces.push(whole ? piece : Buffer.from(piece));
    return whole ? this.#drain() : nothing;
  }

  #drain(): Buffer {
    const held = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    const out: Buffer[] = [];
    let at = 0;
    this.#wanted = -1;
    while (!this.failed && held.length - at >= prefixBytes) {
      const length = held.readUInt32BE(at + 1);
      if (length > this.#limit) this.failed = true;
      else if (held.length - at < prefixBytes + length) {
        this.#wanted = prefixBytes + length;
        break;
      } else {
        const message = this.#one(held, at, length);
        if (message === undefined) this.failed = true;
        else out.push(message);
        at += prefixBytes + length;
      }
    }
    const rest = held.subarray(at);
    this.#pieces = rest.length === 0 || this.failed ? [] : [Buffer.from(rest)];
    this.#bytes = this.#pieces.length === 0 ? 0 : rest.length;
    this.messages += out.length;
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  #one(held: Buffer, at: number, length: number): Buffer | undefined {
    const flag = held[at] as number;
    const start = at + prefixBytes;
    if (flag === 0) return framed(this.#rewrite(held, start, start + length));
    if (flag !== 1) return undefined;
    const plain = inflateMessage(this.#encoding, held, start, start + length, this.#limit);
    return plain === undefined ? undefined : framed(this.#rewrite(plain, 0, plain.length));
  }
}

function framed(message: Uint8Array | undefined): Buffer | undefined {
  return message === undefined ? undefined : frameMessage(message);
}
