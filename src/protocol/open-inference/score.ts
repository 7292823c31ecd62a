/**
 * The score in an Open Inference answer: the rows of an output tensor, in its contents or in the message's raw contents, or
 * the scores in the texts that Triton's classification extension makes of them.
 */
import type { ScoreSpec } from "../../model/route.ts";
import type { Method, ScoreReader, ScoreSink } from "../dialect.ts";
import { NumberField } from "../number-field.ts";
import { type NumberKind, numberWidth } from "../numbers.ts";
import { RowReducer, Shape } from "../rows.ts";
import { RepeatedText, sameBytes } from "../text.ts";
import { WireReader, wireType } from "../wire.ts";
import { ClassificationText } from "./classification.ts";
import { bytesContentsTag, bytesType, contentsField, enterRaw, InferTensor, kindOf, rawTextEnd } from "./tensor.ts";

const nameTag = (1 << 3) | wireType.bytes;
const versionTag = (2 << 3) | wireType.bytes;
const outputTag = (5 << 3) | wireType.bytes;
const rawTag = (6 << 3) | wireType.bytes;

export class OpenInferenceScoreReader implements ScoreReader {
  readonly #rows: RowReducer | undefined;
  readonly #output: Uint8Array;
  readonly #reader = new WireReader();
  readonly #tensor = new InferTensor();
  readonly #shape = new Shape();
  readonly #field = new NumberField();
  readonly #classification = new ClassificationText();
  readonly #model = new RepeatedText();
  readonly #version = new RepeatedText();

  constructor(spec: ScoreSpec | undefined, rowLimit?: number) {
    this.#rows = spec && new RowReducer(spec, rowLimit);
    this.#output = Buffer.from(spec?.output ?? "", "utf8");
  }

  read(method: Method, bytes: Uint8Array, start: number, end: number, sink: ScoreSink): void {
    if (!method.scored) return;
    const reader = this.#reader;
    const tensor = this.#tensor;
    let model: string | undefined;
    let version: string | undefined;
    let outputs = 0;
    let raws = 0;
    let place = -1;
    let outputStart = 0;
    let outputEnd = 0;
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === nameTag) {
        model = this.#text(this.#model);
      } else if (tag === versionTag) {
        version = this.#text(this.#version);
      } else if (tag === outputTag && this.#rows !== undefined) {
        const tensorStart = reader.at;
        tensor.read(reader);
        if (sameBytes(bytes, tensor.nameStart, tensor.nameEnd, this.#output)) {
          place = outputs;
          outputStart = tensorStart;
          outputEnd = reader.at;
        }
        outputs++;
      } else {
        if (tag === rawTag) raws++;
        reader.skip(tag);
      }
    }
    if (!reader.bad && (model !== undefined || version !== undefined)) sink.effective(model, version);
    if (this.#rows !== undefined) {
      if (reader.bad) sink.invalid("malformed");
      else if (place < 0) sink.invalid("missing_output");
      else {
        reader.reset(bytes, outputStart, outputEnd);
        this.#shape.reset();
        tensor.read(reader, this.#shape);
        if (tensor.sharedMemory) sink.invalid("shared_memory");
        else if (raws > 0) this.#readRaw(this.#rows, start, end, place, sink);
        else this.#readContents(this.#rows, sink);
      }
    }
    reader.release();
  }

