/**
 * A call has one key or none. A batch may carry a key per row: all the same is one key; several are none, as no variant is
 * right for them all, and the call is then left to the champion (`multi_key`).
 */
import { keyFromText } from "../base/hash.ts";
import type { KeySource } from "../model/route.ts";
import { isSignedInteger, type NumberKind, numberAt, numberOfVarint, numberWidth, uint32At } from "./numbers.ts";
import { int64Text, latin1, uint64Text } from "./text.ts";
import { type WireReader, wireType } from "./wire.ts";

const nothing = new Uint8Array(0);

/** A key source that lies in the message. */
export interface MessageSource {
  readonly kind: "parameter" | "input";
  /** The name's UTF-8 bytes. */
  readonly name: Uint8Array;
  /** Its place among the route's sources. */
  readonly place: number;
}

/** The sources that lie in the message, in the route's order. */
export function messageSources(from: readonly KeySource[]): readonly MessageSource[] {
  const found: MessageSource[] = [];
  for (const [place, source] of from.entries()) {
    if (source.kind !== "metadata") found.push({ kind: source.kind, name: Buffer.from(source.name, "utf8"), place });
  }
  return found;
}

/** Texts that are no key, in the form of keys. */
export function ignoredKeys(ignore: readonly string[]): ReadonlySet<string> {
  return new Set(ignore.map(keyFromText));
}

/** Gathers one source's values and remembers only the first: the others are compared with it where they lie. */
export class KeyValues {
  /** Two values differ. */
  several = false;
  #kind: "none" | "text" | "signed" | "unsigned" = "none";
  #bytes: Uint8Array = nothing;
  #start = 0;
  #end = 0;
  #low = 0;
  #high = 0;

  reset(): void {
    this.several = false;
    this.#kind = "none";
    this.#bytes = nothing;
  }

  text(bytes: Uint8Array, start: number, end: number): void {
    if (this.#kind === "none") {
      this.#kind = "text";
      this.#bytes = bytes;
      this.#start = start;
      this.#end = end;
    } else if (!this.#isText(bytes, start, end)) {
      this.several = true;
    }
  }

  /** A 64-bit integer in two unsigned halves. */
  integer(low: number, high: number, signed: boolean): void {
    const kind = signed ? "signed" : "unsigned";
    if (this.#kind === "none") {
      this.#kind = kind;
      this.#low = low;
      this.#high = high;
    } else if (this.#kind !== kind || this.#low !== low || this.#high !== high) {
      this.several = true;
    }
  }

  /** The next length-delimited field of the reader is a value. */
  readText(reader: WireReader): void {
    const length = reader.length();
    if (length < 0) return;
    this.text(reader.bytes, reader.at, reader.at + length);
    reader.at += length;
  }

  /** The next field of the reader is one integer of this kind, or a packed field of them. */
  readIntegers(reader: WireReader, tag: number, kind: NumberKind): void {
    if ((tag & 7) === wireType.varint) {
      this.#varint(reader, kind);
    } else if ((tag & 7) === wireType.bytes) {
      const outer = reader.enter();
      while (reader.at < reader.end && !this.several && !reader.bad) this.#varint(reader, kind);
      if (outer >= 0) reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }

  /** Integers of this kind, little end first; false where the range does not hold a whole number of them. */
  readBlock(kind: NumberKind, bytes: Uint8Array, start: number, end: number): boolean {
    const width = numberWidth[kind] as number;
    if ((end - start) % width !== 0) return false;
    for (let at = start; at < end && !this.several; at += width) {
      if (width === 8) this.#wide(kind, uint32At(bytes, at), uint32At(bytes, at + 4));
      else this.#narrow(kind, numberAt(kind, bytes, at));
    }
    return true;
  }

  /** The first value, or undefined where none came. */
  first(): string | undefined {
    switch (this.#kind) {
      case "none":
        return undefined;
      case "text":
        return latin1(this.#bytes, this.#start, this.#end);
      case "signed":
        return int64Text(this.#low, this.#high);
      case "unsigned":
        return uint64Text(this.#low, this.#high);
    }
  }

  #varint(reader: WireReader, kind: NumberKind): void {
    if (!reader.varint()) return;
    if (numberWidth[kind] === 8) this.#wide(kind, reader.low, reader.high);
    else this.#narrow(kind, numberOfVarint(kind, reader.low, reader.high));
  }

  #wide(kind: NumberKind, low: number, high: number): void {
    this.integer(low, high, isSignedInteger(kind));
  }

  /** At most 32 bits: extended to 64, so that one value is the same however many bytes it was sent in. */
  #narrow(kind: NumberKind, value: number): void {
    this.integer(value >>> 0, value < 0 ? 0xffff_ffff : 0, isSignedInteger(kind));
  }

  #isText(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#kind !== "text" || length !== this.#end - this.#start) return false;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== this.#bytes[this.#start + i]) return false;
    return true;
  }
}
