/**
 * What a TensorFlow Serving request says of itself: model, version or label, and a key in an input tensor (Predict) or in a
 * feature of its examples (Classify, Regress). Of the tensors only the key's is read.
 */
import type { KeySource } from "../../model/route.ts";
import type { Method, RequestFacts, RequestReader } from "../dialect.ts";
import { clearRequestFacts } from "../facts.ts";
import { ignoredKeys, KeyValues, type MessageSource, messageSources } from "../key.ts";
import { isInteger, numberKind } from "../numbers.ts";
import { RepeatedInteger, RepeatedText, sameBytes } from "../text.ts";
import { MapEntry, WireReader, wireType } from "../wire.ts";
import { classify, handleReloadConfig, multiInference, predict, regress } from "./methods.ts";
import { ModelSpec } from "./model-spec.ts";
import { numberTypeOf, stringType, tensorTag } from "./tensor.ts";

/** `model_spec` in every request but MultiInference's, where field 1 is a task and its field 1 the spec. */
const specTag = (1 << 3) | wireType.bytes;
/** `PredictRequest.inputs`; `ClassificationRequest.input`, `RegressionRequest.input` */
const inputTag = (2 << 3) | wireType.bytes;
/** `Input.example_list`, `ExampleList.examples`, `Example.features`, `Features.feature` */
const firstTag = (1 << 3) | wireType.bytes;
/** `Input.example_list_with_context`, `ExampleListWithContext.context` */
const secondTag = (2 << 3) | wireType.bytes;
/** `Feature.bytes_list` and `Feature.int64_list` */
const bytesListTag = (1 << 3) | wireType.bytes;
const int64ListTag = (3 << 3) | wireType.bytes;
const stringValTag = (8 << 3) | wireType.bytes;

