/** Every dialect we speak, and one look-up from a path to its method. */
import type { DialectName } from "../model/route.ts";
import type { Dialect, Method } from "./dialect.ts";
import { openInference } from "./open-inference/index.ts";
import { tensorflowServing } from "./tensorflow-serving/index.ts";

export interface DialectMethod {
  readonly dialect: Dialect;
  readonly method: Method;
}

export const dialects: Readonly<Record<DialectName, Dialect>> = {
  "tensorflow-serving": tensorflowServing,
  "open-inference": openInference,
};

const byPath = new Map<string, DialectMethod>();
for (const dialect of Object.values(dialects)) {
  for (const method of dialect.methods) byPath.set(method.path, { dialect, method });
}

/** Undefined for a path that no dialect knows: such calls go to the default route's champion. */
export function methodOf(path: string): DialectMethod | undefined {
  return byPath.get(path);
}
