/**
 * What a request says, found the plain way: decoded whole by protobufjs, then looked up. Slow, and without a line in common with
 * the readers that it judges.
 */
import type { KeySource } from "../../../src/model/route.ts";
import { protos } from "../../support/protos.ts";

export interface Expected {
  readonly model: string | undefined;
  readonly version: string | undefined;
  readonly key: string | undefined;
  readonly keySource: number;
  readonly exception: "multi_key" | "malformed" | undefined;
  readonly sequence: boolean;
  readonly sharedMemory: boolean;
}

/** A value out of the range of its type: what it means is nobody's business. */
export const odd = Symbol("odd");
type Values = readonly string[] | "malformed" | typeof odd | undefined;

// biome-ignore lint/suspicious/noExplicitAny: messages of every type are walked through by name
type Fields = any;

const orNothing = (text: string | undefined) => (text === "" ? undefined : text);
const bytesText = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** The message with absent singular fields absent, 64-bit integers as text. */
function fieldsOf(type: string, bytes: Uint8Array): Fields {
  const found = protos.lookupType(type);
  return found.toObject(found.decode(bytes), {
    longs: String,
    bytes: Buffer,
    enums: Number,
    arrays: true,
    objects: true,
  });
}

export function expectRequest(
  type: string,
  bytes: Uint8Array,
  from: readonly KeySource[],
  ignore: readonly string[],
): Expected | typeof odd {
  const fields = fieldsOf(type, bytes);
  return type.startsWith("inference.")
    ? expectInference(type, fields, from, ignore)
    : expectServing(type, fields, from, ignore);
}

const nothing = { key: undefined, keySource: -1, exception: undefined, sequence: false, sharedMemory: false } as const;

function expectServing(
  type: string,
  fields: Fields,
  from: readonly KeySource[],
  ignore: readonly string[],
): Expected | typeof odd {
  const spec = type.endsWith("MultiInferenceRequest")
    ? fields.tasks.find((task: Fields) => task.modelSpec !== undefined)?.modelSpec
    : fields.modelSpec;
  const version = spec?.version === undefined ? orNothing(spec?.versionLabel) : String(spec.version.value ?? "0");
  const model = orNothing(spec?.name);
  const valuesOf = (source: KeySource): Values => {
    if (type.endsWith("PredictRequest")) {
      return Object.hasOwn(fields.inputs, source.name) ? tensorValues(fields.inputs[source.name]) : undefined;
    }
    return type.endsWith("MultiInferenceRequest") ? undefined : exampleValues(fields.input, source.name);
  };
  return withKey({ model, version, ...nothing }, from, ignore, valuesOf);
}

function withKey(
  facts: Expected,
  from: readonly KeySource[],
  ignore: readonly string[],
  valuesOf: (source: KeySource) => Values,
): Expected | typeof odd {
  for (const [keySource, source] of from.entries()) {
    if (source.kind === "metadata") continue;
    const values = valuesOf(source);
    if (values === odd) return odd;
    if (values === "malformed") return { ...facts, exception: "malformed", sequence: false };
    if (values === undefined || values.length === 0) continue;
    if (new Set(values).size > 1) return { ...facts, exception: "multi_key" };
    const [key] = values;
    if (key !== undefined && !ignore.includes(key)) return { ...facts, key, keySource };
  }
  return facts;
}

/** By DataType: the field of elements, their width in tensor_content, and their least and largest value. */
const servingTypes: Readonly<Record<number, readonly [string, number, bigint, bigint]>> = {
  3: ["intVal", 4, -(2n ** 31n), 2n ** 31n - 1n],
  4: ["intVal", 1, 0n, 255n],
  5: ["intVal", 2, -32_768n, 32_767n],
  6: ["intVal", 1, -128n, 127n],
  9: ["int64Val", 8, -(2n ** 63n), 2n ** 63n - 1n],
  17: ["intVal", 2, 0n, 65_535n],
  22: ["uint32Val", 4, 0n, 2n ** 32n - 1n],
  23: ["uint64Val", 8, 0n, 2n ** 64n - 1n],
};

function tensorValues(tensor: Fields): Values {
  if (tensor.dtype === 7) return tensor.stringVal.map(bytesText);
  const type = servingTypes[tensor.dtype];
  if (type === undefined) return undefined;
  const [field, width, least, most] = type;
  const content = tensor.tensorContent;
  return content !== undefined && content.length > 0
    ? blockValues(content, width, least < 0n)
    : within(tensor[field], least, most);
}

function within(values: readonly (string | number)[], least: bigint, most: bigint): Values {
  return values.some((value) => BigInt(value) < least || BigInt(value) > most) ? odd : values.map(String);
}

