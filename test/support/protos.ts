/** The vendored protocol definitions, loaded by protobufjs: an encoder and decoder that is none of ours. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const wellKnown = path.dirname(createRequire(import.meta.url).resolve("protobufjs/package.json"));
const folders = ["proto/tensorflow", "proto/tensorflow-serving", "proto/open-inference"].map((folder) =>
  path.join(repository, folder),
);

export const protos = new protobuf.Root();
protos.resolvePath = (_origin, target) =>
  [...folders, wellKnown].map((folder) => path.join(folder, target)).find((file) => existsSync(file)) ?? target;
protos.loadSync([
  "tensorflow_serving/apis/prediction_service.proto",
  "tensorflow_serving/apis/model_service.proto",
  "grpc_service.proto",
]);

const toObject: protobuf.IConversionOptions = { longs: String, enums: String, bytes: Array };

/** The bytes of a message of this type, given as a plain object with camel-case names. */
export function encode(type: string, fields: Record<string, unknown>): Uint8Array {
  const found = protos.lookupType(type);
  return found.encode(found.fromObject(fields)).finish();
}

/** The message as a plain object: 64-bit integers as text, bytes as arrays. */
export function decode(type: string, bytes: Uint8Array): Record<string, unknown> {
  const found = protos.lookupType(type);
  return found.toObject(found.decode(bytes), toObject);
}
