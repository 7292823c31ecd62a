/** TensorFlow Serving's own protocol. */
import type { Dialect } from "../dialect.ts";
import { methods } from "./methods.ts";
import { TensorflowServingOverride } from "./override.ts";
import { TensorflowServingRequestReader } from "./request.ts";
import { TensorflowServingScoreReader } from "./score.ts";

const byPath = new Map(methods.map((method) => [method.path, method]));

export const tensorflowServing: Dialect = {
  name: "tensorflow-serving",
  methods,
  method: (path) => byPath.get(path),
  requestReader: (from, ignore) => new TensorflowServingRequestReader(from, ignore),
  scoreReader: (spec) => new TensorflowServingScoreReader(spec),
  override: (model) => new TensorflowServingOverride(model),
};
