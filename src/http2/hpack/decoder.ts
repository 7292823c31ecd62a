/**
 * Header blocks to fields (RFC 7541).
 *
 * What a block costs is bounded by its bytes: a reference adds an object that is already there, and a list that is over
 * its limit grows no further, however many one-byte references to a large entry follow. Blocks over the limit are still
 * decoded to their end, because the table's next state depends on it.
 */
import { type HeaderBlock, HeaderField } from "../header-block.ts";
import { isPseudo, validName } from "../header-rules.ts";
import { DynamicTable, defaultTableSize } from "./dynamic-table.ts";
import { hpackError } from "./hpack-error.ts";
import { Cursor, integerTooLarge, readInteger } from "./integer.ts";
import { LiteralMemo } from "./literal-memo.ts";
import { firstDynamicIndex, staticFields } from "./static-table.ts";
import { isLong, StringReader } from "./string-reader.ts";

export interface HpackDecoderOptions {
  /**
   * The table size in bytes that the peer may use from the first block on: 4096 (what a peer goes by until it has seen
   * our settings) unless the peer is known to have them.
   */
  readonly maxTableSize: number;
  /** The largest list, each field counted as its name, its value and 32 bytes (RFC 9113, 6.5.2). */
  readonly maxListSize: number;
}

/** First bytes of a field's representation (RFC 7541, 6): its flag, and the largest number that stands beside it. */
const indexedFlag = 0x80;
const indexedMax = 0x7f;
const insertedFlag = 0x40;
const insertedMax = 0x3f;
const sizeUpdateFlag = 0x20;
const sizeUpdateMax = 0x1f;
const neverIndexedFlag = 0x10;
const literalMax = 0x0f;

const noSize = -1;

/** Shared by all decoders: each call uses up what they hold. */
const strings = new StringReader();
const cursor = new Cursor();

/** Stands for a literal that was decoded for its errors only. */
const unkept = new HeaderField("", "");

export class HpackDecoder {
  readonly #table = new DynamicTable(defaultTableSize);
  readonly #memo = new LiteralMemo();
  readonly #maxListSize: number;
  /** What a size update may ask for. */
  #maxTableSize = defaultTableSize;
  /** The size that the peer's next block must begin by going down to, or `noSize`. */
  #owedSize = noSize;
  /** Where the last literal ended, or the negative of its error. */
  #position = 0;

  constructor(options: HpackDecoderOptions) {
    this.#maxListSize = options.maxListSize;
    this.setMaxTableSize(options.maxTableSize);
  }

  /**
   * The table size in bytes that our settings allow. To be called when the peer has acknowledged them, not before:
   * until then it may send what the settings before allowed. A size below the table's obliges the peer to begin its
   * next block with an update (RFC 7541, 4.2).
   */
  setMaxTableSize(size: number): void {
    this.#maxTableSize = size;
    if (size < this.#table.maxSize && (this.#owedSize === noSize || size < this.#owedSize)) this.#owedSize = size;
  }

  /**
   * Appends the fields of the complete block `bytes[start, end)` to `out`, and marks it where it is too large.
   * Returns `hpackError.none`, or what makes the connection unusable; then `out` is incomplete.
   */
  decode(bytes: Buffer, start: number, end: number, out: HeaderBlock): number {
    let position = start;
    if (this.#owedSize !== noSize || isSizeUpdate(bytes, start, end)) {
      position = this.#sizeUpdates(bytes, start, end);
      if (position < 0) return -position;
    }
    while (position < end) {
      const first = bytes[position]!;
      let field: HeaderField | undefined;
      if (first >= indexedFlag) {
        position++;
        let index = first & indexedMax;
        if (index === indexedMax) {
          index = readInteger(bytes, position, end, indexedMax, cursor);
          if (index < 0) return integerError(index);
          position = cursor.position;
        }
        field = this.#entry(index);
        if (field === undefined) return hpackError.index;
      } else {
        field = this.#literal(bytes, position, end, !out.tooLarge);
        position = this.#position;
        if (position < 0) return -position;
      }
      if (out.tooLarge) continue;
      if (out.size + field.size > this.#maxListSize) {
        out.tooLarge = true;
        continue;
      }
      out.add(field);
    }
    return hpackError.none;
  }

  /** The field of an index; undefined for 0 and beyond the tables. */
  #entry(index: number): HeaderField | undefined {
    return index < firstDynamicIndex ? staticFields[index] : this.#table.at(index - firstDynamicIndex);
  }

