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

export class OpenInferenceRequestReader implements RequestReader {
  /** Always: any request may be part of a sequence, whatever else the route keys by. */
  readonly needsMessage = true;
  readonly #sources: readonly MessageSource[];
  readonly #ignored: ReadonlySet<string>;
  /** Where each source's parameter or tensor lies; an end of -1 where the request has none of that name. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** Which of the raw contents belongs to the source's tensor. */
  readonly #raws: Int32Array;
  readonly #reader = new WireReader();
  readonly #entry = new MapEntry();
  readonly #tensor = new InferTensor();
  readonly #values = new KeyValues();
  readonly #model = new RepeatedText();
  readonly #version = new RepeatedText();
  /** Of the tensor last read: the kind of its integers, undefined for texts, and whether its elements are elsewhere. */
  #kind: NumberKind | undefined;
  #wantsRaw = false;
  #sequenceStart = 0;
  #sequenceEnd = -1;
  #raw = 0;

  constructor(from: readonly KeySource[], ignore: readonly string[]) {
    this.#sources = messageSources(from);
    this.#ignored = ignoredKeys(ignore);
    this.#starts = new Int32Array(this.#sources.length);
    this.#ends = new Int32Array(this.#sources.length);
    this.#raws = new Int32Array(this.#sources.length);
  }

  read(method: Method, bytes: Uint8Array, start: number, end: number, facts: RequestFacts, cut = false): void {
    clearRequestFacts(facts);
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    if (method.kind === "predict") {
      this.#prediction(facts);
      if (cut) reader.bad = false;
      if (!reader.bad) this.#key(start, end, facts, cut);
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
    this.#ends.fill(-1);
    this.#sequenceEnd = -1;
    this.#raw = 0;
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
    this.#note("parameter", entry.keyStart, entry.keyEnd, entry.valueStart, entry.valueEnd, 0);
  }

  #input(facts: RequestFacts): void {
    const reader = this.#reader;
    const tensor = this.#tensor;
    const outer = reader.enter();
    if (outer < 0) return;
    const start = reader.at;
    const end = reader.end;
    tensor.readRange(reader);
    reader.leave(outer);
    if (reader.bad) return;
    if (tensor.sharedMemory) facts.sharedMemory = true;
    this.#note("input", tensor.nameStart, tensor.nameEnd, start, end, this.#raw);
    // Clients send raw contents for the tensors that have any: one in shared memory has none and is not counted.
    if (!tensor.sharedMemory) this.#raw++;
  }

  /** Notes for every source of this kind and name where its value lies. Of a name given twice the last counts. */
  #note(
    kind: MessageSource["kind"],
    nameStart: number,
    nameEnd: number,
    start: number,
    end: number,
    raw: number,
  ): void {
    for (let i = 0; i < this.#sources.length; i++) {
      const source = this.#sources[i] as MessageSource;
      if (source.kind !== kind || !sameBytes(this.#reader.bytes, nameStart, nameEnd, source.name)) continue;
      this.#starts[i] = start;
      this.#ends[i] = end;
      this.#raws[i] = raw;
    }
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
  #key(start: number, end: number, facts: RequestFacts, cut: boolean): void {
    const values = this.#values;
    const reader = this.#reader;
    if (this.#sequenceEnd >= 0 && this.#readSequence(facts)) return;
    for (let i = 0; i < this.#sources.length && !reader.bad; i++) {
      const source = this.#sources[i] as MessageSource;
      const valueEnd = this.#ends[i] as number;
      if (valueEnd < 0) continue;
      values.reset();
      this.#wantsRaw = false;
      if (source.kind === "parameter") this.#readParameter(this.#starts[i] as number, valueEnd);
      else this.#readTensor(this.#starts[i] as number, valueEnd);
      if (this.#wantsRaw && !reader.bad) this.#readRaw(start, end, this.#raws[i] as number, cut);
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

  /** Every element of a tensor of texts or integers, unless its elements are in the raw contents. */
  #readTensor(start: number, end: number): void {
    const reader = this.#reader;
    const tensor = this.#tensor;
    const bytes = reader.bytes;
    reader.reset(bytes, start, end);
    tensor.readRange(reader);
    if (reader.bad || tensor.sharedMemory) return;
    const datatype = tensor.datatype(bytes);
    const isText = datatype === bytesType;
    this.#kind = isText ? undefined : kindOf(datatype);
    if (!isText && (this.#kind === undefined || !isInteger(this.#kind))) return;
    this.#wantsRaw = tensor.contentsEnd === tensor.contentsStart;
    reader.reset(bytes, tensor.contentsStart, tensor.contentsEnd);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (this.#kind === undefined && tag === bytesContentsTag) this.#values.readText(reader);
      else if (this.#kind !== undefined && tag >>> 3 === contentsField(this.#kind)) {
        this.#values.readIntegers(reader, tag, this.#kind);
      } else reader.skip(tag);
    }
  }

  #readRaw(start: number, end: number, place: number, cut: boolean): void {
    const reader = this.#reader;
    if (!enterRaw(reader, start, end, rawTag, place)) {
      if (cut) reader.bad = false;
    } else if (this.#kind === undefined) {
      this.#readRawTexts();
    } else if (!this.#values.readBlock(this.#kind, reader.bytes, reader.at, reader.end)) {
      reader.fail();
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
