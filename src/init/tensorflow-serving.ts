/** TensorFlow Serving's protocol, as it and OpenVINO's model server speak it. */
import { ContenderError } from "../base/errors.ts";
import { grpcStatus } from "../grpc/status.ts";
import { predict } from "../protocol/tensorflow-serving/methods.ts";
import type { Inspector } from "./inspector.ts";
import { newest, type TensorFacts } from "./model-facts.ts";
import type { Answer, ModelServer } from "./model-server.ts";
import { tensorflowServingProtos as protos } from "./protos.ts";
import { isUnimplemented, refusedModel } from "./refused.ts";
import { contentOf, type Sample, textOf } from "./sample.ts";
import { printable } from "./text.ts";

interface Shape {
  readonly dim: readonly { readonly size: string }[];
  readonly unknown_rank: boolean;
}

interface Tensor {
  readonly dtype: string;
  readonly tensor_shape: Shape | null;
}

interface Signature {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly method_name: string;
}

interface ModelMetadata {
  readonly model_spec: { readonly version?: { readonly value: string } | null } | null;
  readonly metadata: Readonly<Record<string, { readonly value: Buffer }>>;
}

interface ModelStatus {
  readonly model_version_status: readonly { readonly version: string; readonly state: string }[];
}

const service = "tensorflow.serving.PredictionService";
const metadataPath = `/${service}/GetModelMetadata`;
const statusPath = "/tensorflow.serving.ModelService/GetModelStatus";

/** Data types by the name that the other dialect, and all of this folder, has for them. */
const datatypes: Readonly<Record<string, string>> = {
  DT_BOOL: "BOOL",
  DT_UINT8: "UINT8",
  DT_UINT16: "UINT16",
  DT_UINT32: "UINT32",
  DT_UINT64: "UINT64",
  DT_INT8: "INT8",
  DT_INT16: "INT16",
  DT_INT32: "INT32",
  DT_INT64: "INT64",
  DT_HALF: "FP16",
  DT_BFLOAT16: "BF16",
  DT_FLOAT: "FP32",
  DT_DOUBLE: "FP64",
  DT_STRING: "BYTES",
};
const dtypes = new Map(Object.entries(datatypes).map(([dtype, datatype]) => [datatype, dtype]));

/** What a caller gets who names no signature. */
const defaultSignature = "serving_default";

/** What it answers about a model that it does not have, or that was not named: it knows the question. */
const understood: readonly number[] = [
  grpcStatus.INVALID_ARGUMENT,
  grpcStatus.NOT_FOUND,
  grpcStatus.FAILED_PRECONDITION,
];

export const tensorflowServing: Inspector = {
  name: "tensorflow-serving",
  title: "TensorFlow Serving's protocol",
  service,
  predict,

  async spoken(server) {
    const answer = await askMetadata(server, "");
    return answer.ok || understood.includes(answer.code) ? undefined : answer;
  },

  // It has no method that lists them.
  models: () => Promise.resolve(undefined),

  async describe(server, model) {
    const versions = await availableVersions(server, model);
    const answer = await askMetadata(server, model);
    if (!answer.ok) {
      if (!isUnimplemented(answer)) throw refusedModel(model, answer);
      return { name: model, versions, version: newest(versions), signature: undefined, inputs: [], outputs: [] };
    }
    const [signature, { inputs = {}, outputs = {} } = {}] = choose(signaturesOf(answer.value));
    const version = answer.value.model_spec?.version?.value;
    return {
      name: model,
      versions,
      version: version === undefined || version === "0" ? newest(versions) : version,
      signature,
      inputs: tensorsOf(inputs),
      outputs: tensorsOf(outputs),
    };
  },

  request({ name, signature }, samples) {
    return protos.method(predict.path).requestSerialize({
      model_spec: { name, ...(signature === undefined ? {} : { signature_name: signature }) },
      inputs: Object.fromEntries(samples.map((sample) => [sample.name, tensorProto(sample)])),
    });
  },

  outputsOf(answer) {
    try {
      const { outputs } = protos.method(predict.path).responseDeserialize(answer) as Pick<Signature, "outputs">;
      return tensorsOf(outputs);
    } catch {
      return [];
    }
  },
};

function askMetadata(server: ModelServer, model: string): Promise<Answer<ModelMetadata>> {
  return server.ask(protos.method(metadataPath), { model_spec: { name: model }, metadata_field: ["signature_def"] });
}

/** @throws ContenderError where the model is not there, or none of its versions is available. */
async function availableVersions(server: ModelServer, model: string): Promise<readonly string[]> {
  const answer = await server.ask<ModelStatus>(protos.method(statusPath), { model_spec: { name: model } });
  if (!answer.ok) {
    // A server may have predictions and descriptions without this service.
    if (isUnimplemented(answer)) return [];
    throw refusedModel(model, answer);
  }
  const statuses = answer.value.model_version_status;
  const available = statuses.filter(({ state }) => state === "AVAILABLE").map(({ version }) => version);
  if (available.length > 0 || statuses.length === 0) return available;
  const states = statuses.map(({ version, state }) => `version ${version} is ${state}`).join(", ");
  throw new ContenderError("UPSTREAM_UNREACHABLE", `the model "${printable(model)}" is not available: ${states}`);
}

function signaturesOf({ metadata }: ModelMetadata): Readonly<Record<string, Signature>> {
  const packed = metadata.signature_def;
  if (packed === undefined) return {};
  try {
    const map = protos.decode("tensorflow.serving.SignatureDefMap", packed.value);
    return (map as { signature_def: Record<string, Signature> }).signature_def;
  } catch {
    return {};
  }
}

/** The one that callers get by default, else one that is made for Predict, else the first by name: a map has no order. */
function choose(signatures: Readonly<Record<string, Signature>>): [string | undefined, Signature?] {
  const names = Object.keys(signatures).sort();
  const name =
    names.find((each) => each === defaultSignature) ??
    names.find((each) => signatures[each]?.method_name === "tensorflow/serving/predict") ??
    names[0];
  const signature = name === undefined ? undefined : signatures[name];
  return signature === undefined ? [undefined] : [name, signature];
}

function tensorsOf(tensors: Readonly<Record<string, Tensor>>): readonly TensorFacts[] {
  const names = Object.keys(tensors).sort();
  return names.map((name) => {
    const { dtype = "", tensor_shape: shape } = tensors[name] ?? {};
    const unknown = shape === null || shape === undefined || shape.unknown_rank;
    const datatype = datatypes[dtype] ?? dtype;
    return { name, datatype, shape: unknown ? undefined : shape.dim.map(({ size }) => Number(size)) };
  });
}

function tensorProto(sample: Sample): object {
  const { datatype, shape, elements } = sample;
  const head = { dtype: dtypes.get(datatype), tensor_shape: { dim: shape.map((size) => ({ size })) } };
  if (datatype === "BYTES") return { ...head, string_val: new Array(elements).fill(textOf(sample)) };
  return { ...head, tensor_content: contentOf(sample) };
}
