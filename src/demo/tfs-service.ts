/** TensorFlow Serving's gRPC face: Predict, GetModelMetadata and GetModelStatus; what is left out answers UNIMPLEMENTED. */
import { type Server, type sendUnaryData, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { floatsOf } from "./floats.ts";
import type { Prediction, TensorInfo } from "./onnx.ts";
import type { Served } from "./predictor.ts";
import { type InputTensor, predict, type Refusal, refuseInput, refuseModel, refuseOutputs } from "./predictor.ts";
import { encodeMessage, serviceOf } from "./protos.ts";

interface ModelSpec {
  readonly name: string;
  readonly version?: { readonly value: string } | null;
  readonly version_label?: string;
  readonly signature_name?: string;
}

interface TensorProto {
  readonly dtype: string;
  readonly tensor_shape: { readonly dim: readonly { readonly size: string | number }[] } | null;
  readonly tensor_content?: Uint8Array;
  readonly float_val?: readonly number[];
  readonly int64_val?: readonly string[];
}

interface PredictRequest {
  readonly model_spec: ModelSpec | null;
  readonly inputs: Readonly<Record<string, TensorProto>>;
  readonly output_filter: readonly string[];
}

interface Call<Request> {
  readonly request: Request;
}

const signatureName = "serving_default";
const dtypes = { FP32: "DT_FLOAT", INT64: "DT_INT64" } as const;

export function addTensorflowServing(server: Server, protos: PackageDefinition, served: Served): void {
  const prediction: UntypedServiceImplementation = {
    Predict: (call: Call<PredictRequest>, reply: sendUnaryData<object>) => servePredict(served, call.request, reply),
    GetModelMetadata: (call: Call<{ model_spec: ModelSpec | null }>, reply: sendUnaryData<object>) =>
      reply(refuseSpec(served, call.request.model_spec) ?? null, {
        model_spec: effectiveSpec(served),
        metadata: { signature_def: signatureAny(served, protos) },
      }),
  };
  const models: UntypedServiceImplementation = {
    GetModelStatus: (call: Call<{ model_spec: ModelSpec | null }>, reply: sendUnaryData<object>) =>
      reply(refuseSpec(served, call.request.model_spec) ?? null, {
        model_version_status: [
          { version: served.version, state: "AVAILABLE", status: { error_code: "OK", error_message: "" } },
        ],
      }),
  };
  server.addService(serviceOf(protos, "tensorflow.serving.PredictionService"), prediction);
  server.addService(serviceOf(protos, "tensorflow.serving.ModelService"), models);
}

function servePredict(served: Served, request: PredictRequest, reply: sendUnaryData<object>): void {
  const read = readInput(request.inputs.features);
  const refusal =
    refuseSpec(served, request.model_spec) ??
    refuseOutputs(served, request.output_filter) ??
    ("code" in read ? read : refuseInput(served, read));
  if (refusal !== undefined || "code" in read) {
    reply(refusal ?? null);
    return;
  }
  predict(served, read, (failed, answer) => {
    if (answer === undefined) reply(failed ?? null);
    else reply(null, { model_spec: effectiveSpec(served), outputs: outputs(served, answer, request.output_filter) });
  });
}

function refuseSpec(served: Served, spec: ModelSpec | null): Refusal | undefined {
  const signature = spec?.signature_name || signatureName;
  if (signature !== signatureName) {
    return { code: status.INVALID_ARGUMENT, details: `no signature "${signature}", only "${signatureName}"` };
  }
  if (spec?.version_label) {
    return { code: status.INVALID_ARGUMENT, details: `no version is labelled "${spec.version_label}"` };
  }
  return refuseModel(served, spec?.name ?? "", spec?.version?.value ?? "");
}

/** What answered, which a caller that asked for no version can't know otherwise. */
function effectiveSpec(served: Served): ModelSpec {
  return { name: served.name, version: { value: served.version }, signature_name: signatureName };
}

function readInput(tensor: TensorProto | undefined): InputTensor | Refusal {
  if (tensor === undefined) return { code: status.INVALID_ARGUMENT, details: `input "features" is missing` };
  if (tensor.dtype !== dtypes.FP32) {
    return { code: status.INVALID_ARGUMENT, details: `input "features" is ${tensor.dtype}, want ${dtypes.FP32}` };
  }
  const shape = (tensor.tensor_shape?.dim ?? []).map(({ size }) => Number(size));
  const content = tensor.tensor_content ?? new Uint8Array();
  const values = content.length > 0 ? floatsOf(content) : spread(tensor.float_val ?? [], shape);
  if (values === undefined) return { code: status.INVALID_ARGUMENT, details: `input "features": bytes are cut off` };
  return { shape, values };
}

/** A single typed value fills the whole shape (tensor.proto). The bound keeps a made-up shape from taking all memory. */
function spread(values: readonly number[], shape: readonly number[]): Float32Array {
  const [only] = values;
  const size = shape.reduce((product, dim) => product * dim, 1);
  const repeated = values.length === 1 && only !== undefined && size > 1 && size <= 1_000_000;
  return repeated ? new Float32Array(size).fill(only) : Float32Array.from(values);
}

function outputs(served: Served, answer: Prediction, filter: readonly string[]): Record<string, TensorProto> {
  const all: Record<string, TensorProto> = {
    scores: {
      dtype: dtypes.FP32,
      tensor_shape: { dim: [{ size: answer.rows }, { size: served.model.classCount }] },
      float_val: Array.from(answer.scores),
    },
    classes: {
      dtype: dtypes.INT64,
      tensor_shape: { dim: [{ size: answer.rows }] },
      int64_val: answer.classes.map(String),
    },
  };
  if (filter.length === 0) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => filter.includes(name)));
}

/** The signature as GetModelMetadata gives it: a message packed into an Any. */
function signatureAny(served: Served, protos: PackageDefinition): object {
  const describe = (tensors: readonly TensorInfo[]) =>
    Object.fromEntries(
      tensors.map(({ name, datatype, shape }) => [
        name,
        { name: `${name}:0`, dtype: dtypes[datatype], tensor_shape: { dim: shape.map((size) => ({ size })) } },
      ]),
    );
  const value = encodeMessage(protos, "tensorflow.serving.SignatureDefMap", {
    signature_def: {
      [signatureName]: {
        inputs: describe(served.model.inputs),
        outputs: describe(served.model.outputs),
        method_name: "tensorflow/serving/predict",
      },
    },
  });
  return { type_url: "type.googleapis.com/tensorflow.serving.SignatureDefMap", value };
}
