/**
 * One ONNX model, run by ONNX Runtime's WebAssembly build: no native code, so the demo starts wherever Node does, and
 * no download, since the package carries the runtime.
 */
import { readFile } from "node:fs/promises";
import { env, InferenceSession, Tensor } from "onnxruntime-web";

/** A tensor as both dialects describe it; -1 stands for the batch. */
export interface TensorInfo {
  readonly name: string;
  readonly datatype: "FP32" | "INT64";
  readonly shape: readonly number[];
}

export interface Prediction {
  readonly rows: number;
  /** Probability of each class, row by row. */
  readonly scores: Float32Array;
  /** The likelier class of each row. */
  readonly classes: readonly bigint[];
}

export interface OnnxModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Numbers in a row of the input. */
  readonly rowLength: number;
  /** Numbers in a row of `scores`. */
  readonly classCount: number;
  /** `features`: whole rows, one after the other. */
  predict(features: Float32Array): Promise<Prediction>;
}

/**
 * Loads a classifier with the input `features` [n, k] and the outputs `scores` [n, c] and `classes` [n].
 * @throws where the file is not such a model.
 */
export async function loadOnnx(file: string): Promise<OnnxModel> {
  // Worker threads would pay only for models far larger than the demo's, and cost a process their start.
  env.wasm.numThreads = 1;
  const session = await InferenceSession.create(await readFile(file), { executionProviders: ["wasm"] });
  const inputs = session.inputMetadata.map(describe);
  const outputs = session.outputMetadata.map(describe);
  const features = named(inputs, "features", file);
  const scores = named(outputs, "scores", file);
  named(outputs, "classes", file);
  const rowLength = features.shape[1] ?? 1;

  return {
    inputs,
    outputs,
    rowLength,
    classCount: scores.shape[1] ?? 1,
    async predict(values) {
      const rows = values.length / rowLength;
      const answer = await session.run({ features: new Tensor("float32", values, [rows, rowLength]) });
      return {
        rows,
        scores: answer.scores?.data as Float32Array,
        classes: Array.from(answer.classes?.data as BigInt64Array),
      };
    },
  };
}

function describe(value: InferenceSession.ValueMetadata): TensorInfo {
  if (!value.isTensor) throw new Error(`${value.name} is not a tensor`);
  return {
    name: value.name,
    datatype: value.type === "int64" ? "INT64" : "FP32",
    // The runtime gives a size that is open as 2^32 - 1 or as a name.
    shape: value.shape.map((size) => (typeof size === "number" && size < 0xffffffff ? size : -1)),
  };
}

function named(tensors: readonly TensorInfo[], name: string, file: string): TensorInfo {
  const found = tensors.find((tensor) => tensor.name === name);
  if (found === undefined) throw new Error(`${file}: no tensor named "${name}"`);
  return found;
}
