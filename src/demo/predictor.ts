/**
 * What both dialects' services share: the checks that a model server makes of a request, and one prediction.
 *
 * Requests are refused with the status that TensorFlow Serving and Triton give, so that callers see through the demo's
 * servers what they would see in production.
 */
import { status } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.ts";
import type { OnnxModel, Prediction } from "./onnx.ts";

/** A model under the name and version by which callers know it. */
export interface Served {
  readonly name: string;
  readonly version: string;
  readonly model: OnnxModel;
  /** Added to every prediction, in milliseconds; 0 leaves the model's own pace. */
  readonly delayMs: number;
  readonly clock: Clock;
}

/** A refusal, in the form in which grpc-js sends it. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
}

/** The input tensor, whatever message it came in. */
export interface InputTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Why a request for this model can't be served, if so. An empty version asks for any. */
export function refuseModel(served: Served, name: string, version: string): Refusal | undefined {
  if (name === served.name && (version === "" || version === served.version)) return undefined;
  const asked = version === "" ? `"${name}"` : `"${name}" version ${version}`;
  return {
    code: status.NOT_FOUND,
    details: `no model ${asked} here, only "${served.name}" version ${served.version}`,
  };
}

/** Why this input can't be given to the model, if so. */
export function refuseInput(served: Served, { shape, values }: InputTensor): Refusal | undefined {
  const { rowLength } = served.model;
  const [rows = 0, columns = 0] = shape;
  if (shape.length === 2 && rows > 0 && columns === rowLength && values.length === rows * columns) return undefined;
  const details = `input "features" has shape [${shape.join(",")}] and ${values.length} values, want [n,${rowLength}]`;
  return { code: status.INVALID_ARGUMENT, details };
}

/** Why these outputs can't be given, if so; none asked for means all. */
export function refuseOutputs(served: Served, asked: readonly string[]): Refusal | undefined {
  const missing = asked.filter((name) => !served.model.outputs.some((output) => output.name === name));
  if (missing.length === 0) return undefined;
  return { code: status.INVALID_ARGUMENT, details: `no output named ${missing.map((name) => `"${name}"`).join(", ")}` };
}

/** Runs the model and hands the prediction over, or what went wrong inside it. */
export function predict(
  served: Served,
  input: InputTensor,
  done: (refusal: Refusal | undefined, prediction?: Prediction) => void,
): void {
  const run = () => {
    served.model.predict(input.values).then(
      (prediction) => done(undefined, prediction),
      (reason: unknown) => done({ code: status.INTERNAL, details: String(reason) }),
    );
  };
  if (served.delayMs > 0) served.clock.after(served.delayMs, run);
  else run();
}
