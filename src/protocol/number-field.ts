/**
 * A repeated number field of a message, wherever its elements are: in one packed run, as every current encoder writes it, in
 * several runs or one by one, as the wire format allows.
 */
import { type NumberKind, numberAt, numberKind, numberOfVarint, numberWidth } from "./numbers.ts";
import type { RowReducer } from "./rows.ts";
import { countVarints, type WireReader, wireType } from "./wire.ts";

/** How elements of this kind are written one by one: floats and doubles as they are, all else as varints. */
function scalarType(kind: NumberKind): number {
  if (kind === numberKind.float32) return wireType.fixed32;
  return kind === numberKind.float64 ? wireType.fixed64 : wireType.varint;
}

export class NumberField {
  /** Elements found. */
  count = 0;
  /** The last element that `feed` handed on. */
  last = 0;
  #number = 0;
  #kind: NumberKind = numberKind.float32;
  #start = 0;
  #end = 0;
  #runs = 0;
  #runStart = 0;
  #runEnd = 0;
  #single = false;

  /** Counts the elements of field `number` in the message at `[start, end)`; false where the message is malformed. */
  locate(reader: WireReader, start: number, end: number, number: number, kind: NumberKind): boolean {
    const scalarTag = (number << 3) | scalarType(kind);
    const packedTag = (number << 3) | wireType.bytes;
    this.count = 0;
    this.last = 0;
    this.#number = number;
    this.#kind = kind;
    this.#start = start;
    this.#end = end;
    this.#runs = 0;
    this.#single = false;
    reader.reset(reader.bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === packedTag) {
        const length = reader.length();
        if (length < 0) break;
        this.#run(reader, reader.at, reader.at + length);
        if (!reader.bad) reader.at += length;
      } else {
        if (tag === scalarTag) {
          this.count++;
          this.#single = true;
        }
        reader.skip(tag);
      }
    }
    return !reader.bad;
  }

  /** Hands the elements on, in their order, until the rows are full. */
  feed(reader: WireReader, rows: RowReducer): void {
    if (this.#runs === 1 && !this.#single) {
      this.#feedRun(reader, rows, this.#runStart, this.#runEnd);
      return;
    }
    if (this.count === 0) return;
    const packedTag = (this.#number << 3) | wireType.bytes;
    const scalarTag = (this.#number << 3) | scalarType(this.#kind);
    reader.reset(reader.bytes, this.#start, this.#end);
    for (let tag = reader.tag(); tag !== 0 && !rows.full; tag = reader.tag()) {
      if (tag === packedTag) {
        const length = reader.length();
        const end = reader.at + length;
        this.#feedRun(reader, rows, reader.at, end);
        reader.reset(reader.bytes, end, this.#end);
      } else {
        const at = reader.at;
        reader.skip(tag);
        if (tag === scalarTag) this.#feedOne(reader, rows, at);
      }
    }
  }

  #run(reader: WireReader, start: number, end: number): void {
    const width = numberWidth[this.#kind] as number;
    const varints = scalarType(this.#kind) === wireType.varint;
    const count = varints ? countVarints(reader.bytes, start, end) : (end - start) / width;
    if (count < 0 || !Number.isInteger(count)) {
      reader.fail();
      return;
    }
    this.count += count;
    this.#runs++;
    this.#runStart = start;
    this.#runEnd = end;
  }

  #feedRun(reader: WireReader, rows: RowReducer, start: number, end: number): void {
    if (start === end) return;
    const bytes = reader.bytes;
    if (scalarType(this.#kind) !== wireType.varint) {
      const width = numberWidth[this.#kind] as number;
      rows.block(this.#kind, bytes, start, (end - start) / width);
      this.last = numberAt(this.#kind, bytes, end - width);
      return;
    }
    reader.reset(bytes, start, end);
    while (reader.at < end && !rows.full && reader.varint()) {
      this.last = numberOfVarint(this.#kind, reader.low, reader.high);
      rows.value(this.last);
    }
  }

  #feedOne(reader: WireReader, rows: RowReducer, at: number): void {
    if (scalarType(this.#kind) === wireType.varint) this.last = numberOfVarint(this.#kind, reader.low, reader.high);
    else this.last = numberAt(this.#kind, reader.bytes, at);
    rows.value(this.last);
  }
}