  #text(repeated: RepeatedText): string | undefined {
    const reader = this.#reader;
    const length = reader.length();
    if (length <= 0) return undefined;
    const start = reader.at;
    reader.at += length;
    return repeated.read(reader.bytes, start, reader.at);
  }

  /** Raw contents are as many as the outputs and in their order, also where an output has none. */
  #readRaw(rows: RowReducer, start: number, end: number, place: number, sink: ScoreSink): void {
    const reader = this.#reader;
    const datatype = this.#tensor.datatype(reader.bytes);
    const kind = kindOf(datatype);
    if (!enterRaw(reader, start, end, rawTag, place)) {
      sink.invalid("malformed");
    } else if (kind !== undefined) {
      const count = (reader.end - reader.at) / (numberWidth[kind] as number);
      if (!this.#begin(rows, count, sink, rows.vectorIsOneRow)) return;
      rows.block(kind, reader.bytes, reader.at, count);
      this.#endEmpty(rows, count);
    } else if (datatype === bytesType) {
      this.#readRawTexts(rows, sink);
    } else {
      sink.invalid("not_numeric");
    }
  }

  #readContents(rows: RowReducer, sink: ScoreSink): void {
    const reader = this.#reader;
    const datatype = this.#tensor.datatype(reader.bytes);
    const kind = kindOf(datatype);
    if (kind !== undefined) this.#readNumbers(rows, kind, sink);
    else if (datatype === bytesType) this.#readTexts(rows, sink);
    else sink.invalid("not_numeric");
  }

  #readNumbers(rows: RowReducer, kind: NumberKind, sink: ScoreSink): void {
    const reader = this.#reader;
    const field = this.#field;
    const tensor = this.#tensor;
    if (!field.locate(reader, tensor.contentsStart, tensor.contentsEnd, contentsField(kind), kind)) {
      sink.invalid("malformed");
      return;
    }
    if (!this.#begin(rows, field.count, sink, rows.vectorIsOneRow)) return;
    field.feed(reader, rows);
    if (reader.bad) sink.invalid("malformed");
    else this.#endEmpty(rows, field.count);
  }

  /** Starts the rows of `count` elements, where they are as many as the shape says. */
  #begin(rows: RowReducer, count: number, sink: ScoreSink, oneRow: boolean): boolean {
    if (!Number.isInteger(count) || (this.#shape.known && this.#shape.elements !== count)) {
      sink.invalid("malformed");
      return false;
    }
    rows.beginTensor(this.#shape, count, sink, oneRow);
    return true;
  }

  /** Rows of no columns: each lacks what is asked for. */
  #endEmpty(rows: RowReducer, count: number): void {
    if (count === 0) while (!rows.full) rows.endRow();
  }

  #readRawTexts(rows: RowReducer, sink: ScoreSink): void {
    const { bytes, at: start, end } = this.#reader;
    let count = 0;
    for (let at = start; at < end; count++) {
      at = rawTextEnd(bytes, at, end);
      if (at < 0) {
        sink.invalid("malformed");
        return;
      }
    }
    // Classes of a model without batches are a vector: one row of the best few, never rows of one.
    if (!this.#begin(rows, count, sink, true)) return;
    for (let at = start; at < end && !rows.full; ) {
      const textEnd = rawTextEnd(bytes, at, end);
      if (!this.#class(rows, at + 4, textEnd, sink)) return;
      at = textEnd;
    }
    this.#endEmpty(rows, count);
  }

  #readTexts(rows: RowReducer, sink: ScoreSink): void {
    const reader = this.#reader;
    const { contentsStart, contentsEnd } = this.#tensor;
    let count = 0;
    reader.reset(reader.bytes, contentsStart, contentsEnd);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === bytesContentsTag) count++;
      reader.skip(tag);
    }
    if (reader.bad) {
      sink.invalid("malformed");
      return;
    }
    if (!this.#begin(rows, count, sink, true)) return;
    reader.reset(reader.bytes, contentsStart, contentsEnd);
    for (let tag = reader.tag(); tag !== 0 && !rows.full; tag = reader.tag()) {
      if (tag !== bytesContentsTag) {
        reader.skip(tag);
        continue;
      }
      const length = reader.length();
      if (!this.#class(rows, reader.at, reader.at + length, sink)) return;
      reader.at += length;
    }
    this.#endEmpty(rows, count);
  }

  /** One class of the classification extension; false, and told, where the text is none. */
  #class(rows: RowReducer, start: number, end: number, sink: ScoreSink): boolean {
    const text = this.#classification;
    if (!text.read(this.#reader.bytes, start, end)) {
      sink.invalid("not_numeric");
      return false;
    }
    rows.value(text.value, text.label);
    return true;
  }
}
