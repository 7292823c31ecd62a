/**
 * Another model in an Open Inference request, or the asked-for one in its response.
 *
 * Name and version are top-level scalars: the last value of a repeated singular field stands for every parser
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins), so they are appended and no byte before them changes.
 */
import type { ModelOverride } from "../../model/route.ts";
import type { Method, Override } from "../dialect.ts";
import { WireReader } from "../wire.ts";
import { modelInfer } from "./methods.ts";

const nameTag = 0x0a;
const versionTag = 0x12;

/** A string field, complete; also of an empty string, which is how a value before it is cleared. */
function field(tag: number, text: string | undefined): Uint8Array {
  if (text === undefined) return new Uint8Array(0);
  const value = Buffer.from(text, "utf8");
  const head = [tag];
  let length = value.length;
  for (; length >= 0x80; length >>>= 7) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return Buffer.concat([Buffer.from(head), value]);
}

export class OpenInferenceOverride implements Override {
  readonly #appended: Uint8Array;
  readonly #reader = new WireReader();

  constructor(model: ModelOverride) {
    this.#appended = Buffer.concat([field(nameTag, model.name), field(versionTag, model.version)]);
  }

  request(method: Method, bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    return method.kind === "predict" ? this.#append(bytes, start, end, this.#appended) : undefined;
  }

  /** A stream's answers are left alone: which of two types they have can't be told from their bytes. */
  response(
    method: Method,
    bytes: Uint8Array,
    start: number,
    end: number,
    model: string | undefined,
    version: string | undefined,
  ): Uint8Array | undefined {
    if (method !== modelInfer || (model === undefined && version === undefined)) return undefined;
    return this.#append(bytes, start, end, Buffer.concat([field(nameTag, model), field(versionTag, version)]));
  }

  /** Undefined for a malformed message: what is appended to a cut-off one would become part of its last field. */
  #append(bytes: Uint8Array, start: number, end: number, suffix: Uint8Array): Uint8Array | undefined {
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
    const usable = !reader.bad;
    reader.release();
    if (!usable) return undefined;
    const message = Buffer.allocUnsafe(end - start + suffix.length);
    message.set(bytes.subarray(start, end), 0);
    message.set(suffix, end - start);
    return message;
  }
}
