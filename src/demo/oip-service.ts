/** The Open Inference Protocol v2's gRPC face: health, metadata, ModelInfer; what is left out answers UNIMPLEMENTED. */
import { type Server, type sendUnaryData, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { floatsOf } from "./floats.ts";
import type { Prediction } from "./onnx.ts";
import type { Served } from "./predictor.ts";
import { type InputTensor, predict, type Refusal, refuseInput, refuseModel, refuseOutputs } from "./predictor.ts";
import { serviceOf } from "./protos.ts";

interface InferTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (string | number)[];
  readonly contents?: {
    readonly fp32_contents?: readonly number[];
    readonly int64_contents?: readonly string[];
  } | null;
}

interface InferRequest {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly inputs: readonly InferTensor[];
  readonly outputs: readonly { readonly name: string }[];
  readonly raw_input_contents: readonly Uint8Array[];
}

interface Call<Request> {
  readonly request: Request;
}

export function addOpenInference(server: Server, protos: PackageDefinition, served: Served): void {
  const ready = (name: string, version: string) => refuseModel(served, name, version) === undefined;
  const implementation: UntypedServiceImplementation = {
    ServerLive: (_call: Call<object>, reply: sendUnaryData<object>) => reply(null, { live: true }),
    ServerReady: (_call: Call<object>, reply: sendUnaryData<object>) => reply(null, { ready: true }),
    ServerMetadata: (_call: Call<object>, reply: sendUnaryData<object>) =>
      reply(null, { name: "contender-demo", version: served.version, extensions: [] }),
    ModelReady: (call: Call<{ name: string; version: string }>, reply: sendUnaryData<object>) =>
      reply(null, { ready: ready(call.request.name, call.request.version) }),
    ModelMetadata: (call: Call<{ name: string; version: string }>, reply: sendUnaryData<object>) =>
      reply(refuseModel(served, call.request.name, call.request.version) ?? null, {
        name: served.name,
        versions: [served.version],
        platform: "onnxruntime_onnx",
        inputs: served.model.inputs,
        outputs: served.model.outputs,
      }),
    ModelInfer: (call: Call<InferRequest>, reply: sendUnaryData<object>) => serveInfer(served, call.request, reply),
  };
  server.addService(serviceOf(protos, "inference.GRPCInferenceService"), implementation);
}

function serveInfer(served: Served, request: InferRequest, reply: sendUnaryData<object>): void {
  const asked = request.outputs.map(({ name }) => name);
  const read = readInput(request);
  const refusal =
    refuseModel(served, request.model_name, request.model_version) ??
    refuseOutputs(served, asked) ??
    ("code" in read ? read : refuseInput(served, read));
  if (refusal !== undefined || "code" in read) {
    reply(refusal ?? null);
    return;
  }
  predict(served, read, (failed, answer) => {
    if (answer === undefined) reply(failed ?? null);
    else reply(null, response(served, request, answer, asked));
  });
}

function readInput({ inputs, raw_input_contents: raw }: InferRequest): InputTensor | Refusal {
  const refuse = (details: string): Refusal => ({ code: status.INVALID_ARGUMENT, details });
  const [tensor] = inputs;
  if (tensor?.name !== "features" || inputs.length !== 1) return refuse(`want one input, "features"`);
  if (tensor.datatype !== "FP32") return refuse(`input "features" is ${tensor.datatype}, want FP32`);
  if (raw.length > 0 && raw.length !== inputs.length) return refuse("raw_input_contents must match inputs one to one");
  const [bytes] = raw;
  const values = bytes === undefined ? Float32Array.from(tensor.contents?.fp32_contents ?? []) : floatsOf(bytes);
  if (values === undefined) return refuse(`input "features": bytes are cut off`);
  return { shape: tensor.shape.map(Number), values };
}

/** Raw where the request was raw, as Triton's clients expect; typed values otherwise, as KServe's do. */
function response(served: Served, request: InferRequest, answer: Prediction, asked: readonly string[]): object {
  const { rows, scores, classes } = answer;
  const all = [
    {
      tensor: { name: "scores", datatype: "FP32", shape: [rows, served.model.classCount] },
      contents: { fp32_contents: Array.from(scores) },
      raw: Buffer.from(scores.buffer, scores.byteOffset, scores.byteLength),
    },
    {
      tensor: { name: "classes", datatype: "INT64", shape: [rows] },
      contents: { int64_contents: classes.map(String) },
      raw: Buffer.from(BigInt64Array.from(classes).buffer),
    },
  ];
  const outputs = asked.length === 0 ? all : all.filter(({ tensor }) => asked.includes(tensor.name));
  const head = { model_name: served.name, model_version: served.version, id: request.id };
  return request.raw_input_contents.length > 0
    ? { ...head, outputs: outputs.map(({ tensor }) => tensor), raw_output_contents: outputs.map(({ raw }) => raw) }
    : { ...head, outputs: outputs.map(({ tensor, contents }) => ({ ...tensor, contents })) };
}
