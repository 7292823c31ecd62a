/**
 * Strings of one byte per character, from and to bytes, each by the way that is quickest for its length: a call into
 * Node's native code costs as much as a dozen characters by hand (measured on Node 24).
 */

/** What `toString` and `write` come to for this encoding, without finding out which it is. */
const { latin1Slice, latin1Write } = Buffer.prototype as unknown as {
  latin1Slice(this: Buffer, start: number, end: number): string;
  latin1Write(this: Buffer, text: string, at: number, length: number): number;
};

/** Up to here a string is built by `String.fromCharCode`, beyond by Node. */
const longestByHand = 10;

/** Up to here a string is written by a loop, beyond by Node. */
const longestByLoop = 12;

/** The string of `bytes[at, at + length)`. */
export function latin1Of(bytes: Buffer, at: number, length: number): string {
  return length > longestByHand ? latin1Slice.call(bytes, at, at + length) : shortLatin1(bytes, at, length);
}

/** Writes a string whose characters are below 256 to `buf` from `at` on. Returns the position behind it. */
export function writeLatin1(buf: Buffer, at: number, text: string): number {
  const length = text.length;
  if (length > longestByLoop) return at + latin1Write.call(buf, text, at, length);
  for (let i = 0; i < length; i++) buf[at + i] = text.charCodeAt(i);
  return at + length;
}

/** Arguments are handed over one by one: spreading them costs more than the native call that this avoids. */
function shortLatin1(bytes: Buffer, at: number, length: number): string {
  if (length === 0) return "";
  const of = String.fromCharCode;
  const c0 = bytes[at]!;
  if (length === 1) return of(c0);
  const c1 = bytes[at + 1]!;
  if (length === 2) return of(c0, c1);
  const c2 = bytes[at + 2]!;
  if (length === 3) return of(c0, c1, c2);
  const c3 = bytes[at + 3]!;
  if (length === 4) return of(c0, c1, c2, c3);
  const c4 = bytes[at + 4]!;
  if (length === 5) return of(c0, c1, c2, c3, c4);
  const c5 = bytes[at + 5]!;
  if (length === 6) return of(c0, c1, c2, c3, c4, c5);
  const c6 = bytes[at + 6]!;
  if (length === 7) return of(c0, c1, c2, c3, c4, c5, c6);
  const c7 = bytes[at + 7]!;
  if (length === 8) return of(c0, c1, c2, c3, c4, c5, c6, c7);
  const c8 = bytes[at + 8]!;
  if (length === 9) return of(c0, c1, c2, c3, c4, c5, c6, c7, c8);
  return of(c0, c1, c2, c3, c4, c5, c6, c7, c8, bytes[at + 9]!);
}
