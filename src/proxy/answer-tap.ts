/**
 * Looks at an answer's first message on its way to the caller: the bytes have gone out before they are read, and
 * whatever goes wrong in here costs a count, not a call.
 */
import { prefixBytes } from "../grpc/framing.ts";
import type { Method, ScoreReader } from "../protocol/dialect.ts";
import type { VariantSink } from "./generation.ts";
import type { RequestBuffer } from "./request-buffer.ts";

export class AnswerTap {
  readonly #reader: ScoreReader;
  readonly #method: Method;
  readonly #limit: number;
  readonly #bytes: RequestBuffer;
  #overflown = false;

  /** @param bytes where the answer is kept until it is read. */
  constructor(reader: ScoreReader, method: Method, limitBytes: number, bytes: RequestBuffer) {
    this.#reader = reader;
    this.#method = method;
    this.#limit = limitBytes + prefixBytes;
    this.#bytes = bytes;
  }

  push(buf: Buffer, start: number, end: number): void {
    if (this.#overflown) return;
    if (this.#bytes.bytes + end - start > this.#limit || this.#bytes.unaffordable) {
      this.#overflown = true;
      this.#bytes.clear();
    } else {
      this.#bytes.push(buf, start, end, true);
    }
  }

  /** The answer is complete and its status is OK: reads it into `sink`. */
  read(sink: VariantSink): void {
    this.#read(sink);
    this.#bytes.clear();
  }

  /** The answer is not to be read. */
  drop(): void {
    this.#bytes.clear();
  }

  #read(sink: VariantSink): void {
    sink.next();
    if (this.#overflown) return sink.invalid("over_size");
    const bytes = this.#bytes;
    const length = bytes.messageBytes();
    bytes.flatten();
    const from = bytes.start + prefixBytes;
    if (length < 0 || from + length > bytes.end) return sink.invalid("malformed");
    if ((bytes.flag & 1) === 1) return sink.invalid("compressed");
    this.#reader.read(this.#method, bytes.head, from, from + length, sink);
  }
}
