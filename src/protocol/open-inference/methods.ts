/**
 * The Open Inference Protocol's methods as KServe, Triton, MLServer and OpenVINO serve them (grpc_service.proto).
 *
 * ModelStreamInfer is a prediction too, but neither copied nor scored: one path stands for two response types (Triton wraps
 * ModelInferResponse, MLServer does not), and field 1 is an error text in one and the model's name in the other.
 */
import { dialectServices } from "../../model/dialect-services.ts";
import type { Method } from "../dialect.ts";

const service = dialectServices["open-inference"].predictions;

function method(name: string, kind: Method["kind"], unary: boolean, scored: boolean): Method {
  return { path: `/${service}/${name}`, name, kind, unary, scored };
}

function other(name: string): Method {
  return method(name, "other", true, false);
}

export const modelInfer = method("ModelInfer", "predict", true, true);
export const modelStreamInfer = method("ModelStreamInfer", "predict", false, false);

/** Their requests name a model in field 1 and its version in field 2. */
export const aboutModels: readonly Method[] = [
  other("ModelReady"),
  other("ModelMetadata"),
  other("ModelConfig"),
  other("ModelStatistics"),
];

/** Their requests name a model in field 2. */
export const aboutNamedModels: readonly Method[] = [
  other("RepositoryModelLoad"),
  other("RepositoryModelUnload"),
  other("TraceSetting"),
];

export const methods: readonly Method[] = [
  modelInfer,
  modelStreamInfer,
  ...aboutModels,
  ...aboutNamedModels,
  other("ServerLive"),
  other("ServerReady"),
  other("ServerMetadata"),
  other("RepositoryIndex"),
  other("SystemSharedMemoryStatus"),
  other("SystemSharedMemoryRegister"),
  other("SystemSharedMemoryUnregister"),
  other("CudaSharedMemoryStatus"),
  other("CudaSharedMemoryRegister"),
  other("CudaSharedMemoryUnregister"),
  other("LogSettings"),
];
