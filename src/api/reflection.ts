/**
 * Server reflection whose answers strict clients can read, too.
 *
 * The definitions' loader describes them in a way that only its own kind understands: map entries have the field's name
 * without `Entry`, imports are left out (grpc-node issue 2595), ranges of reserved numbers end one too early, JSON names are
 * missing. Whatever stands on Go's protobuf, such as grpcurl and ghz, refuses that. So the descriptions are put right by
 * descriptor.proto's own rules before the reflection service gets them.
 */
import {
  type EnumTypeDefinition,
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
} from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";

/** Of google/protobuf/descriptor.proto, what is put right; the rest passes through. */
interface FileDescriptor {
  name: string;
  package: string;
  dependency: string[];
  messageType: MessageDescriptor[];
  enumType: { name: string }[];
  service: { method: { inputType: string; outputType: string }[] }[];
}

interface MessageDescriptor {
  name: string;
  field: FieldDescriptor[];
  nestedType: MessageDescriptor[];
  enumType: { name: string }[];
  reservedRange: object[];
  options?: { mapEntry?: boolean };
}

interface FieldDescriptor {
  name: string;
  jsonName?: string;
  typeName?: string;
}

/** Files by the full name of each message and enum in them. */
type Places = ReadonlyMap<string, FileDescriptor>;

/** The service that tells of everything in these definitions. */
export function reflectionOf(definitions: PackageDefinition): ReflectionService {
  const coder = loadSync("google/protobuf/descriptor.proto", { arrays: true })[
    "google.protobuf.FileDescriptorProto"
  ] as MessageTypeDefinition<FileDescriptor, FileDescriptor>;
  const types = Object.values(definitions).filter(isType);
  const files = new Map<string, FileDescriptor>();
  for (const bytes of types.flatMap(({ fileDescriptorProtos }) => fileDescriptorProtos)) {
    const file = coder.deserialize(bytes);
    if (!files.has(file.name)) files.set(file.name, file);
  }
  putRight([...files.values()]);
  const fileDescriptorProtos = [...files.values()].map((file) => coder.serialize(file));
  // The service reads nothing else of a definition, and all have the same files.
  return new ReflectionService(Object.fromEntries(types.map((type, i) => [i, { ...type, fileDescriptorProtos }])));
}

function isType(
  definition: PackageDefinition[string],
): definition is MessageTypeDefinition<object, object> | EnumTypeDefinition {
  return "format" in definition;
}

function putRight(files: readonly FileDescriptor[]): void {
  const places = new Map<string, FileDescriptor>();
  for (const file of files) {
    for (const message of file.messageType) mendMessage(message);
    place(places, file, file.package, file.messageType, file.enumType);
  }
  for (const file of files) {
    for (const message of file.messageType) nameTypes(places, file, `${file.package}.${message.name}`, message);
    for (const method of file.service.flatMap((service) => service.method)) {
      method.inputType = absolute(places, file, file.package, method.inputType);
      method.outputType = absolute(places, file, file.package, method.outputType);
    }
  }
}

/** `raw_labels` is `rawLabels` in JSON, and its map's entries `RawLabelsEntry`. What is reserved concerns no caller. */
function mendMessage(message: MessageDescriptor): void {
  message.reservedRange = [];
  for (const field of message.field) field.jsonName = camelCase(field.name);
  for (const nested of message.nestedType) {
    mendMessage(nested);
    const field = message.field.find(({ typeName }) => typeName === nested.name);
    if (nested.options?.mapEntry !== true || field === undefined) continue;
    nested.name = `${camelCase(`_${field.name}`)}Entry`;
    field.typeName = nested.name;
  }
}

function camelCase(name: string): string {
  return name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
}

function place(
  places: Map<string, FileDescriptor>,
  file: FileDescriptor,
  scope: string,
  messages: readonly MessageDescriptor[],
  enums: readonly { readonly name: string }[],
): void {
  for (const { name } of enums) places.set(`${scope}.${name}`, file);
  for (const { name, nestedType, enumType } of messages) {
    places.set(`${scope}.${name}`, file);
    place(places, file, `${scope}.${name}`, nestedType, enumType);
  }
}

function nameTypes(places: Places, file: FileDescriptor, scope: string, message: MessageDescriptor): void {
  for (const field of message.field) {
    if (field.typeName !== undefined) field.typeName = absolute(places, file, scope, field.typeName);
  }
  for (const nested of message.nestedType) nameTypes(places, file, `${scope}.${nested.name}`, nested);
}

/** The type's full name with a dot in front; the file it is in becomes an import of `file`. */
function absolute(places: Places, file: FileDescriptor, scope: string, name: string): string {
  if (name.startsWith(".")) return imported(places, file, name.slice(1));
  for (let around = scope; around !== ""; around = around.slice(0, Math.max(0, around.lastIndexOf(".")))) {
    if (places.has(`${around}.${name}`)) return imported(places, file, `${around}.${name}`);
  }
  return imported(places, file, name);
}

function imported(places: Places, file: FileDescriptor, fullName: string): string {
  const place = places.get(fullName);
  if (place === undefined) throw new Error(`no definition of ${fullName}, which ${file.name} uses`);
  if (place !== file && !file.dependency.includes(place.name)) file.dependency.push(place.name);
  return `.${fullName}`;
}
