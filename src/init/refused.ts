/** What a server's refusal to describe a model means for the command. */
import { ContenderError } from "../base/errors.ts";
import { grpcStatus } from "../grpc/status.ts";
import type { Refusal } from "./model-server.ts";
import { printable } from "./text.ts";

/** Servers differ in what they call a model that they don't have: Triton NOT_FOUND, MLServer INVALID_ARGUMENT, KServe UNKNOWN. */
const unknownModel: readonly number[] = [grpcStatus.NOT_FOUND, grpcStatus.INVALID_ARGUMENT, grpcStatus.UNKNOWN];

/** An error that names the model and keeps the server's words. */
export function refusedModel(model: string, refusal: Refusal): ContenderError {
  const code = unknownModel.includes(refusal.code) ? "MODEL_UNKNOWN" : "UPSTREAM_UNREACHABLE";
  return new ContenderError(code, `asked for the model "${printable(model)}", the server answers ${refusal.text}`);
}

/** Whether the server does not have the method at all, which is no fault of the model's. */
export const isUnimplemented = (refusal: Refusal): boolean => refusal.code === grpcStatus.UNIMPLEMENTED;
