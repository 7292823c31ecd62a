/**
 * Callers of a credit model, one kind per dialect: what an application that asks for a prediction looks like.
 *
 * They send tensors as the dialects' Python clients do, as raw bytes, and read from the answer only what the demo
 * counts: how many rows were scored, and which variant the sidecar says answered.
 */
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.ts";
import type { DialectName } from "../model/route.ts";
import { bytesOf, floatsOf } from "./floats.ts";
import { openInferenceProtos, serviceOf, tensorflowServingProtos } from "./protos.ts";

export interface Answer {
  /** From `x-contender-variant`; undefined where nothing between caller and model said so. */
  readonly variant: string | undefined;
  /** Rows in the answer's `scores`. */
  readonly rows: number;
  /** Its `scores`, row by row. */
  readonly scores: readonly number[];
}

export interface PredictClient {
  /** Asks for the scores of whole rows. `done` is called exactly once. */
  predict(user: string, rows: readonly (readonly number[])[], done: (result: Answer | ServiceError) => void): void;
  close(): void;
}

export interface ClientOptions {
  /** `HOST:PORT` of a sidecar or of a model server. */
  readonly target: string;
  readonly dialect: DialectName;
  readonly model: string;
  readonly clock: Clock;
  /** Most a call may take, in milliseconds. Default 10000: long enough for a machine that is busy with more than the demo. */
  readonly timeoutMs?: number;
}

/** How one dialect asks and answers. */
interface Codec {
  readonly service: string;
  readonly method: string;
  request(model: string, features: Buffer, shape: readonly [number, number]): object;
  /** Rows and scores of an answer. */
  read(response: object): Pick<Answer, "rows" | "scores">;
}

interface PredictResponse {
  readonly outputs: Record<string, { tensor_shape: { dim: { size: string }[] }; float_val: number[] }>;
}

interface InferResponse {
  readonly outputs: readonly { name: string; shape: string[] }[];
  readonly raw_output_contents: readonly Uint8Array[];
}

const tensorflowServing: Codec = {
  service: "tensorflow.serving.PredictionService",
  method: "Predict",
  request: (name, features, shape) => ({
    model_spec: { name },
    inputs: {
      features: {
        dtype: "DT_FLOAT",
        tensor_shape: { dim: shape.map((size) => ({ size })) },
        tensor_content: features,
      },
    },
  }),
  read(response) {
    const scores = (response as PredictResponse).outputs.scores;
    return { rows: Number(scores?.tensor_shape.dim[0]?.size ?? 0), scores: scores?.float_val ?? [] };
  },
};

const openInference: Codec = {
  service: "inference.GRPCInferenceService",
  method: "ModelInfer",
  request: (model, features, shape) => ({
    model_name: model,
    inputs: [{ name: "features", datatype: "FP32", shape }],
    raw_input_contents: [features],
  }),
  read(response) {
    const { outputs, raw_output_contents: raw } = response as InferResponse;
    const at = outputs.findIndex(({ name }) => name === "scores");
    const scores = floatsOf(raw[at] ?? new Uint8Array()) ?? [];
    return { rows: Number(outputs[at]?.shape[0] ?? 0), scores: [...scores] };
  },
};

/** Opens a client with a connection of its own. */
export function openClient(options: ClientOptions): PredictClient {
  const { target, dialect, model, clock, timeoutMs = 10_000 } = options;
  const tensorflow = dialect === "tensorflow-serving";
  const codec = tensorflow ? tensorflowServing : openInference;
  const protos = tensorflow ? tensorflowServingProtos() : openInferenceProtos();
  const method = serviceOf(protos, codec.service)[codec.method];
  if (method === undefined) throw new Error(`no method ${codec.method}`);
  // Without a pool of its own a second client would share the first one's connection.
  const channel = new Client(target, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });

  return {
    predict(user, rows, done) {
      const metadata = new Metadata();
      metadata.set("x-user-id", user);
      let variant: string | undefined;
      const call = channel.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        codec.request(model, bytesOf(rows), [rows.length, rows[0]?.length ?? 0]),
        metadata,
        { deadline: clock.wallMs() + timeoutMs },
        (error: ServiceError | null, response?: object) => {
          if (response === undefined) done(error as ServiceError);
          else done({ variant, ...codec.read(response) });
        },
      );
      call.on("metadata", (answered: Metadata) => {
        variant = answered.get("x-contender-variant")[0]?.toString();
      });
    },
    close: () => channel.close(),
  };
}