function blockValues(bytes: Buffer, width: number, signed: boolean): Values {
  if (bytes.length % width !== 0) return "malformed";
  const values: string[] = [];
  for (let at = 0; at < bytes.length; at += width) {
    if (width === 8) values.push(String(signed ? bytes.readBigInt64LE(at) : bytes.readBigUInt64LE(at)));
    else values.push(String(signed ? bytes.readIntLE(at, width) : bytes.readUIntLE(at, width)));
  }
  return values;
}

function exampleValues(input: Fields, name: string): Values {
  const lists = [input?.exampleList?.examples ?? [], input?.exampleListWithContext?.examples ?? []].flat();
  const context = input?.exampleListWithContext?.context;
  return [...lists, ...(context === undefined ? [] : [context])].flatMap((example: Fields) => {
    const features = example.features?.feature ?? {};
    const feature = Object.hasOwn(features, name) ? features[name] : undefined;
    const text = feature?.bytesList?.value?.[0];
    const integer = feature?.int64List?.value?.[0];
    return text !== undefined ? [bytesText(text)] : integer !== undefined ? [String(integer)] : [];
  });
}

function parameterValues(parameter: Fields): Values {
  if (parameter.stringParam !== undefined) return [Buffer.from(parameter.stringParam).toString("latin1")];
  if (parameter.int64Param !== undefined) return [String(parameter.int64Param)];
  if (parameter.uint64Param !== undefined) return [String(parameter.uint64Param)];
  return parameter.boolParam === undefined ? undefined : [String(parameter.boolParam)];
}

/** By datatype: the field of elements, their width in raw contents, and their least and largest value. */
const inferenceTypes: Readonly<Record<string, readonly [string, number, bigint, bigint]>> = {
  INT8: ["intContents", 1, -128n, 127n],
  INT16: ["intContents", 2, -32_768n, 32_767n],
  INT32: ["intContents", 4, -(2n ** 31n), 2n ** 31n - 1n],
  INT64: ["int64Contents", 8, -(2n ** 63n), 2n ** 63n - 1n],
  UINT8: ["uintContents", 1, 0n, 255n],
  UINT16: ["uintContents", 2, 0n, 65_535n],
  UINT32: ["uintContents", 4, 0n, 2n ** 32n - 1n],
  UINT64: ["uint64Contents", 8, 0n, 2n ** 64n - 1n],
};

const isShared = (tensor: Fields) => Object.hasOwn(tensor.parameters, "shared_memory_region");

function expectInference(
  type: string,
  fields: Fields,
  from: readonly KeySource[],
  ignore: readonly string[],
): Expected | typeof odd {
  if (type !== "inference.ModelInferRequest") {
    return { model: orNothing(fields.name), version: orNothing(fields.version), ...nothing };
  }
  const sharedMemory = [...fields.inputs, ...fields.outputs].some(isShared);
  const facts = {
    ...nothing,
    model: orNothing(fields.modelName),
    version: orNothing(fields.modelVersion),
    sharedMemory,
  };
  const sequence = Object.hasOwn(fields.parameters, "sequence_id")
    ? parameterValues(fields.parameters.sequence_id)
    : undefined;
  const [id] = Array.isArray(sequence) ? sequence : [];
  if (id !== undefined && id !== "" && id !== "0") return { ...facts, key: id, sequence: true };
  return withKey(facts, from, ignore, (source) => {
    if (source.kind === "parameter") {
      return Object.hasOwn(fields.parameters, source.name)
        ? parameterValues(fields.parameters[source.name])
        : undefined;
    }
    return inputValues(fields, source.name);
  });
}

function inputValues(fields: Fields, name: string): Values {
  const place = fields.inputs.findLastIndex((tensor: Fields) => (tensor.name ?? "") === name);
  const tensor = fields.inputs[place];
  if (tensor === undefined || isShared(tensor)) return undefined;
  const type = inferenceTypes[tensor.datatype ?? ""];
  if (type === undefined && tensor.datatype !== "BYTES") return undefined;
  const contents = tensor.contents;
  if (contents !== undefined && Object.values(contents).some((list) => (list as unknown[]).length > 0)) {
    return type === undefined ? contents.bytesContents.map(bytesText) : within(contents[type[0]], type[2], type[3]);
  }
  const raw = fields.rawInputContents[fields.inputs.slice(0, place).filter((each: Fields) => !isShared(each)).length];
  if (raw === undefined) return undefined;
  return type === undefined ? rawTexts(raw) : blockValues(raw, type[1], type[2] < 0n);
}

/** What follows two different texts is not looked at. */
function rawTexts(bytes: Buffer): Values {
  const texts = new Set<string>();
  for (let at = 0; at < bytes.length && texts.size < 2; ) {
    const end = bytes.length - at < 4 ? bytes.length + 1 : at + 4 + bytes.readUInt32LE(at);
    if (end > bytes.length) return "malformed";
    texts.add(bytesText(bytes.subarray(at + 4, end)));
    at = end;
  }
  return [...texts];
}
