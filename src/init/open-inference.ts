/** The Open Inference Protocol v2, as Triton, MLServer, OpenVINO and KServe's own servers speak it. */
import { dialectServices } from "../model/dialect-services.ts";
import { modelInfer } from "../protocol/open-inference/methods.ts";
import type { Inspector, ListedModel } from "./inspector.ts";
import { newest, type TensorFacts } from "./model-facts.ts";
import type { Refusal } from "./model-server.ts";
import { openInferenceProtos as protos } from "./protos.ts";
import { isUnimplemented, refusedModel } from "./refused.ts";
import { contentOf, type Sample, textOf } from "./sample.ts";

interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly string[];
}

interface ModelMetadata {
  readonly versions: readonly string[];
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

interface RepositoryIndex {
  readonly models: readonly { readonly name: string; readonly version: string; readonly state: string }[];
}

const service = dialectServices["open-inference"].predictions;
const method = (name: string) => protos.method(`/${service}/${name}`);

/** Above this, elements go as raw bytes: typed ones cost a number object each. Below, typed, which every server reads. */
const largestTypedBytes = 1_048_576;

/** The field of `InferTensorContents` for a type; FP16 and BF16 have none and are always raw. */
const contentsFields: Readonly<Record<string, string>> = {
  BOOL: "bool_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
};

export const openInference: Inspector = {
  name: "open-inference",
  title: "the Open Inference Protocol",
  service,
  predict: modelInfer,

  async spoken(server) {
    let refusal: Refusal | undefined;
    // Not every server has all of them.
    for (const name of ["ServerMetadata", "ServerReady", "ServerLive"]) {
      const answer = await server.ask(method(name), {});
      if (answer.ok) return undefined;
      refusal ??= answer;
    }
    return refusal;
  },

  async models(server) {
    const answer = await server.ask<RepositoryIndex>(method("RepositoryIndex"), {});
    if (!answer.ok) return undefined;
    const byName = new Map<string, ListedModel>();
    for (const { name, state } of answer.value.models) {
      // One entry per version. A server that tells no state lists what it serves, and MLServer 1.7 says "State.READY".
      const ready = state === "" || /^(State\.)?READY$/.test(state);
      if (ready || !byName.has(name)) byName.set(name, { name, ready, state });
    }
    return [...byName.values()];
  },

  async describe(server, model) {
    const answer = await server.ask<ModelMetadata>(method("ModelMetadata"), { name: model });
    if (!answer.ok) {
      if (!isUnimplemented(answer)) throw refusedModel(model, answer);
      return { name: model, versions: [], version: undefined, signature: undefined, inputs: [], outputs: [] };
    }
    const { versions, inputs, outputs } = answer.value;
    return {
      name: model,
      versions,
      version: newest(versions),
      signature: undefined,
      inputs: inputs.map(factsOf),
      outputs: outputs.map(factsOf),
    };
  },

  request(model, samples) {
    const bytes = samples.reduce((sum, { element, elements }) => sum + (element?.length ?? 0) * elements, 0);
    const raw = bytes > largestTypedBytes || samples.some(({ datatype }) => contentsFields[datatype] === undefined);
    return method("ModelInfer").requestSerialize({
      model_name: model.name,
      inputs: samples.map((sample) => ({
        name: sample.name,
        datatype: sample.datatype,
        shape: sample.shape,
        ...(raw ? {} : { contents: typed(sample) }),
      })),
      raw_input_contents: raw ? samples.map(rawOf) : [],
    });
  },

  outputsOf(answer) {
    try {
      const { outputs } = method("ModelInfer").responseDeserialize(answer) as Pick<ModelMetadata, "outputs">;
      return outputs.map(factsOf);
    } catch {
      return [];
    }
  },
};

function factsOf({ name, datatype, shape }: TensorMetadata): TensorFacts {
  return { name, datatype, shape: shape.map(Number) };
}

function typed(sample: Sample): object {
  const { datatype, filler, elements } = sample;
  const element = datatype === "BYTES" ? textOf(sample) : datatype === "BOOL" ? filler === 1 : filler;
  return { [contentsFields[datatype] ?? ""]: new Array(elements).fill(element) };
}

/** A text goes behind its length, four bytes, little-endian (Triton's extension for binary data). */
function rawOf(sample: Sample): Buffer {
  if (sample.datatype !== "BYTES") return contentOf(sample);
  const text = textOf(sample);
  const one = Buffer.concat([Buffer.from([text.length, 0, 0, 0]), text]);
  return Buffer.alloc(one.length * sample.elements, one);
}
