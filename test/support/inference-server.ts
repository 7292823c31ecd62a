/**
 * Model servers by grpc-js that speak as much of a dialect as a test gives them: what has no handler is UNIMPLEMENTED, as
 * from a server that lacks it. None has reflection or the health service.
 */
import { Server, ServerCredentials, type sendUnaryData, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { encodeMessage, openInferenceProtos, serviceOf, tensorflowServingProtos } from "../../src/demo/protos.ts";

/** A gRPC status; anything else that a handler gives is its answer. */
export class Refused {
  readonly code: number;
  readonly details: string;

  constructor(code: number, details: string) {
    this.code = code;
    this.details = details;
  }
}

/** By the method's name; a promise that never settles is a server that hangs. */
export type Methods = Readonly<Record<string, (request: never) => object | Promise<object>>>;

export class InferenceServer {
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  static openInference(methods: Methods, address?: string): Promise<InferenceServer> {
    const server = new Server();
    server.addService(serviceOf(openInferenceProtos(), "inference.GRPCInferenceService"), implementation(methods));
    return InferenceServer.#start(server, address);
  }

  static tensorflowServing(prediction: Methods, models: Methods = {}): Promise<InferenceServer> {
    const protos = tensorflowServingProtos();
    const server = new Server();
    server.addService(serviceOf(protos, "tensorflow.serving.PredictionService"), implementation(prediction));
    server.addService(serviceOf(protos, "tensorflow.serving.ModelService"), implementation(models));
    return InferenceServer.#start(server);
  }

  static #start(server: Server, address = "127.0.0.1:0"): Promise<InferenceServer> {
    return new Promise((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(new InferenceServer(server, address.replace(/:0$/, `:${port}`)));
        else reject(error);
      });
    });
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

function implementation(methods: Methods): UntypedServiceImplementation {
  const entries = Object.entries(methods).map(([name, answer]) => [
    name,
    ({ request }: { request: never }, reply: sendUnaryData<object>) => {
      void Promise.resolve(answer(request)).then((given) => {
        if (given instanceof Refused) reply(given);
        else reply(null, given);
      });
    },
  ]);
  return Object.fromEntries(entries);
}

interface TensorInfo {
  readonly dtype: string;
  /** Undefined for an unknown rank. */
  readonly shape: readonly number[] | undefined;
}

export interface Signature {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly outputs: Readonly<Record<string, TensorInfo>>;
  readonly method?: string;
}

/** The answer of TensorFlow Serving's GetModelMetadata. */
export function modelMetadata(name: string, version: string, signatures: Readonly<Record<string, Signature>>): object {
  const tensors = (infos: Signature["inputs"]) =>
    mapped(infos, ({ dtype, shape }) => ({
      dtype,
      tensor_shape: shape === undefined ? { unknown_rank: true } : { dim: shape.map((size) => ({ size })) },
    }));
  const value = encodeMessage(tensorflowServingProtos(), "tensorflow.serving.SignatureDefMap", {
    signature_def: mapped(signatures, ({ inputs, outputs, method = "tensorflow/serving/predict" }) => ({
      ...{ inputs: tensors(inputs), outputs: tensors(outputs), method_name: method },
    })),
  });
  return {
    model_spec: { name, version: { value: version } },
    metadata: { signature_def: { type_url: "type.googleapis.com/tensorflow.serving.SignatureDefMap", value } },
  };
}

const mapped = <T, U>(values: Readonly<Record<string, T>>, fn: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fn(value)]));
