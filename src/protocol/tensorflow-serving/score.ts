/**
 * The score in a TensorFlow Serving answer: an output tensor's rows (Predict), the classes of each example (Classify) or a
 * value for each (Regress).
 *
 * The answer names its model *after* its outputs, so each message is walked first and read then; the walk steps over tensors.
 */
import type { ScoreSpec } from "../../model/route.ts";
import type { Method, ScoreReader, ScoreSink } from "../dialect.ts";
import { NumberField } from "../number-field.ts";
import { type NumberKind, numberAt, numberKind, numberWidth } from "../numbers.ts";
import { RowReducer, Shape } from "../rows.ts";
import { RepeatedInteger, RepeatedText, sameBytes } from "../text.ts";
import { MapEntry, WireReader, wireType } from "../wire.ts";
import { classify, predict } from "./methods.ts";
import { ModelSpec } from "./model-spec.ts";
import { numberTypeOf, tensorTag } from "./tensor.ts";

/** `PredictResponse.outputs`; `ClassificationResponse.result`, `RegressionResponse.result` */
const outputTag = (1 << 3) | wireType.bytes;
/** `model_spec` of all three */
const specTag = (2 << 3) | wireType.bytes;
/** `ClassificationResult.classifications`, `Classifications.classes`, `RegressionResult.regressions` */
const listTag = (1 << 3) | wireType.bytes;
/** `Class.score` */
const classScoreTag = (2 << 3) | wireType.fixed32;
/** `Regression.value` */
const regressionTag = (1 << 3) | wireType.fixed32;
/** `TensorShapeProto.dim` and `.unknown_rank`, `TensorShapeProto.Dim.size` */
const dimTag = (2 << 3) | wireType.bytes;
const unknownRankTag = (3 << 3) | wireType.varint;
const dimSizeTag = (1 << 3) | wireType.varint;

export class TensorflowServingScoreReader implements ScoreReader {
  readonly #rows: RowReducer | undefined;
  /** Rows of Regress, where the value itself is the score. */
  readonly #values: RowReducer | undefined;
  readonly #output: Uint8Array;
  readonly #reader = new WireReader();
  readonly #entry = new MapEntry();
  readonly #spec = new ModelSpec();
  readonly #shape = new Shape();
  readonly #model = new RepeatedText();
  readonly #label = new RepeatedText();
  readonly #version = new RepeatedInteger();
  readonly #field = new NumberField();

  constructor(spec: ScoreSpec | undefined, rowLimit?: number) {
    this.#rows = spec && new RowReducer(spec, rowLimit);
    this.#values = spec && new RowReducer({ ...spec, reduce: "element", index: 0 }, rowLimit);
    this.#output = Buffer.from(spec?.output ?? "", "utf8");
  }

  read(method: Method, bytes: Uint8Array, start: number, end: number, sink: ScoreSink): void {
    if (!method.scored) return;
    const reader = this.#reader;
    const entry = this.#entry;
    const inMap = method === predict && this.#rows !== undefined;
    let found = false;
    let outputStart = 0;
    let outputEnd = 0;
    this.#spec.reset();
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === specTag) {
        this.#spec.merge(reader);
      } else if (tag === outputTag && inMap) {
        entry.read(reader);
        if (!sameBytes(bytes, entry.keyStart, entry.keyEnd, this.#output)) continue;
        found = true;
        outputStart = entry.valueStart;
        outputEnd = entry.valueEnd;
      } else {
        reader.skip(tag);
      }
    }
    if (this.#spec.present && !reader.bad) this.#effective(bytes, sink);
    if (this.#rows !== undefined) {
      if (reader.bad) sink.invalid("malformed");
      else if (method !== predict) this.#examples(method, bytes, start, end, sink);
      else if (found) this.#tensor(this.#rows, bytes, outputStart, outputEnd, sink);
      else sink.invalid("missing_output");
    }
    reader.release();
  }

  #effective(bytes: Uint8Array, sink: ScoreSink): void {
    const spec = this.#spec;
    const model = spec.nameEnd > spec.nameStart ? this.#model.read(bytes, spec.nameStart, spec.nameEnd) : undefined;
    let version: string | undefined;
    if (spec.choice === "version") version = this.#version.read(spec.versionLow, spec.versionHigh);
    else if (spec.choice === "label") version = this.#label.read(bytes, spec.labelStart, spec.labelEnd);
    sink.effective(model, version);
  }

