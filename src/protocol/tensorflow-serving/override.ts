/**
 * Another model in a TensorFlow Serving request, or the asked-for one in its response.
 *
 * `model_spec` is an embedded message. Appending a second one would do for C++, Go and Python, which merge, but protobufjs lets
 * the last one replace the first, and nothing can be cleared by appending. So every occurrence is merged, as a merging parser
 * would, and one complete spec is put where the first one was; all other bytes stay as they are.
 */
import type { ModelOverride } from "../../model/route.ts";
import type { Method, Override } from "../dialect.ts";
import { WireReader, wireType } from "../wire.ts";
import { classify, predict, regress } from "./methods.ts";
import { ModelSpec } from "./model-spec.ts";

const requestTag = (1 << 3) | wireType.bytes;
const responseTag = (2 << 3) | wireType.bytes;
const nameTag = (1 << 3) | wireType.bytes;
const versionTag = (2 << 3) | wireType.bytes;
const signatureTag = (3 << 3) | wireType.bytes;
const labelTag = (4 << 3) | wireType.bytes;
const int64ValueTag = (1 << 3) | wireType.varint;

const largestVersion = 2n ** 63n - 1n;
/** An int64's longest varint is ten bytes; with the tags and length of its wrapper. */
const longestVersion = 13;

/** A version as it will be written, or why there is none to write. */
type Version = { readonly low: number; readonly high: number } | "kept" | "unwritable";

function versionOf(text: string | undefined): Version {
  if (text === undefined) return "kept";
  if (!/^\d{1,19}$/.test(text)) return "unwritable";
  const value = BigInt(text);
  if (value > largestVersion) return "unwritable";
  return { low: Number(value & 0xffff_ffffn), high: Number(value >> 32n) };
}

function isPrediction(method: Method): boolean {
  return method === predict || method === classify || method === regress;
}

/** Writes one message's pieces into a buffer of the right size. */
class Writer {
  readonly bytes: Buffer;
  at = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  copy(from: Uint8Array, start: number, end: number): void {
    this.bytes.set(from.subarray(start, end), this.at);
    this.at += end - start;
  }

  varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 0x80;
    this.bytes[this.at++] = rest;
  }

  varint64(low: number, high: number): void {
    let rest = low;
    let upper = high;
    while (upper !== 0 || rest >= 0x80) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest = ((rest >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  /** A string field, left out where it is empty, as encoders do. */
  text(tag: number, from: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    this.varint(tag);
    this.varint(end - start);
    this.copy(from, start, end);
  }
}

export class TensorflowServingOverride implements Override {
  readonly #name: Uint8Array | undefined;
  readonly #label: Uint8Array | undefined;
  readonly #version: Version;
  readonly #reader = new WireReader();
  readonly #spec = new ModelSpec();
  /** Starts and ends of the specs in the message, tags included. */
  readonly #found: number[] = [];

  constructor(model: ModelOverride) {
    this.#name = model.name === undefined ? undefined : Buffer.from(model.name, "utf8");
    this.#label = model.label === undefined ? undefined : Buffer.from(model.label, "utf8");
    this.#version = versionOf(model.version);
  }

  request(method: Method, bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    if (!isPrediction(method) || this.#version === "unwritable") return undefined;
    return this.#replace(bytes, start, end, requestTag, this.#name, this.#version, this.#label);
  }

  /** A version that is no number was a label: the number that answered then stays, as the server itself would tell it. */
  response(
    method: Method,
    bytes: Uint8Array,
    start: number,
    end: number,
    model: string | undefined,
    version: string | undefined,
  ): Uint8Array | undefined {
    if (!isPrediction(method) || (model === undefined && version === undefined)) return undefined;
    const name = model === undefined ? undefined : Buffer.from(model, "utf8");
    const asked = versionOf(version);
    return this.#replace(bytes, start, end, responseTag, name, asked === "unwritable" ? "kept" : asked, undefined);
  }

  #replace(
    bytes: Uint8Array,
    start: number,
    end: number,
    specTag: number,
    name: Uint8Array | undefined,
    version: Exclude<Version, "unwritable">,
    label: Uint8Array | undefined,
  ): Uint8Array | undefined {
    if (!this.#find(bytes, start, end, specTag)) return undefined;
    const replaced = this.#write(bytes, name, version, label);
    const found = this.#found;
    // One byte of tag and at most five of length come before the spec.
    const message = new Writer(end - start + replaced.at + 6);
    message.copy(bytes, start, found[0] as number);
    message.varint(specTag);
    message.varint(replaced.at);
    message.copy(replaced.bytes, 0, replaced.at);
    for (let i = 1; i < found.length; i += 2) message.copy(bytes, found[i] as number, found[i + 1] ?? end);
    return message.bytes.subarray(0, message.at);
  }

  /** Merges every spec of the message; false where there is none or the message is malformed. */
  #find(bytes: Uint8Array, start: number, end: number, specTag: number): boolean {
    const reader = this.#reader;
    const found = this.#found;
    found.length = 0;
    this.#spec.reset();
    reader.reset(bytes, start, end);
    let fieldStart = start;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === specTag) {
        this.#spec.merge(reader);
        found.push(fieldStart, reader.at);
      } else {
        reader.skip(tag);
      }
      fieldStart = reader.at;
    }
    const usable = found.length > 0 && !reader.bad;
    reader.release();
    return usable;
  }

  /** The merged spec with what is to be replaced replaced, its fields in the order of their numbers. */
  #write(
    bytes: Uint8Array,
    name: Uint8Array | undefined,
    version: Exclude<Version, "unwritable">,
    label: Uint8Array | undefined,
  ): Writer {
    const spec = this.#spec;
    const unknown = spec.unknown;
    let size = longestVersion + 3 * 6 + (name?.length ?? spec.nameEnd - spec.nameStart);
    size += spec.signatureEnd - spec.signatureStart + (label?.length ?? spec.labelEnd - spec.labelStart);
    for (let i = 0; i < unknown.length; i += 2) size += (unknown[i + 1] as number) - (unknown[i] as number);
    const out = new Writer(size);
    if (name !== undefined) out.text(nameTag, name, 0, name.length);
    else out.text(nameTag, bytes, spec.nameStart, spec.nameEnd);
    if (label === undefined) {
      if (version !== "kept") this.#writeVersion(out, version.low, version.high);
      else if (spec.choice === "version") this.#writeVersion(out, spec.versionLow, spec.versionHigh);
    }
    out.text(signatureTag, bytes, spec.signatureStart, spec.signatureEnd);
    if (label !== undefined) this.#writeLabel(out, label, 0, label.length);
    else if (version === "kept" && spec.choice === "label") {
      this.#writeLabel(out, bytes, spec.labelStart, spec.labelEnd);
    }
    for (let i = 0; i < unknown.length; i += 2) out.copy(bytes, unknown[i] as number, unknown[i + 1] as number);
    return out;
  }

  #writeVersion(out: Writer, low: number, high: number): void {
    out.varint(versionTag);
    const lengthAt = out.at++;
    if (low !== 0 || high !== 0) {
      out.varint(int64ValueTag);
      out.varint64(low, high);
    }
    out.bytes[lengthAt] = out.at - lengthAt - 1;
  }

  /** Unlike other text a label is written when empty too: as a member of a oneof it is there or not. */
  #writeLabel(out: Writer, from: Uint8Array, start: number, end: number): void {
    out.varint(labelTag);
    out.varint(end - start);
    out.copy(from, start, end);
  }
}
