/**
 * Fields to header blocks (RFC 7541).
 *
 * Most fields of most calls are references of one byte, found by the field object's identity; the rest are literals,
 * written as they are: Huffman coding would save a fifth of their bytes for several times the work, between processes
 * that mostly share a machine or a rack.
 */
import type { HeaderBlock, HeaderField } from "../header-block.ts";
import { defaultTableSize, ringSlots } from "./dynamic-table.ts";
import { EncoderTable, notFound } from "./encoder-table.ts";
import { writeInteger } from "./integer.ts";
import { writeLatin1 } from "./latin1.ts";
import { NameDirectory } from "./name-directory.ts";
import type { NamePolicy } from "./name-policy.ts";
import { firstDynamicIndex, staticFields } from "./static-table.ts";

export interface HpackEncoderOptions {
  /** The table in bytes that we use at most, whatever a peer allows: it takes our memory. Default 4096, the protocol's. */
  readonly maxTableSize?: number;
}

/** First bytes of a field's representation (RFC 7541, 6): its flag, and the largest number that stands beside it. */
const indexedFlag = 0x80;
const indexedMax = 0x7f;
const insertedFlag = 0x40;
const insertedMax = 0x3f;
const sizeUpdateFlag = 0x20;
const sizeUpdateMax = 0x1f;
const neverIndexedFlag = 0x10;
const plainFlag = 0x00;
const literalMax = 0x0f;
const stringMax = 0x7f;

/** A value made per call goes into the table once, for its name's sake, where it takes at most this part of it. */
const anchorPart = 16;

/** Names kept beyond those that the table holds. */
const spareNames = 192;

export class HpackEncoder {
  readonly #ownMaxSize: number;
  readonly #table: EncoderTable;
  readonly #names: NameDirectory;
  /** The size to announce with the next block, and the lowest one that was asked for on the way to it. */
  #finalSize: number;
  #lowestSize: number;

  constructor(options: HpackEncoderOptions = {}) {
    const largest = options.maxTableSize ?? defaultTableSize;
    this.#ownMaxSize = largest;
    this.#table = new EncoderTable(largest, defaultTableSize);
    this.#names = new NameDirectory(this.#table, ringSlots(largest) + spareNames);
    this.#finalSize = Math.min(largest, defaultTableSize);
    this.#lowestSize = this.#finalSize;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; announced, as RFC 7541, 4.2 wants it, at the start of the next block. */
  setPeerMaxTableSize(size: number): void {
    this.#finalSize = Math.min(size, this.#ownMaxSize);
    if (this.#finalSize < this.#lowestSize) this.#lowestSize = this.#finalSize;
  }

  /** Writes `block` to `buf` from `at` on, at most `block.size + 16` bytes. Returns the position behind it. */
  encode(block: HeaderBlock, buf: Buffer, at: number): number {
    const table = this.#table;
    let position =
      this.#finalSize === table.maxSize && this.#lowestSize === table.maxSize ? at : this.#announce(buf, at);
    const fields = block.fields;
    const count = block.count;
    for (let i = 0; i < count; i++) {
      const field = fields[i]!;
      const ref = field.ref;
      if (ref >= firstDynamicIndex) {
        const age = table.recall(field);
        position =
          age !== notFound ? writeIndex(buf, position, firstDynamicIndex + age) : this.#encode(field, buf, position);
      } else if (ref > 0) {
        buf[position++] = indexedFlag | ref;
      } else {
        position = this.#encode(field, buf, position);
      }
    }
    return position;
  }

  /** A field that is not known by identity. */
  #encode(field: HeaderField, buf: Buffer, at: number): number {
    const table = this.#table;
    const name = this.#names.of(field);
    if (field.sensitive) return this.#literal(neverIndexedFlag, literalMax, name, field, buf, at);
    for (let index = name.staticFirst; index <= name.staticLast; index++) {
      if (staticFields[index]!.value === field.value) {
        field.ref = index;
        return writeIndex(buf, at, index);
      }
    }
    if (name.perCall) return this.#perCall(name, field, buf, at);
    // A larger field would leave little room beside it.
    if (4 * field.size > 3 * table.maxSize || !name.isOpen()) {
      return this.#literal(plainFlag, literalMax, name, field, buf, at);
    }
    const age = table.find(name, field);
    if (age !== notFound) return writeIndex(buf, at, firstDynamicIndex + age);
    return name.affords(field)
      ? this.#insert(name, field, buf, at)
      : this.#literal(plainFlag, literalMax, name, field, buf, at);
  }

  /** Not worth an entry, but the name is, where the table has none: it saves its bytes in all literals to come. */
  #perCall(name: NamePolicy, field: HeaderField, buf: Buffer, at: number): number {
    const anchors = name.staticFirst === 0 && field.size * anchorPart <= this.#table.maxSize;
    return anchors && !this.#table.holds(name.newest)
      ? this.#insert(name, field, buf, at)
      : this.#literal(plainFlag, literalMax, name, field, buf, at);
  }

  #insert(name: NamePolicy, field: HeaderField, buf: Buffer, at: number): number {
    // Written first: the name's index is the one before the insertion.
    const position = this.#literal(insertedFlag, insertedMax, name, field, buf, at);
    this.#table.insert(name, field);
    return position;
  }

  #literal(flag: number, indexMax: number, name: NamePolicy, field: HeaderField, buf: Buffer, at: number): number {
    const index = this.#nameIndex(name);
    let position = at;
    if (index === 0) {
      buf[position++] = flag;
      position = writeString(buf, position, field.name);
    } else if (index < indexMax) {
      buf[position++] = flag | index;
    } else {
      position = writeInteger(buf, position, flag, indexMax, index);
    }
    return writeString(buf, position, field.value);
  }

  /** The index of an entry with this name, or 0. */
  #nameIndex(name: NamePolicy): number {
    if (name.staticFirst !== 0) return name.staticFirst;
    const age = this.#table.ageOf(name.newest);
    return age === notFound ? 0 : firstDynamicIndex + age;
  }

  /** Both updates that RFC 7541, 4.2 may want: down to the lowest size there was, up to the one that holds. */
  #announce(buf: Buffer, at: number): number {
    const table = this.#table;
    let position = at;
    if (this.#lowestSize < table.maxSize) position = this.#resize(this.#lowestSize, buf, position);
    if (this.#finalSize !== table.maxSize) position = this.#resize(this.#finalSize, buf, position);
    this.#lowestSize = table.maxSize;
    return position;
  }

  #resize(size: number, buf: Buffer, at: number): number {
    this.#table.resize(size);
    return writeInteger(buf, at, sizeUpdateFlag, sizeUpdateMax, size);
  }
}

function writeIndex(buf: Buffer, at: number, index: number): number {
  if (index >= indexedMax) return writeInteger(buf, at, indexedFlag, indexedMax, index);
  buf[at] = indexedFlag | index;
  return at + 1;
}

function writeString(buf: Buffer, at: number, text: string): number {
  const length = text.length;
  if (length >= stringMax) return writeLatin1(buf, writeInteger(buf, at, 0, stringMax, length), text);
  buf[at] = length;
  return writeLatin1(buf, at + 1, text);
}
