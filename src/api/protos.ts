/**
 * The definitions in `proto/contender/v1`, loaded when they are first asked for: a sidecar with routes from a file needs none.
 *
 * Names are those of protobuf's JSON (`lastSeen`), numbers of 64 bits are JavaScript's: a count beyond 2^53 is no count.
 */
import { fileURLToPath } from "node:url";
import type { Metadata, ServiceDefinition } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition, type Options, type PackageDefinition } from "@grpc/proto-loader";

const options: Options = { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: false };

/** From here the package's root is two folders up, both in the sources and in what is built of them. */
const folder = fileURLToPath(new URL("../../proto", import.meta.url));

const files = ["config", "report", "admin", "peer"].map((name) => `contender/v1/${name}.proto`);

export type ServiceName = "ConfigService" | "ReportService" | "AdminService" | "PeerService";

let loaded: PackageDefinition | undefined;

/** Every definition, for reflection too. */
export function definitions(): PackageDefinition {
  loaded ??= loadSync(files, { ...options, includeDirs: [folder] });
  return loaded;
}

export function serviceDefinition(name: ServiceName): ServiceDefinition {
  return definitions()[`contender.v1.${name}`] as unknown as ServiceDefinition;
}

/** @typeParam Request as it is sent: what is left out is not sent. @typeParam Response as it is read, defaults filled in. */
export function method<Request extends object, Response extends object>(
  service: ServiceName,
  name: string,
): MethodDefinition<Request, Response> {
  const found = serviceDefinition(service)[name];
  if (found === undefined) throw new Error(`no method ${name} of ${service}`);
  return found as unknown as MethodDefinition<Request, Response>;
}

/** Turns a message into its bytes and back, by its name in `contender.v1`, where it travels inside something else. */
export function messageType<T extends object>(
  name: string,
): { encode(message: T): Buffer; decode(bytes: Uint8Array): T } {
  const type = definitions()[`contender.v1.${name}`] as unknown as {
    serialize(message: T): Buffer;
    deserialize(bytes: Buffer): T;
  };
  return { encode: (message) => type.serialize(message), decode: (bytes) => type.deserialize(Buffer.from(bytes)) };
}

export type { Metadata };
