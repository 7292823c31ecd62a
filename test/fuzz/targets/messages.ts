/** Messages to begin with, of every shape that readers know, and what all targets of the dialects share. */
import type { Dialect, Method } from "../../../src/protocol/dialect.ts";
import { openInference } from "../../../src/protocol/open-inference/index.ts";
import { tensorflowServing } from "../../../src/protocol/tensorflow-serving/index.ts";
import { encode, protos } from "../../support/protos.ts";

/** A method with the types of its messages. */
export interface Call {
  readonly dialect: Dialect;
  readonly method: Method;
  readonly request: string;
  readonly response: string;
}

function call(dialect: Dialect, path: string, request: string, response: string): Call {
  const method = dialect.method(path);
  if (method === undefined) throw new Error(`no method ${path}`);
  return { dialect, method, request, response };
}

const predictions = "/tensorflow.serving.PredictionService";
const inference = "/inference.GRPCInferenceService";

export const calls: readonly Call[] = [
  call(
    tensorflowServing,
    `${predictions}/Predict`,
    "tensorflow.serving.PredictRequest",
    "tensorflow.serving.PredictResponse",
  ),
  call(
    tensorflowServing,
    `${predictions}/Classify`,
    "tensorflow.serving.ClassificationRequest",
    "tensorflow.serving.ClassificationResponse",
  ),
  call(
    tensorflowServing,
    `${predictions}/Regress`,
    "tensorflow.serving.RegressionRequest",
    "tensorflow.serving.RegressionResponse",
  ),
  call(
    tensorflowServing,
    `${predictions}/MultiInference`,
    "tensorflow.serving.MultiInferenceRequest",
    "tensorflow.serving.MultiInferenceResponse",
  ),
  call(openInference, `${inference}/ModelInfer`, "inference.ModelInferRequest", "inference.ModelInferResponse"),
  call(openInference, `${inference}/ModelReady`, "inference.ModelReadyRequest", "inference.ModelReadyResponse"),
];

/** The message as protobufjs writes it: each field once, in order; undefined where it is none. */
export function canonical(type: string, bytes: Uint8Array): Uint8Array | undefined {
  const found = protos.lookupType(type);
  try {
    const message = found.decode(bytes);
    // Fields that it does not know would be written as they came.
    return found.encode(found.fromObject(found.toObject(message))).finish();
  } catch {
    return undefined;
  }
}

/** The same message in two surroundings: who reads outside of it reads two different things. */
export function surrounded(message: Uint8Array): { bytes: Buffer; start: number; end: number }[] {
  return [
    { fill: 0xff, pad: 11 },
    { fill: 0x0a, pad: 1 },
  ].map(({ fill, pad }) => ({
    bytes: Buffer.concat([Buffer.alloc(pad, fill), message, Buffer.alloc(pad, fill)]),
    start: pad,
    end: pad + message.length,
  }));
}

const spec = { name: "fraud", version: { value: "41" }, signatureName: "serving_default" };
const shape = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size })) });
const floats = (values: number[]) => Buffer.from(new Float32Array(values).buffer);
const raw = (text: string) => Buffer.concat([Buffer.from([text.length, 0, 0, 0]), Buffer.from(text)]);
const example = (features: Record<string, unknown>) => ({ features: { feature: features } });

