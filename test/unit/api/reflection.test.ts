import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import { reflectionOf } from "../../../src/api/reflection.ts";
import { openInferenceProtos, tensorflowServingProtos } from "../../../src/demo/protos.ts";

interface Message {
  readonly name: string;
  readonly field: readonly { readonly name: string; readonly jsonName?: string; readonly typeName?: string }[];
  readonly nestedType: readonly Message[];
  readonly enumType: readonly { readonly name: string }[];
  readonly reservedRange: readonly { readonly start: number; readonly end: number }[];
  readonly options?: { readonly mapEntry?: boolean };
}

interface File extends Pick<Message, "enumType"> {
  readonly name: string;
  readonly package: string;
  readonly dependency: readonly string[];
  readonly messageType: readonly Message[];
  readonly service: readonly {
    readonly method: readonly { readonly inputType: string; readonly outputType: string }[];
  }[];
}

const coder = loadSync("google/protobuf/descriptor.proto", { arrays: true })[
  "google.protobuf.FileDescriptorProto"
] as MessageTypeDefinition<File, File>;

/** What reflection answers for a symbol, as a server would send it. */
async function filesOf(symbol: string): Promise<File[]> {
  const implementations: UntypedServiceImplementation[] = [];
  const protos = { ...tensorflowServingProtos(), ...openInferenceProtos() };
  reflectionOf(protos).addToServer({ addService: (_, implementation) => void implementations.push(implementation) });
  const [implementation] = implementations;
  const stream = Object.assign(new EventEmitter(), { write: (answer: unknown) => stream.emit("answer", answer) });
  assert.ok(implementation);
  (implementation.ServerReflectionInfo as (call: unknown) => void)(stream);
  const answered = once(stream, "answer");
  stream.emit("data", { messageRequest: "fileContainingSymbol", fileContainingSymbol: symbol });
  const [{ fileDescriptorResponse }] = await answered;
  return fileDescriptorResponse.fileDescriptorProto.map((bytes: Buffer) => coder.deserialize(bytes));
}

/** Every message of a file by its full name. */
function messagesOf(scope: string, messages: readonly Message[]): [string, Message][] {
  return messages.flatMap((message) => {
    const name = `${scope}.${message.name}`;
    return [[name, message], ...messagesOf(name, message.nestedType)] as [string, Message][];
  });
}

const all = (file: File) => messagesOf(file.package, file.messageType);

/** Full names of the types that are in a file. */
function typesIn(file: File): string[] {
  const enums = file.enumType.map(({ name }) => `${file.package}.${name}`);
  const nested = all(file).flatMap(([name, { enumType }]) => enumType.map((each) => `${name}.${each.name}`));
  return [...enums, ...nested, ...all(file).map(([name]) => name)];
}

/** Types that a file names: those of fields, and what methods take and give. */
function typesNamedBy(file: File): string[] {
  const fields = all(file).flatMap(([, { field }]) => field.map(({ typeName }) => typeName));
  const methods = file.service.flatMap(({ method }) => method.flatMap((each) => [each.inputType, each.outputType]));
  return [...fields, ...methods].filter((name) => name !== undefined);
}

for (const { symbol, field, json } of [
  { symbol: "tensorflow.serving.PredictionService", field: "model_spec", json: "modelSpec" },
  { symbol: "inference.GRPCInferenceService", field: "raw_input_contents", json: "rawInputContents" },
]) {
  describe(`reflection on ${symbol}`, () => {
    let files: File[] = [];
    before(async () => {
      files = await filesOf(symbol);
    });

    it("names types in full, and imports the files they are in", () => {
      const names = files.map((file) => ({ file, named: typesNamedBy(file) }));
      assert.ok(names.flatMap(({ named }) => named).length > 50);
      for (const { file, named } of names) {
        const visible = files
          .filter(({ name }) => name === file.name || file.dependency.includes(name))
          .flatMap(typesIn);
        const unknown = named.filter((name) => !(name.startsWith(".") && visible.includes(name.slice(1))));
        assert.deepEqual(unknown, [], file.name);
      }
    });

    it("comes with every file that one of them imports", () => {
      const names = files.map(({ name }) => name);
      assert.deepEqual(
        files.flatMap(({ dependency }) => dependency).filter((name) => !names.includes(name)),
        [],
      );
    });

    it("names the entries of a map after its field, as descriptor.proto wants it", () => {
      const maps = files
        .flatMap(all)
        .flatMap(([, { field, nestedType }]) =>
          nestedType
            .filter(({ options }) => options?.mapEntry === true)
            .map(({ name }) => ({ name, field: field.find(({ typeName }) => typeName?.endsWith(`.${name}`))?.name })),
        );
      assert.ok(maps.length > 3);
      for (const { name, field } of maps) {
        assert.equal(name.toLowerCase(), `${field?.replaceAll("_", "")}entry`);
      }
    });

    it("names every field for JSON, too", () => {
      const fields = files.flatMap(all).flatMap(([, { field }]) => field);
      assert.deepEqual(
        fields.filter(({ jsonName = "" }) => !/^[a-z][a-zA-Z0-9]*$/.test(jsonName)),
        [],
      );
      assert.equal(fields.find(({ name }) => name === field)?.jsonName, json);
    });

    it("has no range of reserved numbers that ends before it begins", () => {
      const ranges = files.flatMap(all).flatMap(([, { reservedRange }]) => reservedRange);
      assert.deepEqual(
        ranges.filter(({ start, end }) => end <= start),
        [],
      );
    });
  });
}
