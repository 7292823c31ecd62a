/** Answers that both sides of a soak work out, each for itself. */
import { crc32 } from "node:zlib";
import { lengthAt, streamMessage } from "./kinds.ts";

export const answer = {
  /** What a model says of an upload: who asked, how many bytes came, and their checksum. */
  upload(id: number, bytes: number, checksum: number): Buffer {
    const message = Buffer.alloc(5 + 12);
    message.writeUInt32BE(12, 1);
    message.writeUInt32BE(id, 5);
    message.writeUInt32BE(bytes, 9);
    message.writeUInt32BE(checksum, 13);
    return message;
  },
};

/**
 * A stream of messages that is checked as it comes, in whatever pieces: each byte is compared with what it has to be, and
 * no more than one message is made at a time.
 */
export class ExpectedStream {
  readonly #id: number;
  readonly #count: number;
  readonly #bytes: number;
  #place = 0;
  #current: Buffer | undefined;
  #at = 0;
  right = true;

  constructor(id: number, count: number, bytes: number) {
    this.#id = id;
    this.#count = count;
    this.#bytes = bytes;
    this.#current = this.#make();
  }

  /** Whole messages that have come. */
  get messages(): number {
    return this.#place;
  }

  get complete(): boolean {
    return this.right && this.#place === this.#count && this.#at === 0;
  }

  push(buf: Buffer, start: number, end: number): void {
    let at = start;
    while (this.right && at < end) {
      const current = this.#current;
      if (current === undefined) {
        this.right = false;
        return;
      }
      const length = Math.min(end - at, current.length - this.#at);
      this.right = buf.compare(current, this.#at, this.#at + length, at, at + length) === 0;
      at += length;
      this.#at += length;
      if (this.#at < current.length) continue;
      this.#place++;
      this.#at = 0;
      this.#current = this.#make();
    }
  }

  #make(): Buffer | undefined {
    if (this.#place >= this.#count) return undefined;
    return streamMessage(this.#id, this.#place, lengthAt(this.#place, this.#bytes));
  }
}

/** Checksum of a whole upload. */
export function uploadChecksum(messages: readonly Buffer[]): { readonly bytes: number; readonly checksum: number } {
  let checksum = 0;
  let bytes = 0;
  for (const message of messages) {
    checksum = crc32(message, checksum);
    bytes += message.length;
  }
  return { bytes, checksum };
}
