/** The dialects' message definitions, from the vendored `.proto` files, for both the model servers and the clients. */
import {
  loadSync,
  type MessageTypeDefinition,
  type Options,
  type PackageDefinition,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import { protoFolder } from "./assets.ts";

const options: Options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };

/** Parsing takes tens of milliseconds, and every client asks. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export const tensorflowServingProtos = once(() =>
  loadSync(["tensorflow_serving/apis/prediction_service.proto", "tensorflow_serving/apis/model_service.proto"], {
    ...options,
    includeDirs: [protoFolder("tensorflow-serving"), protoFolder("tensorflow")],
  }),
);

export const openInferenceProtos = once(() =>
  loadSync("grpc_service.proto", { ...options, includeDirs: [protoFolder("open-inference")] }),
);

/** @throws where the definition holds no such service. */
export function serviceOf(protos: PackageDefinition, name: string): ServiceDefinition {
  const found = protos[name];
  if (found === undefined || "format" in found) throw new Error(`no service ${name}`);
  return found;
}

/** Bytes of a message that travels inside another one, as in `google.protobuf.Any`. @throws where there is no such type. */
export function encodeMessage(protos: PackageDefinition, name: string, message: object): Buffer {
  const type = protos[name];
  if (type === undefined || !("serialize" in type)) throw new Error(`no message ${name}`);
  // A service could have a method of that name, hence no narrowing by the compiler.
  return (type as MessageTypeDefinition<object, object>).serialize(message);
}
