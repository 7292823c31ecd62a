/**
 * TensorFlow Serving's methods (tensorflow_serving/apis/prediction_service.proto, model_service.proto, session_service.proto).
 *
 * Predict, Classify and Regress are predictions. MultiInference may name several models in one call and SessionRun is the bare
 * graph: no variant is right for all of the first, no model spec response tells of the second, so both stay with the champion,
 * as what only asks about models does.
 */
import { dialectServices } from "../../model/dialect-services.ts";
import type { Method } from "../dialect.ts";

const { predictions: predictionService, others } = dialectServices["tensorflow-serving"];
const [modelService, sessionService] = others;

function prediction(name: string): Method {
  return { path: `/${predictionService}/${name}`, name, kind: "predict", unary: true, scored: true };
}

function other(service: string, name: string): Method {
  return { path: `/${service}/${name}`, name, kind: "other", unary: true, scored: false };
}

export const predict = prediction("Predict");
export const classify = prediction("Classify");
export const regress = prediction("Regress");
export const multiInference = other(predictionService, "MultiInference");
export const handleReloadConfig = other(modelService, "HandleReloadConfigRequest");

export const methods: readonly Method[] = [
  predict,
  classify,
  regress,
  multiInference,
  other(predictionService, "GetModelMetadata"),
  other(modelService, "GetModelStatus"),
  handleReloadConfig,
  other(sessionService, "SessionRun"),
];
