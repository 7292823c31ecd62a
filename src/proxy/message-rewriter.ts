/**
 * Replaces whole messages of one direction of a stream, whatever pieces they come in.
 *
 * A message is held until it is complete, and sent on uncompressed: what it says can't be changed while it is packed.
 */
import { frameMessage, prefixBytes } from "../grpc/framing.ts";
import { inflateMessage } from "../grpc/inflate.ts";
import { RequestBuffer } from "./request-buffer.ts";

/** The message in `bytes[start, end)` as it is to be sent; undefined where that can't be done. */
export type Rewrite = (bytes: Uint8Array, start: number, end: number) => Uint8Array | undefined;

const nothing = Buffer.alloc(0);

/** Rewritten bytes that may wait for their receiver before their sender gets no more credit. */
export const rewrittenMarkBytes = 262_144;

export class MessageRewriter {
  /** A message could not be rewritten; nothing more comes out. */
  failed = false;
  /** Messages that came out. */
  messages = 0;
  readonly #rewrite: Rewrite;
  readonly #encoding: string | undefined;
  readonly #limit: number;
  /** The beginning of a message. */
  readonly #held: RequestBuffer;
  /** Bytes of the message under way, prefix included; those of the prefix before it is here. */
  #wanted = prefixBytes;

  /**
   * @param encoding `grpc-encoding` of this direction.
   * @param limitBytes longest message, packed or not.
   * @param held where the beginning of a message is kept.
   */
  constructor(rewrite: Rewrite, encoding: string | undefined, limitBytes: number, held = new RequestBuffer()) {
    this.#rewrite = rewrite;
    this.#encoding = encoding;
    this.#limit = limitBytes;
    this.#held = held;
  }

  /** A message has begun and is not whole. */
  get partial(): boolean {
    return this.#held.bytes > 0;
  }

  /** Takes the next piece. @returns the messages it completed, rewritten and framed; often none. */
  push(buf: Buffer, start: number, end: number): Buffer {
    if (this.failed || start === end) return nothing;
    const held = this.#held;
    if (held.bytes === 0) return this.#messages(buf, start, end);
    held.push(buf, start, end);
    if (held.bytes < this.#wanted) {
      // Nobody gets credit for what is held beyond the budget: the rest would not come.
      if (held.unaffordable) this.#fail();
      return nothing;
    }
    held.flatten();
    return this.#messages(held.head, held.start, held.end);
  }

  /** What is here of a message that will not become whole, as it came. */
  takeRest(): Buffer {
    const held = this.#held;
    held.flatten();
    const rest = Buffer.from(held.head.subarray(held.start, held.end));
    held.clear();
    return rest;
  }

  /** The call is over, or its messages go elsewhere. */
  drop(): void {
    this.#held.clear();
  }

  #fail(): void {
    this.failed = true;
    this.#held.clear();
  }

  /** Rewrites what is whole of `bytes[start, end)`, and keeps the rest in place of what was held. */
  #messages(bytes: Buffer, start: number, end: number): Buffer {
    const out: Buffer[] = [];
    let at = start;
    this.#wanted = prefixBytes;
    while (end - at >= prefixBytes) {
      const length = bytes.readUInt32BE(at + 1);
      if (length > this.#limit) {
        this.#fail();
        break;
      }
      if (end - at < prefixBytes + length) {
        this.#wanted = prefixBytes + length;
        break;
      }
      const message = this.#one(bytes, at, length);
      if (message === undefined) {
        this.#fail();
        break;
      }
      out.push(message);
      at += prefixBytes + length;
    }
    if (!this.failed) this.#keep(bytes, at, end);
    this.messages += out.length;
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  /** What came before may be the very memory that `bytes` is, so the rest is copied first. */
  #keep(bytes: Buffer, start: number, end: number): void {
    if (start === end) return this.#held.clear();
    const rest = Buffer.allocUnsafeSlow(end - start);
    bytes.copy(rest, 0, start, end);
    this.#held.clear();
    this.#held.push(rest, 0, rest.length);
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
