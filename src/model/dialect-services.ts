/** gRPC services of the inference protocols, by whether routes can take their calls. What their methods are is `protocol/`'s. */
import type { DialectName } from "./route.ts";

export interface DialectServices {
  /** The one with predictions. */
  readonly predictions: string;
  /** Those without any: they are the default route's champion's, as health and reflection are. */
  readonly others: readonly string[];
}

export const dialectServices = {
  "tensorflow-serving": {
    predictions: "tensorflow.serving.PredictionService",
    others: ["tensorflow.serving.ModelService", "tensorflow.serving.SessionService"],
  },
  "open-inference": { predictions: "inference.GRPCInferenceService", others: [] },
} as const satisfies Readonly<Record<DialectName, DialectServices>>;

/** The dialect whose service this is; undefined for one that no dialect knows. */
export function dialectOfService(service: string): DialectName | undefined {
  for (const [name, { predictions, others }] of Object.entries<DialectServices>(dialectServices)) {
    if (predictions === service || others.includes(service)) return name as DialectName;
  }
  return undefined;
}
