/**
 * What an Open Inference request says of itself: model, version, a key in its parameters or in an input tensor, whether it is
 * part of a sequence and whether it names shared memory.
 */
import type { KeySource } from "../../model/route.ts";
import type { Method, RequestFacts, RequestReader } from "../dialect.ts";
import { clearRequestFacts } from "../facts.ts";
import { ignoredKeys, KeyValues, type MessageSource, messageSources } from "../key.ts";
import { isInteger, type NumberKind } from "../numbers.ts";
import { RepeatedText, sameBytes } from "../text.ts";
import { MapEntry, WireReader, wireType } from "../wire.ts";
import { aboutModels, aboutNamedModels } from "./methods.ts";
import {
  bytesContentsTag,
  bytesType,
  contentsField,
  enterRaw,
  InferTensor,
  kindOf,
  namesSharedMemory,
  rawTextEnd,
} from "./tensor.ts";

const nameTag = (1 << 3) | wireType.bytes;
const versionTag = (2 << 3) | wireType.bytes;
const parametersTag = (4 << 3) | wireType.bytes;
const inputTag = (5 << 3) | wireType.bytes;
const outputTag = (6 << 3) | wireType.bytes;
const rawTag = (7 << 3) | wireType.bytes;
/** `InferRequestedOutputTensor.parameters` */
const outputParametersTag = (2 << 3) | wireType.bytes;
/** Members of InferParameter's oneof. */
const boolTag = (1 << 3) | wireType.varint;
const int64Tag = (2 << 3) | wireType.varint;
const stringTag = (3 << 3) | wireType.bytes;
const uint64Tag = (5 << 3) | wireType.varint;

const sequenceId = Buffer.from("sequence_id");
const truthValues = [Buffer.from("false"), Buffer.from("true")] as const;

/** A tensor of texts, and one whose elements are no key. */
const textKind = -1;
const noKind = -2;

function keyKindOf(datatype: string): number {
  if (datatype === bytesType) return textKind;
  const kind = kindOf(datatype);
  return kind !== undefined && isInteger(kind) ? kind : noKind;
}

export class OpenInferenceRequestReader implements RequestReader {
  /** Always: any request may be part of a sequence, whatever else the route keys by. */
  readonly needsMessage = true;
  readonly #sources: readonly MessageSource[];
  readonly #ignored: ReadonlySet<string>;
  /** Where each source's parameter or tensor's contents lie; an end of -1 where the request has none of that name. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** Of each source's tensor: the kind of its integers, `textKind` or `noKind`. */
  readonly #kinds: Int32Array;
  /** Which of the raw contents belongs to the tensor, -1 if none does, and where it lies, an end of -1 until it is seen. */
  readonly #raws: Int32Array;
  readonly #rawStarts: Int32Array;
  readonly #rawEnds: Int32Array;
  readonly #reader = new WireReader();
  readonly #entry = new MapEntry();
  readonly #tensor = new InferTensor();
  readonly #values = new KeyValues();
  readonly #model = new RepeatedText();
  readonly #version = new RepeatedText();
  #sequenceStart = 0;
  #sequenceEnd = -1;
  /** Tensors with raw contents of their own, and raw contents, met so far. */
  #expected = 0;
  #met = 0;

  constructor(from: readonly KeySource[], ignore: readonly string[]) {
    this.#sources = messageSources(from);
    this.#ignored = ignoredKeys(ignore);
    this.#starts = new Int32Array(this.#sources.length);
    this.#ends = new Int32Array(this.#sources.length);
    this.#kinds = new Int32Array(this.#sources.length);
    this.#raws = new Int32Array(this.#sources.length);
    this.#rawStarts = new Int32Array(this.#sources.length);
    this.#rawEnds = new Int32Array(this.#sources.length);
  }

