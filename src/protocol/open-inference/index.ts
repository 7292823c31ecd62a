/** The Open Inference Protocol (KServe v2), as Triton, MLServer, OpenVINO and KServe's own servers speak it. */
import type { Dialect } from "../dialect.ts";
import { methods } from "./methods.ts";
import { OpenInferenceOverride } from "./override.ts";
import { OpenInferenceRequestReader } from "./request.ts";
import { OpenInferenceScoreReader } from "./score.ts";

const byPath = new Map(methods.map((method) => [method.path, method]));

export const openInference: Dialect = {
  name: "open-inference",
  methods,
  method: (path) => byPath.get(path),
  requestReader: (from, ignore) => new OpenInferenceRequestReader(from, ignore),
  scoreReader: (spec) => new OpenInferenceScoreReader(spec),
  override: (model) => new OpenInferenceOverride(model),
};