export class TensorflowServingRequestReader implements RequestReader {
  readonly needsMessage: boolean;
  readonly #sources: readonly MessageSource[];
  readonly #ignored: ReadonlySet<string>;
  /** Where each source's tensor lies; an end of -1 where the request has none of that name. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #reader = new WireReader();
  readonly #entry = new MapEntry();
  readonly #spec = new ModelSpec();
  readonly #values = new KeyValues();
  readonly #model = new RepeatedText();
  readonly #label = new RepeatedText();
  readonly #version = new RepeatedInteger();

  constructor(from: readonly KeySource[], ignore: readonly string[]) {
    this.#sources = messageSources(from);
    this.#ignored = ignoredKeys(ignore);
    this.#starts = new Int32Array(this.#sources.length);
    this.#ends = new Int32Array(this.#sources.length);
    this.needsMessage = this.#sources.length > 0;
  }

  read(method: Method, bytes: Uint8Array, start: number, end: number, facts: RequestFacts, cut = false): void {
    clearRequestFacts(facts);
    if (method === handleReloadConfig) return;
    this.#spec.reset();
    for (let i = 0; i < this.#ends.length; i++) this.#ends[i] = -1;
    this.#walk(method, bytes, start, end);
    this.#describe(bytes, facts);
    if (cut) this.#reader.bad = false;
    // Of a list of examples that is cut off nobody knows whether the rest have the same key.
    if (this.needsMessage && (method === predict || (method.kind === "predict" && !cut))) {
      this.#key(method, bytes, start, end, facts);
    }
    if (this.#reader.bad) {
      facts.key = undefined;
      facts.keySource = -1;
      facts.exception = "malformed";
    }
    this.#reader.release();
    this.#values.reset();
  }

  #walk(method: Method, bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    const keyed = method === predict && this.needsMessage;
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === specTag) {
        if (method === multiInference) this.#firstTask();
        else this.#spec.merge(reader);
      } else if (tag === inputTag && keyed) {
        this.#input();
      } else {
        reader.skip(tag);
      }
    }
  }

  /** MultiInference: the first task's spec stands for the call, which goes to one champion. */
  #firstTask(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    const first = !this.#spec.present;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === specTag && first) this.#spec.merge(reader);
      else reader.skip(tag);
    }
    if (outer >= 0) reader.leave(outer);
  }

  #describe(bytes: Uint8Array, facts: RequestFacts): void {
    const spec = this.#spec;
    if (spec.nameEnd > spec.nameStart) facts.model = this.#model.read(bytes, spec.nameStart, spec.nameEnd);
    if (spec.choice === "version") facts.version = this.#version.read(spec.versionLow, spec.versionHigh);
    else if (spec.choice === "label" && spec.labelEnd > spec.labelStart) {
      facts.version = this.#label.read(bytes, spec.labelStart, spec.labelEnd);
    }
  }

  /** One entry of the map of inputs: notes where the tensor lies if a source wants it. Of a name given twice the last counts. */
  #input(): void {
    const reader = this.#reader;
    const entry = this.#entry;
    entry.read(reader);
    if (reader.bad) return;
    for (let i = 0; i < this.#sources.length; i++) {
      const name = (this.#sources[i] as MessageSource).name;
      if (!sameBytes(reader.bytes, entry.keyStart, entry.keyEnd, name)) continue;
      this.#starts[i] = entry.valueStart;
      this.#ends[i] = entry.valueEnd;
    }
  }

  /** Asks the sources in the route's order. */
  #key(method: Method, bytes: Uint8Array, start: number, end: number, facts: RequestFacts): void {
    const values = this.#values;
    for (let i = 0; i < this.#sources.length && !this.#reader.bad; i++) {
      const source = this.#sources[i] as MessageSource;
      values.reset();
      if (method === predict) {
        if ((this.#ends[i] as number) < 0) continue;
        this.#tensor(bytes, this.#starts[i] as number, this.#ends[i] as number);
      } else if (method === classify || method === regress) {
        this.#examples(bytes, start, end, source.name);
      }
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

  /**
   * Every element of a tensor of strings or integers. Encoders write the type first, so that one pass does: elements that were
   * read under another type than the last one given are read once more.
   */
  #tensor(bytes: Uint8Array, start: number, end: number): void {
    const type = this.#elements(bytes, start, end, -1);
    if (type < 0) return;
    this.#values.reset();
    this.#elements(bytes, start, end, type);
  }

  /** One pass, under a type known beforehand or (-1) the one met; gives the type under which to read again, or -1. */
  #elements(bytes: Uint8Array, start: number, end: number, known: number): number {
    const reader = this.#reader;
    let dtype = known < 0 ? 0 : known;
    let met = false;
    let again = false;
    let contentStart = 0;
    let contentEnd = 0;
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === tensorTag.dtype) {
        if (!reader.varint()) break;
        if (known >= 0) continue;
        again ||= met && reader.low !== dtype;
        dtype = reader.low;
      } else if (tag === tensorTag.content) {
        const length = reader.length();
        if (length < 0) break;
        contentStart = reader.at;
        contentEnd = reader.at += length;
      } else {
        met ||= tag !== tensorTag.shape;
        this.#element(tag, dtype);
      }
    }
    if (again || reader.bad) return again ? dtype : -1;
    const kind = numberTypeOf(dtype)?.kind;
    if (contentEnd > contentStart && kind !== undefined && isInteger(kind)) {
      this.#values.reset();
      if (!this.#values.readBlock(kind, bytes, contentStart, contentEnd)) reader.fail();
    }
    return -1;
  }

  #element(tag: number, dtype: number): void {
    const reader = this.#reader;
    if (dtype === stringType) {
      if (tag === stringValTag) this.#values.readText(reader);
      else reader.skip(tag);
      return;
    }
    const type = numberTypeOf(dtype);
    if (type !== undefined && tag >>> 3 === type.field && isInteger(type.kind)) {
      this.#values.readIntegers(reader, tag, type.kind);
    } else {
      reader.skip(tag);
    }
  }

  /** The feature of this name in every example: its first value, as an example has one key. */
  #examples(bytes: Uint8Array, start: number, end: number, name: Uint8Array): void {
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === inputTag) this.#exampleInput(name);
      else reader.skip(tag);
    }
  }

  /** Input: a list of examples, or one with a context whose features belong to every example. */
  #exampleInput(name: Uint8Array): void {
    const reader = this.#reader;
    const outer = reader.enter();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== firstTag && tag !== secondTag) {
        reader.skip(tag);
        continue;
      }
      const withContext = tag === secondTag;
      const listEnd = reader.enter();
      for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) {
        if (inner === firstTag || (withContext && inner === secondTag)) this.#example(name);
        else reader.skip(inner);
      }
      if (listEnd >= 0) reader.leave(listEnd);
    }
    if (outer >= 0) reader.leave(outer);
  }

  #example(name: Uint8Array): void {
    const reader = this.#reader;
    const exampleEnd = reader.enter();
    let start = 0;
    let end = -1;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== firstTag) {
        reader.skip(tag);
        continue;
      }
      const featuresEnd = reader.enter();
      for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) {
        if (inner !== firstTag) {
          reader.skip(inner);
          continue;
        }
        const entry = this.#entry;
        entry.read(reader);
        if (!sameBytes(reader.bytes, entry.keyStart, entry.keyEnd, name)) continue;
        start = entry.valueStart;
        end = entry.valueEnd;
      }
      if (featuresEnd >= 0) reader.leave(featuresEnd);
    }
    if (end >= 0 && !reader.bad) this.#feature(start, end);
    if (exampleEnd >= 0) reader.leave(exampleEnd);
  }

  /** The first value of a feature. Its lists are members of one oneof: the last one stands. */
  #feature(start: number, end: number): void {
    const reader = this.#reader;
    const exampleEnd = reader.end;
    let list = 0;
    let listStart = 0;
    let listEnd = 0;
    reader.at = start;
    reader.end = end;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if ((tag & 7) !== wireType.bytes) {
        reader.skip(tag);
        continue;
      }
      const length = reader.length();
      if (length < 0) return;
      list = tag;
      listStart = reader.at;
      listEnd = reader.at += length;
    }
    if (reader.bad) return;
    reader.at = listStart;
    reader.end = listEnd;
    const tag = reader.tag();
    if (list === bytesListTag && tag === firstTag) this.#values.readText(reader);
    else if (list === int64ListTag && tag >>> 3 === 1) this.#firstInteger(tag);
    if (reader.bad) return;
    reader.end = exampleEnd;
    reader.at = exampleEnd;
  }

  #firstInteger(tag: number): void {
    const reader = this.#reader;
    if ((tag & 7) === wireType.bytes) {
      const outer = reader.enter();
      if (reader.at < reader.end && reader.varint()) this.#values.integer(reader.low, reader.high, true);
      if (outer >= 0) reader.leave(outer);
    } else {
      this.#values.readIntegers(reader, tag, numberKind.int64);
    }
  }
}