  /**
   * One tensor. Its elements are `tensor_content` where that has any, else the repeated field of its type; of the latter there
   * may be fewer than the shape holds: the last one then stands for the rest, zero where there is none
   * (tensorflow/python/framework/tensor_util.py, MakeNdarray).
   */
  #tensor(rows: RowReducer, bytes: Uint8Array, start: number, end: number, sink: ScoreSink): void {
    const reader = this.#reader;
    const shape = this.#shape;
    let dtype = 0;
    let contentStart = 0;
    let contentEnd = 0;
    shape.reset();
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === tensorTag.dtype) {
        if (reader.varint()) dtype = reader.low;
      } else if (tag === tensorTag.shape) {
        this.#readShape();
      } else if (tag === tensorTag.content) {
        const length = reader.length();
        if (length < 0) break;
        contentStart = reader.at;
        contentEnd = reader.at += length;
      } else {
        reader.skip(tag);
      }
    }
    const type = numberTypeOf(dtype);
    if (reader.bad) sink.invalid("malformed");
    else if (type === undefined) sink.invalid("not_numeric");
    else if (contentEnd > contentStart) this.#content(rows, type.kind, contentStart, contentEnd, sink);
    else this.#typed(rows, type.kind, type.field, start, end, sink);
  }

  #content(rows: RowReducer, kind: NumberKind, start: number, end: number, sink: ScoreSink): void {
    const count = (end - start) / (numberWidth[kind] as number);
    if (!Number.isInteger(count) || (this.#shape.known && this.#shape.elements !== count)) {
      sink.invalid("malformed");
      return;
    }
    rows.beginTensor(this.#shape, count, sink);
    rows.block(kind, this.#reader.bytes, start, count);
  }

  #typed(rows: RowReducer, kind: NumberKind, number: number, start: number, end: number, sink: ScoreSink): void {
    const field = this.#field;
    const located = field.locate(this.#reader, start, end, number, kind);
    if (!located || (this.#shape.known && field.count > this.#shape.elements)) {
      sink.invalid("malformed");
      return;
    }
    rows.beginTensor(this.#shape, field.count, sink);
    field.feed(this.#reader, rows);
    if (this.#reader.bad) sink.invalid("malformed");
    else rows.fill(field.last);
  }

  #readShape(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === dimTag) this.#readDimension();
      else if (tag !== unknownRankTag) reader.skip(tag);
      else if (reader.varint()) this.#shape.unknown = this.#shape.unknown || reader.low !== 0 || reader.high !== 0;
    }
    if (outer >= 0) reader.leave(outer);
  }

  #readDimension(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    let low = 0;
    let high = 0;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== dimSizeTag) reader.skip(tag);
      else if (reader.varint()) {
        low = reader.low;
        high = reader.high;
      }
    }
    if (outer < 0) return;
    this.#shape.dimension(low, high);
    reader.leave(outer);
  }

  /** Classify and Regress: one row per example. */
  #examples(method: Method, bytes: Uint8Array, start: number, end: number, sink: ScoreSink): void {
    const reader = this.#reader;
    const rows = method === classify ? this.#rows : this.#values;
    if (rows === undefined) return;
    rows.begin(Number.POSITIVE_INFINITY, method === classify ? Number.POSITIVE_INFINITY : 1, sink);
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== outputTag) {
        reader.skip(tag);
        continue;
      }
      const outer = reader.enter();
      for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) {
        if (inner !== listTag) reader.skip(inner);
        else if (rows.full) {
          sink.invalid("row_limit");
          return;
        } else if (method === classify) this.#classes(rows);
        else rows.value(this.#number(regressionTag));
      }
      if (outer >= 0) reader.leave(outer);
    }
    if (reader.bad) sink.invalid("malformed");
  }

  /** One example's classes are one row: column k is the score of class k. */
  #classes(rows: RowReducer): void {
    const reader = this.#reader;
    const outer = reader.enter();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === listTag) rows.value(this.#number(classScoreTag));
      else reader.skip(tag);
    }
    if (reader.bad) return;
    rows.endRow();
    reader.leave(outer);
  }

  /** The float of this tag in an embedded message; 0 where it is left out, as proto3 has it. */
  #number(wanted: number): number {
    const reader = this.#reader;
    const outer = reader.enter();
    let value = 0;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      const at = reader.at;
      reader.skip(tag);
      if (tag === wanted && !reader.bad) value = numberAt(numberKind.float32, reader.bytes, at);
    }
    if (outer >= 0) reader.leave(outer);
    return value;
  }
}
