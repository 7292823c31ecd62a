/**
 * ModelSpec (tensorflow_serving/apis/model.proto): which model, which version or label, which signature.
 *
 * A message may carry the spec in several pieces: a repeated embedded message is merged field by field, and of `version` and
 * `version_label`, members of one oneof, the last one stands. Strings stay where they lie in the message.
 */
import { utf8 } from "../text.ts";
import { type WireReader, wireType } from "../wire.ts";

const nameTag = (1 << 3) | wireType.bytes;
const versionTag = (2 << 3) | wireType.bytes;
const signatureTag = (3 << 3) | wireType.bytes;
const labelTag = (4 << 3) | wireType.bytes;
/** `google.protobuf.Int64Value.value` */
const int64ValueTag = (1 << 3) | wireType.varint;

export class ModelSpec {
  present = false;
  nameStart = 0;
  nameEnd = 0;
  signatureStart = 0;
  signatureEnd = 0;
  labelStart = 0;
  labelEnd = 0;
  choice: "none" | "version" | "label" = "none";
  versionLow = 0;
  versionHigh = 0;
  /** Starts and ends of the fields that this file does not know, tags included. */
  readonly unknown: number[] = [];

  reset(): void {
    this.present = false;
    this.nameStart = this.nameEnd = 0;
    this.signatureStart = this.signatureEnd = 0;
    this.labelStart = this.labelEnd = 0;
    this.choice = "none";
    if (this.unknown.length > 0) this.unknown.length = 0;
  }

  /** The reader stands before the length of an embedded ModelSpec: merges it in. */
  merge(reader: WireReader): void {
    const outer = reader.enter();
    if (outer < 0) return;
    this.present = true;
    let start = reader.at;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      this.#field(reader, tag, start);
      start = reader.at;
    }
    reader.leave(outer);
  }

  /** The label, where a label is what the spec has; "" else. */
  label(bytes: Uint8Array): string {
    return this.choice === "label" ? utf8(bytes, this.labelStart, this.labelEnd) : "";
  }

  #field(reader: WireReader, tag: number, start: number): void {
    switch (tag) {
      case nameTag: {
        const length = reader.length();
        if (length < 0) return;
        this.nameStart = reader.at;
        this.nameEnd = reader.at += length;
        return;
      }
      case versionTag:
        this.#version(reader);
        return;
      case signatureTag: {
        const length = reader.length();
        if (length < 0) return;
        this.signatureStart = reader.at;
        this.signatureEnd = reader.at += length;
        return;
      }
      case labelTag: {
        const length = reader.length();
        if (length < 0) return;
        this.choice = "label";
        this.labelStart = reader.at;
        this.labelEnd = reader.at += length;
        return;
      }
      default:
        reader.skip(tag);
        this.unknown.push(start, reader.at);
    }
  }

  #version(reader: WireReader): void {
    const outer = reader.enter();
    if (outer < 0) return;
    if (this.choice !== "version") {
      this.choice = "version";
      this.versionLow = this.versionHigh = 0;
    }
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== int64ValueTag) reader.skip(tag);
      else if (reader.varint()) {
        this.versionLow = reader.low;
        this.versionHigh = reader.high;
      }
    }
    reader.leave(outer);
  }
}
