/**
 * How records lie in a file: a mark, the length, a checksum of length and text, the text as JSON.
 *
 * The mark begins with a byte that UTF-8 never has, so it stands nowhere in a text. That is what tells a torn end from
 * damage: after a bad record, whatever its length says, the next good one can be looked for, and finding one means that
 * something was lost that had been whole.
 */
import { crc32 } from "node:zlib";

const mark = Buffer.from([0xff, 0x43, 0x4a, 0x31]);
const headBytes = 12;

export function encodeFrame(content: unknown): Buffer {
  const text = JSON.stringify(content);
  const frame = Buffer.allocUnsafe(headBytes + Buffer.byteLength(text));
  mark.copy(frame);
  frame.writeUInt32LE(frame.length - headBytes, 4);
  frame.write(text, headBytes);
  frame.writeUInt32LE(checksum(frame, 0, frame.length), 8);
  return frame;
}

export interface Frame {
  readonly offset: number;
  readonly content: Readonly<Record<string, unknown>>;
}

export interface BadFrame {
  readonly offset: number;
  /** Where the next good one after it begins, if one does: then it is no torn end. */
  readonly goodAgainAt: number | undefined;
}

/** One after the other, so that a file is never in memory a second time as what it says. @returns the first bad record, if one is */
export function* decodeFrames(bytes: Buffer): Generator<Frame, BadFrame | undefined> {
  for (let offset = 0; offset < bytes.length; ) {
    const end = endOfFrame(bytes, offset);
    const content = end === undefined ? undefined : parse(bytes.subarray(offset + headBytes, end));
    if (end === undefined || content === undefined) return { offset, goodAgainAt: nextGood(bytes, offset + 1) };
    yield { offset, content };
    offset = end;
  }
  return undefined;
}

function parse(text: Buffer): Record<string, unknown> | undefined {
  try {
    const content: unknown = JSON.parse(text.toString());
    return typeof content === "object" && content !== null ? (content as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function nextGood(bytes: Buffer, from: number): number | undefined {
  let at = bytes.indexOf(mark, from);
  while (at >= 0 && endOfFrame(bytes, at) === undefined) at = bytes.indexOf(mark, at + 1);
  return at < 0 ? undefined : at;
}

/** Undefined where no whole and unharmed record begins. */
function endOfFrame(bytes: Buffer, offset: number): number | undefined {
  if (offset + headBytes > bytes.length || !mark.equals(bytes.subarray(offset, offset + mark.length))) return undefined;
  const end = offset + headBytes + bytes.readUInt32LE(offset + 4);
  if (end > bytes.length || bytes.readUInt32LE(offset + 8) !== checksum(bytes, offset, end)) return undefined;
  return end;
}

const checksum = (bytes: Buffer, offset: number, end: number) =>
  crc32(bytes.subarray(offset + headBytes, end), crc32(bytes.subarray(offset, offset + 8)));