  /** A literal, inserted into the table if it says so. Sets `#position`. */
  #literal(bytes: Buffer, start: number, end: number, keep: boolean): HeaderField {
    const first = bytes[start]!;
    const inserted = first >= insertedFlag;
    if (!inserted && first >= sizeUpdateFlag) return this.#fail(hpackError.tableSizeLate);
    const indexMax = inserted ? insertedMax : literalMax;
    let position = start + 1;
    let index = first & indexMax;
    if (index === indexMax) {
      index = readInteger(bytes, position, end, indexMax, cursor);
      if (index < 0) return this.#fail(integerError(index));
      position = cursor.position;
    }

    let name: string;
    let id: number;
    let nameOk: boolean;
    if (index !== 0) {
      const entry = this.#entry(index);
      if (entry === undefined) return this.#fail(hpackError.index);
      name = entry.name;
      id = entry.id;
      nameOk = entry.valid || allowedName(name, id);
    } else {
      position = strings.readName(bytes, position, end);
      if (position < 0) return this.#fail(-position);
      name = strings.name.text;
      id = strings.name.id;
      nameOk = strings.name.valid;
    }

    const sensitive = !inserted && first >= neverIndexedFlag;
    const memo = !inserted && keep && isLong(bytes, position, end) ? this.#memo : undefined;
    if (memo !== undefined) {
      const stop = strings.endOf(bytes, position, end);
      const same = stop < 0 ? undefined : memo.find(name, sensitive, bytes, position, stop);
      if (same !== undefined) return this.#done(stop, same);
    }

    const valueAt = position;
    position = inserted || keep ? strings.readValue(bytes, valueAt, end) : strings.skip(bytes, valueAt, end);
    if (position < 0) return this.#fail(-position);
    if (!inserted && !keep) return this.#done(position, unkept);
    const field = new HeaderField(name, strings.value, sensitive, id);
    field.valid = nameOk && strings.valueOk;
    if (inserted) this.#table.insert(field);
    else if (memo !== undefined) memo.keep(field, bytes, valueAt, position);
    return this.#done(position, field);
  }

  #done(position: number, field: HeaderField): HeaderField {
    this.#position = position;
    return field;
  }

  #fail(error: number): HeaderField {
    this.#position = -error;
    return unkept;
  }

  /** The updates that a block begins with. Returns the position behind them, or the negative of an error. */
  #sizeUpdates(bytes: Buffer, start: number, end: number): number {
    let position = start;
    while (isSizeUpdate(bytes, position, end)) {
      let size = bytes[position]! & sizeUpdateMax;
      position++;
      if (size === sizeUpdateMax) {
        size = readInteger(bytes, position, end, sizeUpdateMax, cursor);
        if (size < 0) return -integerError(size);
        position = cursor.position;
      }
      if (size > this.#maxTableSize) return -hpackError.tableSize;
      if (this.#owedSize !== noSize && size > this.#owedSize) return -hpackError.tableSizeMissing;
      this.#owedSize = noSize;
      this.#table.resize(size);
    }
    return this.#owedSize === noSize ? position : -hpackError.tableSizeMissing;
  }
}

function isSizeUpdate(bytes: Buffer, at: number, end: number): boolean {
  return at < end && (bytes[at]! & ~sizeUpdateMax) === sizeUpdateFlag;
}

/** Of an entry that is not valid, perhaps for its value only. */
function allowedName(name: string, id: number): boolean {
  return validName(name) || isPseudo(id);
}

function integerError(result: number): number {
  return result === integerTooLarge ? hpackError.integer : hpackError.truncated;
}
