/** Real requests and answers of both inference protocols, encoded by protobufjs from the vendored definitions. */
import { frameMessage } from "../../src/grpc/framing.ts";
import { encode } from "./protos.ts";

export const tfPredict = "/tensorflow.serving.PredictionService/Predict";
export const tfMetadata = "/tensorflow.serving.PredictionService/GetModelMetadata";
export const oipInfer = "/inference.GRPCInferenceService/ModelInfer";
export const oipStream = "/inference.GRPCInferenceService/ModelStreamInfer";

/** The message with gRPC's prefix, as it stands on the wire. */
export function framed(message: Uint8Array | string, flag = 0): Buffer {
  return frameMessage(typeof message === "string" ? Buffer.from(message) : message, flag);
}

export interface TfRequest {
  readonly model?: string;
  /** String input tensors by name, an element per row. */
  readonly inputs?: Readonly<Record<string, readonly string[]>>;
}

/** A TensorFlow Serving PredictRequest. */
export function tfRequest({ model = "fraud", inputs = {} }: TfRequest = {}): Uint8Array {
  const tensors = Object.entries(inputs).map(([name, rows]) => [
    name,
    {
      dtype: "DT_STRING",
      tensorShape: { dim: [{ size: rows.length }] },
      stringVal: rows.map((row) => Buffer.from(row)),
    },
  ]);
  return encode("tensorflow.serving.PredictRequest", {
    modelSpec: { name: model },
    inputs: Object.fromEntries(tensors),
  });
}

/** A PredictResponse with one row of two scores each: 1 - p and p. */
export function tfResponse(rows: readonly number[], version = "41", output = "scores"): Uint8Array {
  return encode("tensorflow.serving.PredictResponse", {
    modelSpec: { name: "fraud", version: { value: version } },
    outputs: {
      [output]: {
        dtype: "DT_FLOAT",
        tensorShape: { dim: [{ size: rows.length }, { size: 2 }] },
        floatVal: rows.flatMap((p) => [1 - p, p]),
      },
    },
  });
}

export interface OipRequest {
  readonly model?: string;
  /** Request parameters that are texts. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly sequenceId?: number;
  readonly sharedMemory?: boolean;
  /** Bytes of the one input tensor. */
  readonly bytes?: number;
}

/** An Open Inference Protocol ModelInferRequest. */
export function oipRequest(given: OipRequest = {}): Uint8Array {
  const { model = "fraud", parameters = {}, sequenceId, sharedMemory = false, bytes = 8 } = given;
  const texts = Object.entries(parameters).map(([name, stringParam]) => [name, { stringParam }]);
  const sequence = sequenceId === undefined ? [] : [["sequence_id", { int64Param: sequenceId }]];
  const region = sharedMemory ? { shared_memory_region: { stringParam: "region0" } } : {};
  return encode("inference.ModelInferRequest", {
    modelName: model,
    parameters: Object.fromEntries([...texts, ...sequence]),
    inputs: [{ name: "features", datatype: "UINT8", shape: [bytes], parameters: region }],
    rawInputContents: sharedMemory ? [] : [Buffer.alloc(bytes, 7)],
  });
}

/** A ModelInferResponse with raw FP32 scores, a row of two each. */
export function oipResponse(rows: readonly number[], version = "1"): Uint8Array {
  const raw = Buffer.alloc(rows.length * 8);
  rows.forEach((p, i) => {
    raw.writeFloatLE(1 - p, i * 8);
    raw.writeFloatLE(p, i * 8 + 4);
  });
  return encode("inference.ModelInferResponse", {
    modelName: "fraud",
    modelVersion: version,
    outputs: [{ name: "scores", datatype: "FP32", shape: [rows.length, 2] }],
    rawOutputContents: [raw],
  });
}
