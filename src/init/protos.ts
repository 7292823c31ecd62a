/** The dialects' message definitions, from the vendored `.proto` files. */
import { fileURLToPath } from "node:url";
import {
  loadSync,
  type MessageTypeDefinition,
  type MethodDefinition,
  type Options,
  type PackageDefinition,
} from "@grpc/proto-loader";

const options: Options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };

/** From here the package's root is two folders up, both in the sources and in what is built of them. */
const folder = (name: string): string => fileURLToPath(new URL(`../../proto/${name}`, import.meta.url));

/** Messages of one dialect. What is asked for by name is in the vendored files: a test asks for all of it. */
export class Protos {
  readonly #load: () => PackageDefinition;
  #loaded: PackageDefinition | undefined;

  constructor(files: readonly string[], folders: readonly string[]) {
    this.#load = () => loadSync([...files], { ...options, includeDirs: folders.map(folder) });
  }

  /** @param path `/package.Service/Method`. */
  method(path: string): MethodDefinition<object, object> {
    const [, service = "", name = ""] = path.split("/");
    const found = (this.#all[service] as Record<string, MethodDefinition<object, object>> | undefined)?.[name];
    if (found === undefined) throw new Error(`no method ${path}`);
    return found;
  }

  /** Reads a message that travels as bytes inside another one. @throws where the bytes are no such message. */
  decode(type: string, bytes: Buffer): object {
    return (this.#all[type] as MessageTypeDefinition<object, object>).deserialize(bytes);
  }

  get #all(): PackageDefinition {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }
}

export const tensorflowServingProtos = new Protos(
  ["tensorflow_serving/apis/prediction_service.proto", "tensorflow_serving/apis/model_service.proto"],
  ["tensorflow-serving", "tensorflow"],
);

export const openInferenceProtos = new Protos(["grpc_service.proto"], ["open-inference"]);
