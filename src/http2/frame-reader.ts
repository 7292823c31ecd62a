/**
 * Bytes into frames: the preface, frame heads, payloads of DATA piece by piece, every other frame whole.
 *
 * It knows how frames lie in a stream of bytes that is cut anywhere, and nothing of what they mean; that is its sink's.
 * A frame that lies in one read is handed on where it lies; only the last, cut off by the read's end, is carried over.
 */
import { Carry } from "./carry.ts";
import { errorCode, frameFlag, frameHeadBytes, frameType, preface } from "./constants.ts";

/** What the frames mean. It says that it is `dead`, and is read to no more. */
export interface FrameSink {
  readonly dead: boolean;
  /** When the read under way began. */
  readonly nowMs: number;
  /** A frame other than DATA: its payload is `buf[start, end)`, valid during the call. */
  frame(type: number, flags: number, id: number, buf: Buffer, start: number, end: number): void;
  /** A DATA frame begins, whose payload with its padding is `length` long. @returns false where it is not to be read. */
  dataHead(length: number, padded: boolean, id: number): boolean;
  /** `count` bytes of it are padding and its length byte. */
  padding(count: number): void;
  /** A part of its message bytes. */
  dataPiece(chunk: Buffer, start: number, end: number): void;
  /** The last part, which may be empty; `ends` where the frame has END_STREAM. */
  dataDone(chunk: Buffer, start: number, end: number, ends: boolean): void;
  fail(code: number, why: string): void;
}

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  #prefaceLeft: number;
  /** A frame that is not DATA and has not arrived whole. */
  readonly #carry: Carry;
  #carriedMs = 0;
  // The DATA frame under way.
  #payloadLeft = 0;
  #padLeft = 0;
  #awaitPad = false;
  #inData = false;
  #dataEnds = false;

  /** @param expectPreface whether the peer is a client, which begins with the connection preface. */
  constructor(sink: FrameSink, maxFrameBytes: number, expectPreface: boolean) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
    this.#carry = new Carry(frameHeadBytes + maxFrameBytes);
    this.#prefaceLeft = expectPreface ? preface.length : 0;
  }

  /** Since when there is the beginning of a frame that has to be whole, or of a DATA frame's head; -1 where there is none. */
  get unfinishedSinceMs(): number {
    return this.#carry.count > 0 ? this.#carriedMs : -1;
  }

  /** Takes `chunk[0, end)`. Payload pieces are handed on as ranges of it. */
  receive(chunk: Buffer, end: number): void {
    const sink = this.#sink;
    let pos = 0;
    if (sink.dead) return;
    if (this.#prefaceLeft > 0) pos = this.#matchPreface(chunk, end);
    if (this.#carry.count > 0 && !sink.dead) pos = this.#fillCarry(chunk, pos, end);
    while (pos < end && !sink.dead) {
      if (this.#inData) {
        pos = this.#piece(chunk, pos, end);
        continue;
      }
      if (end - pos < frameHeadBytes) break;
      const length = (chunk[pos]! << 16) | (chunk[pos + 1]! << 8) | chunk[pos + 2]!;
      const type = chunk[pos + 3]!;
      if (length > this.#maxFrameBytes) return this.#tooLarge();
      if (type === frameType.DATA) {
        this.#head(length, chunk[pos + 4]!, streamIdAt(chunk, pos + 5));
        pos += frameHeadBytes;
        continue;
      }
      const next = pos + frameHeadBytes + length;
      if (next > end) break;
      sink.frame(type, chunk[pos + 4]!, streamIdAt(chunk, pos + 5), chunk, pos + frameHeadBytes, next);
      pos = next;
    }
    if (pos < end && !sink.dead) {
      this.#carriedMs = sink.nowMs;
      this.#carry.add(chunk, pos, end);
    }
  }

  #matchPreface(chunk: Buffer, end: number): number {
    const from = preface.length - this.#prefaceLeft;
    const take = Math.min(end, this.#prefaceLeft);
    if (preface.compare(chunk, 0, take, from, from + take) !== 0) {
      this.#sink.fail(errorCode.PROTOCOL_ERROR, "no HTTP/2 connection preface");
      return end;
    }
    this.#prefaceLeft -= take;
    return take;
  }

  /** Completes the carried frame from the new chunk. @returns how far the chunk is used up. */
  #fillCarry(chunk: Buffer, start: number, end: number): number {
    const carry = this.#carry;
    let pos = carry.fillTo(frameHeadBytes, chunk, start, end);
    if (carry.count < frameHeadBytes) return pos;
    const head = carry.buf;
    const length = (head[0]! << 16) | (head[1]! << 8) | head[2]!;
    const type = head[3]!;
    if (length > this.#maxFrameBytes) {
      this.#tooLarge();
      return pos;
    }
    if (type === frameType.DATA) {
      carry.count = 0;
      this.#head(length, head[4]!, streamIdAt(head, 5));
      return pos;
    }
    const whole = frameHeadBytes + length;
    pos = carry.fillTo(whole, chunk, pos, end);
    if (carry.count === whole) {
      carry.count = 0;
      this.#sink.frame(type, carry.buf[4]!, streamIdAt(carry.buf, 5), carry.buf, frameHeadBytes, whole);
    }
    return pos;
  }

  #tooLarge(): void {
    this.#sink.fail(errorCode.FRAME_SIZE_ERROR, "frame larger than SETTINGS_MAX_FRAME_SIZE");
  }

  #head(length: number, flags: number, id: number): void {
    const padded = (flags & frameFlag.PADDED) !== 0;
    if (!this.#sink.dataHead(length, padded, id)) return;
    this.#payloadLeft = length;
    this.#padLeft = 0;
    this.#awaitPad = padded;
    this.#dataEnds = (flags & frameFlag.END_STREAM) !== 0;
    this.#inData = true;
    if (length === 0) this.#done(emptyChunk, 0, 0);
  }

  #piece(chunk: Buffer, start: number, end: number): number {
    let pos = start;
    if (this.#awaitPad) {
      const pad = chunk[pos++]!;
      this.#payloadLeft--;
      if (pad > this.#payloadLeft) {
        this.#sink.fail(errorCode.PROTOCOL_ERROR, "padding longer than its frame");
        return pos;
      }
      this.#awaitPad = false;
      this.#payloadLeft -= pad;
      this.#padLeft = pad;
      this.#sink.padding(pad + 1);
      if (this.#payloadLeft === 0 && pad === 0) {
        this.#done(chunk, pos, pos);
        return pos;
      }
      if (pos === end) return pos;
    }
    if (this.#payloadLeft > 0) {
      const take = this.#payloadLeft < end - pos ? this.#payloadLeft : end - pos;
      this.#payloadLeft -= take;
      const until = pos + take;
      if (this.#payloadLeft === 0 && this.#padLeft === 0) this.#done(chunk, pos, until);
      else this.#sink.dataPiece(chunk, pos, until);
      return until;
    }
    const skip = this.#padLeft < end - pos ? this.#padLeft : end - pos;
    this.#padLeft -= skip;
    if (this.#padLeft === 0) this.#done(chunk, pos + skip, pos + skip);
    return pos + skip;
  }

  #done(chunk: Buffer, start: number, end: number): void {
    this.#inData = false;
    this.#sink.dataDone(chunk, start, end, this.#dataEnds);
  }
}

const emptyChunk = Buffer.alloc(0);

/** 31 bits, the reserved one masked off. */
export function streamIdAt(buf: Buffer, at: number): number {
  return ((buf[at]! & 0x7f) << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!;
}
