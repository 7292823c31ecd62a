/**
 * What of the protocol's tensors keys and scores need. InferInputTensor and InferOutputTensor have the same field numbers;
 * elements are in `contents`, by type, or in the message's raw contents, little end first, texts with four bytes of length.
 */
import { type NumberKind, numberKind, uint32At } from "../numbers.ts";
import type { Shape } from "../rows.ts";
import { RepeatedText, sameBytes } from "../text.ts";
import { MapEntry, type WireReader, wireType } from "../wire.ts";

const nameTag = (1 << 3) | wireType.bytes;
const datatypeTag = (2 << 3) | wireType.bytes;
const shapeTag = (3 << 3) | wireType.varint;
const packedShapeTag = (3 << 3) | wireType.bytes;
export const tensorParametersTag = (4 << 3) | wireType.bytes;
const contentsTag = (5 << 3) | wireType.bytes;
/** `InferTensorContents.bytes_contents` */
export const bytesContentsTag = (8 << 3) | wireType.bytes;

const sharedMemoryRegion = Buffer.from("shared_memory_region");

/** The datatype of text elements. */
export const bytesType = "BYTES";

const kinds: ReadonlyMap<string, NumberKind> = new Map([
  ["BOOL", numberKind.bool],
  ["UINT8", numberKind.uint8],
  ["UINT16", numberKind.uint16],
  ["UINT32", numberKind.uint32],
  ["UINT64", numberKind.uint64],
  ["INT8", numberKind.int8],
  ["INT16", numberKind.int16],
  ["INT32", numberKind.int32],
  ["INT64", numberKind.int64],
  ["FP16", numberKind.float16],
  ["BF16", numberKind.bfloat16],
  ["FP32", numberKind.float32],
  ["FP64", numberKind.float64],
]);

/** The kind of a datatype's elements; undefined for `BYTES` and for what is none. */
export function kindOf(datatype: string): NumberKind | undefined {
  return kinds.get(datatype);
}

/** The field of InferTensorContents with elements of this kind; 0 for the half floats, which come raw only. */
export function contentsField(kind: NumberKind): number {
  switch (kind) {
    case numberKind.bool:
      return 1;
    case numberKind.int8:
    case numberKind.int16:
    case numberKind.int32:
      return 2;
    case numberKind.int64:
      return 3;
    case numberKind.uint8:
    case numberKind.uint16:
    case numberKind.uint32:
      return 4;
    case numberKind.uint64:
      return 5;
    case numberKind.float32:
      return 6;
    case numberKind.float64:
      return 7;
    default:
      return 0;
  }
}

/** Whether the parameter whose map entry comes next names a region of shared memory. */
export function namesSharedMemory(reader: WireReader, entry: MapEntry): boolean {
  entry.read(reader);
  return sameBytes(reader.bytes, entry.keyStart, entry.keyEnd, sharedMemoryRegion);
}

/** One tensor of a message, by where its parts lie. Read into the same object again and again. */
export class InferTensor {
  nameStart = 0;
  nameEnd = 0;
  contentsStart = 0;
  contentsEnd = 0;
  /** Its elements are in a region of shared memory, not in the message. */
  sharedMemory = false;
  #datatypeStart = 0;
  #datatypeEnd = 0;
  readonly #datatype = new RepeatedText();
  readonly #entry = new MapEntry();

  /** The reader stands before an embedded tensor: reads it, its dimensions into `shape` where one is given. */
  read(reader: WireReader, shape?: Shape): void {
    const outer = reader.enter();
    if (outer < 0) return;
    this.readRange(reader, shape);
    reader.leave(outer);
  }

  /** The same for a tensor that is the reader's whole range. */
  readRange(reader: WireReader, shape?: Shape): void {
    this.nameStart = this.nameEnd = this.contentsStart = this.contentsEnd = 0;
    this.#datatypeStart = this.#datatypeEnd = 0;
    this.sharedMemory = false;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) this.#field(reader, tag, shape);
  }

  datatype(bytes: Uint8Array): string {
    return this.#datatype.read(bytes, this.#datatypeStart, this.#datatypeEnd);
  }

  #field(reader: WireReader, tag: number, shape: Shape | undefined): void {
    if (tag === tensorParametersTag) {
      if (namesSharedMemory(reader, this.#entry)) this.sharedMemory = true;
      return;
    }
    if (shape !== undefined && (tag === shapeTag || tag === packedShapeTag)) {
      readDimensions(reader, tag, shape);
      return;
    }
    if (tag !== nameTag && tag !== datatypeTag && tag !== contentsTag) {
      reader.skip(tag);
      return;
    }
    const length = reader.length();
    if (length < 0) return;
    const start = reader.at;
    reader.at += length;
    if (tag === nameTag) {
      this.nameStart = start;
      this.nameEnd = reader.at;
    } else if (tag === datatypeTag) {
      this.#datatypeStart = start;
      this.#datatypeEnd = reader.at;
    } else {
      this.contentsStart = start;
      this.contentsEnd = reader.at;
    }
  }
}

function readDimensions(reader: WireReader, tag: number, shape: Shape): void {
  if (tag === shapeTag) {
    if (reader.varint()) shape.dimension(reader.low, reader.high);
    return;
  }
  const outer = reader.enter();
  while (reader.at < reader.end && reader.varint()) shape.dimension(reader.low, reader.high);
  if (outer >= 0) reader.leave(outer);
}

/**
 * Sets the reader's range to the element number `index` of the repeated bytes field with this tag; false where there is none,
 * and then `reader.bad` tells whether the message is malformed.
 */
export function enterRaw(reader: WireReader, start: number, end: number, rawTag: number, index: number): boolean {
  let left = index;
  reader.reset(reader.bytes, start, end);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === rawTag && left-- === 0) {
      return reader.enter() >= 0;
    }
    reader.skip(tag);
  }
  return false;
}

/** Where the text ends that starts with its length at `at`, -1 if that is beyond `end`. */
export function rawTextEnd(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4) return -1;
  const textEnd = at + 4 + uint32At(bytes, at);
  return textEnd <= end ? textEnd : -1;
}