  read(method: Method, bytes: Uint8Array, start: number, end: number, facts: RequestFacts, cut = false): void {
    clearRequestFacts(facts);
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    if (method.kind === "predict") {
      this.#prediction(facts);
      if (cut) reader.bad = false;
      if (!reader.bad) this.#key(start, end, facts);
    } else if (aboutModels.includes(method)) {
      this.#named(nameTag, versionTag, facts, cut);
    } else if (aboutNamedModels.includes(method)) {
      this.#named(versionTag, -1, facts, cut);
    }
    if (reader.bad) {
      facts.key = undefined;
      facts.keySource = -1;
      facts.sequence = false;
      facts.exception = "malformed";
    }
    reader.release();
    this.#values.reset();
  }

  #named(modelTag: number, modelVersionTag: number, facts: RequestFacts, cut: boolean): void {
    const reader = this.#reader;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === modelTag) facts.model = this.#text(this.#model);
      else if (tag === modelVersionTag) facts.version = this.#text(this.#version);
      else reader.skip(tag);
    }
    if (cut) reader.bad = false;
  }

  #prediction(facts: RequestFacts): void {
    const reader = this.#reader;
    for (let i = 0; i < this.#ends.length; i++) this.#ends[i] = -1;
    this.#sequenceEnd = -1;
    this.#expected = 0;
    this.#met = 0;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case nameTag:
          facts.model = this.#text(this.#model);
          break;
        case versionTag:
          facts.version = this.#text(this.#version);
          break;
        case parametersTag:
          this.#parameter();
          break;
        case inputTag:
          this.#input(facts);
          break;
        case outputTag:
          this.#output(facts);
          break;
        case rawTag:
          this.#raw();
          break;
        default:
          reader.skip(tag);
      }
    }
  }

  /** The text that comes next; undefined where it is empty. */
  #text(repeated: RepeatedText): string | undefined {
    const reader = this.#reader;
    const length = reader.length();
    if (length <= 0) return undefined;
    const start = reader.at;
    reader.at += length;
    return repeated.read(reader.bytes, start, reader.at);
  }

  #parameter(): void {
    const reader = this.#reader;
    const entry = this.#entry;
    entry.read(reader);
    if (reader.bad) return;
    if (sameBytes(reader.bytes, entry.keyStart, entry.keyEnd, sequenceId)) {
      this.#sequenceStart = entry.valueStart;
      this.#sequenceEnd = entry.valueEnd;
    }
    for (let i = 0; i < this.#sources.length; i++) {
      if (!this.#isSource(i, "parameter", entry.keyStart, entry.keyEnd)) continue;
      this.#starts[i] = entry.valueStart;
      this.#ends[i] = entry.valueEnd;
    }
  }

  #input(facts: RequestFacts): void {
    const reader = this.#reader;
    const tensor = this.#tensor;
    tensor.read(reader);
    if (reader.bad) return;
    if (tensor.sharedMemory) facts.sharedMemory = true;
    for (let i = 0; i < this.#sources.length; i++) {
      if (!this.#isSource(i, "input", tensor.nameStart, tensor.nameEnd)) continue;
      this.#starts[i] = tensor.contentsStart;
      this.#ends[i] = tensor.contentsEnd;
      this.#kinds[i] = tensor.sharedMemory ? noKind : keyKindOf(tensor.datatype(reader.bytes));
      this.#raws[i] = this.#expected;
      this.#rawEnds[i] = -1;
    }
    // Clients send raw contents for the tensors that have any: one in shared memory has none and is not counted.
    if (!tensor.sharedMemory) this.#expected++;
  }

  #raw(): void {
    const reader = this.#reader;
    const length = reader.length();
    if (length < 0) return;
    for (let i = 0; i < this.#raws.length; i++) {
      if (this.#raws[i] !== this.#met || (this.#ends[i] as number) < 0) continue;
      this.#rawStarts[i] = reader.at;
      this.#rawEnds[i] = reader.at + length;
    }
    reader.at += length;
    this.#met++;
  }

  /** Of a name given twice the last counts. */
  #isSource(i: number, kind: MessageSource["kind"], nameStart: number, nameEnd: number): boolean {
    const source = this.#sources[i] as MessageSource;
    return source.kind === kind && sameBytes(this.#reader.bytes, nameStart, nameEnd, source.name);
  }

  #output(facts: RequestFacts): void {
    const reader = this.#reader;
    const outer = reader.enter();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== outputParametersTag) reader.skip(tag);
      else if (namesSharedMemory(reader, this.#entry)) facts.sharedMemory = true;
    }
    if (outer >= 0) reader.leave(outer);
  }

  /** The sequence comes first: all of its requests must meet the same variant. Then the sources in the route's order. */
  #key(start: number, end: number, facts: RequestFacts): void {
    const values = this.#values;
    const reader = this.#reader;
    if (this.#sequenceEnd >= 0 && this.#readSequence(facts)) return;
    for (let i = 0; i < this.#sources.length && !reader.bad; i++) {
      const source = this.#sources[i] as MessageSource;
      const valueEnd = this.#ends[i] as number;
      if (valueEnd < 0) continue;
      values.reset();
      if (source.kind === "parameter") this.#readParameter(this.#starts[i] as number, valueEnd);
      else this.#readTensor(i, start, end);
      if (values.several) {
        facts.exception = "multi_key";
        return;
      }
      const key = values.first();
      if (key === undefined || this.#ignored.has(key)) continue;
      facts.key = key;
      facts.keySource = source.place;
      return;
    }
  }

  /** A sequence id of 0 or of no text means that there is no sequence (Triton's extension_sequence.md). */
  #readSequence(facts: RequestFacts): boolean {
    this.#values.reset();
    this.#readParameter(this.#sequenceStart, this.#sequenceEnd);
    const id = this.#values.first();
    if (this.#reader.bad || id === undefined || id === "" || id === "0") return false;
    facts.key = id;
    facts.sequence = true;
    return true;
  }

  /** InferParameter: members of one oneof, of which the last one stands; a float is no key. */
  #readParameter(start: number, end: number): void {
    const reader = this.#reader;
    const values = this.#values;
    reader.reset(reader.bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      values.reset();
      if (tag === stringTag) {
        values.readText(reader);
      } else if (tag === int64Tag || tag === uint64Tag) {
        if (reader.varint()) values.integer(reader.low, reader.high, tag === int64Tag);
      } else if (tag === boolTag) {
        if (!reader.varint()) return;
        const text = truthValues[reader.low === 0 && reader.high === 0 ? 0 : 1];
        values.text(text, 0, text.length);
      } else {
        reader.skip(tag);
      }
    }
  }

  /** Every element of a tensor of texts or integers, in its contents or in the raw contents that belong to it. */
  #readTensor(i: number, start: number, end: number): void {
    const reader = this.#reader;
    const bytes = reader.bytes;
    const kind = this.#kinds[i] as number;
    if (kind === noKind) return;
    if ((this.#ends[i] as number) > (this.#starts[i] as number)) {
      this.#readContents(kind, this.#starts[i] as number, this.#ends[i] as number);
      return;
    }
    if ((this.#rawEnds[i] as number) >= 0) {
      reader.reset(bytes, this.#rawStarts[i] as number, this.#rawEnds[i] as number);
    } else if (
      (this.#raws[i] as number) >= this.#met ||
      !enterRaw(reader, start, end, rawTag, this.#raws[i] as number)
    ) {
      return;
    }
    if (kind === textKind) this.#readRawTexts();
    else if (!this.#values.readBlock(kind as NumberKind, bytes, reader.at, reader.end)) reader.fail();
  }

  #readContents(kind: number, start: number, end: number): void {
    const reader = this.#reader;
    const field = kind === textKind ? 0 : contentsField(kind as NumberKind);
    reader.reset(reader.bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (kind === textKind && tag === bytesContentsTag) this.#values.readText(reader);
      else if (tag >>> 3 === field) this.#values.readIntegers(reader, tag, kind as NumberKind);
      else reader.skip(tag);
    }
  }

  #readRawTexts(): void {
    const reader = this.#reader;
    while (reader.at < reader.end && !this.#values.several) {
      const textEnd = rawTextEnd(reader.bytes, reader.at, reader.end);
      if (textEnd < 0) {
        reader.fail();
        return;
      }
      this.#values.text(reader.bytes, reader.at + 4, textEnd);
      reader.at = textEnd;
    }
  }
}