/** Requests, each after the place of its call. */
export const requestSeeds: readonly (readonly [number, Uint8Array])[] = [
  [
    0,
    encode("tensorflow.serving.PredictRequest", {
      modelSpec: spec,
      inputs: { user_id: { dtype: "DT_STRING", tensorShape: shape(1), stringVal: [Buffer.from("u-17")] } },
    }),
  ],
  [
    0,
    encode("tensorflow.serving.PredictRequest", {
      modelSpec: { name: "m", versionLabel: "stable" },
      inputs: { user_id: { dtype: "DT_INT64", int64Val: ["5", "5"] }, x: { dtype: "DT_FLOAT", floatVal: [1] } },
    }),
  ],
  [
    0,
    encode("tensorflow.serving.PredictRequest", {
      inputs: { user: { dtype: "DT_INT32", tensorContent: Buffer.from([7, 0, 0, 0, 7, 0, 0, 0]) } },
      outputFilter: ["scores"],
    }),
  ],
  [
    1,
    encode("tensorflow.serving.ClassificationRequest", {
      modelSpec: spec,
      input: {
        exampleList: {
          examples: [
            example({ user_id: { bytesList: { value: [Buffer.from("a")] } } }),
            example({ user_id: { int64List: { value: ["5"] } } }),
          ],
        },
      },
    }),
  ],
  [
    2,
    encode("tensorflow.serving.RegressionRequest", {
      modelSpec: spec,
      input: {
        exampleListWithContext: {
          examples: [example({})],
          context: example({ user: { int64List: { value: ["-5"] } } }),
        },
      },
    }),
  ],
  [
    3,
    encode("tensorflow.serving.MultiInferenceRequest", {
      tasks: [{ modelSpec: spec, methodName: "m" }, { modelSpec: { name: "other" } }],
    }),
  ],
  [
    4,
    encode("inference.ModelInferRequest", {
      modelName: "fraud",
      modelVersion: "2",
      parameters: { user: { stringParam: "u" }, sequence_id: { uint64Param: "9" } },
    }),
  ],
  [
    4,
    encode("inference.ModelInferRequest", {
      modelName: "fraud",
      inputs: [{ name: "user_id", datatype: "BYTES", shape: [1], contents: { bytesContents: [Buffer.from("u-17")] } }],
    }),
  ],
  [
    4,
    encode("inference.ModelInferRequest", {
      inputs: [
        { name: "x", datatype: "FP32", shape: [1] },
        { name: "user_id", datatype: "BYTES", shape: [1] },
      ],
      rawInputContents: [floats([1]), raw("u-17")],
      outputs: [{ name: "y", parameters: { shared_memory_region: { stringParam: "r" } } }],
    }),
  ],
  [
    4,
    encode("inference.ModelInferRequest", {
      inputs: [
        { name: "user_id", datatype: "INT64", contents: { int64Contents: ["7", "8"] } },
        { name: "z", parameters: { shared_memory_region: { stringParam: "r" } } },
      ],
    }),
  ],
  [5, encode("inference.ModelReadyRequest", { name: "fraud", version: "2" })],
];

/** Responses, each after the place of its call. */
export const responseSeeds: readonly (readonly [number, Uint8Array])[] = [
  [
    0,
    encode("tensorflow.serving.PredictResponse", {
      modelSpec: spec,
      outputs: { scores: { dtype: "DT_FLOAT", tensorShape: shape(2, 2), floatVal: [0.1, 0.9, 0.3, 0.7] } },
    }),
  ],
  [
    0,
    encode("tensorflow.serving.PredictResponse", {
      outputs: { scores: { dtype: "DT_FLOAT", tensorShape: shape(2), tensorContent: floats([0.5, 1]) }, y: {} },
    }),
  ],
  [
    0,
    encode("tensorflow.serving.PredictResponse", {
      outputs: { scores: { dtype: "DT_HALF", tensorShape: shape(3, 1), halfVal: [15360] } },
    }),
  ],
  [
    1,
    encode("tensorflow.serving.ClassificationResponse", {
      modelSpec: spec,
      result: { classifications: [{ classes: [{ label: "a", score: 0.5 }, { score: 0.25 }] }, {}] },
    }),
  ],
  [
    2,
    encode("tensorflow.serving.RegressionResponse", { modelSpec: spec, result: { regressions: [{ value: 0.5 }, {}] } }),
  ],
  [
    4,
    encode("inference.ModelInferResponse", {
      modelName: "fraud",
      modelVersion: "2",
      outputs: [{ name: "scores", datatype: "FP32", shape: [2, 2], contents: { fp32Contents: [0.1, 0.9, 0.2, 0.8] } }],
    }),
  ],
  [
    4,
    encode("inference.ModelInferResponse", {
      outputs: [
        { name: "x", datatype: "INT8", shape: [1] },
        { name: "scores", datatype: "FP64", shape: [1] },
      ],
      rawOutputContents: [Buffer.from([1]), Buffer.alloc(8, 0x3f)],
    }),
  ],
  [
    4,
    encode("inference.ModelInferResponse", {
      outputs: [
        { name: "scores", datatype: "BYTES", shape: [1], contents: { bytesContents: [Buffer.from("0.9:1:cat")] } },
      ],
    }),
  ],
];

/** Tags and lengths that mean something in these messages. */
export const wireWords: readonly Buffer[] = [
  ...[
    "0a",
    "12",
    "1a",
    "22",
    "2a",
    "32",
    "3a",
    "42",
    "08",
    "10",
    "18",
    "0b",
    "0c",
    "80",
    "ffffffffffffffffff01",
    "8080808010",
    "ffffffff0f",
  ].map((digits) => Buffer.from(digits, "hex")),
  ...["user_id", "user", "scores", "sequence_id", "shared_memory_region", "BYTES", "INT64", "UINT8", "FP32"].map(
    (word) => Buffer.concat([Buffer.from([word.length]), Buffer.from(word)]),
  ),
];
