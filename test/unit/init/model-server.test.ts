import assert from "node:assert/strict";
import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition } from "@grpc/grpc-js";
import { systemClock } from "../../../src/base/clock.ts";
import { ModelServer } from "../../../src/init/model-server.ts";
import { openInferenceProtos } from "../../../src/init/protos.ts";
import { GrpcServer } from "../../support/grpc-js.ts";
import { Owned } from "../../support/owned.ts";

const own = new Owned();
const same = (bytes: Buffer): Buffer => bytes;
const serverLive = "/inference.GRPCInferenceService/ServerLive";

/** A server with the one method at this path, whose answers are bytes. */
async function serve(path: string, stream: boolean, answer: (request: Buffer) => Buffer): Promise<string> {
  const definition: ServiceDefinition[string] = {
    ...{ path, requestStream: stream, responseStream: stream },
    ...{ requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
  };
  const server = new Server();
  server.addService(
    { method: definition },
    {
      method: stream
        ? (call: ServerDuplexStream<Buffer, Buffer>) =>
            void call.on("data", (bytes: Buffer) => call.write(answer(bytes)))
        : (call: { request: Buffer }, reply: (error: null, bytes: Buffer) => void) => reply(null, answer(call.request)),
    },
  );
  own.add({ close: () => server.forceShutdown() });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return `127.0.0.1:${port}`;
}

const open = (address: string, timeoutMs = 5_000) => own.add(new ModelServer(address, timeoutMs, systemClock));

describe("a connection to a model server", () => {
  afterEach(() => own.close());

  for (const version of ["v1", "v1alpha"]) {
    it(`lists services by reflection ${version}`, async () => {
      const requests: Buffer[] = [];
      const address = await serve(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        true,
        (request) => {
          requests.push(request);
          return Buffer.from([0x32, 5, 0x0a, 3, 0x0a, 1, 0x61]);
        },
      );
      assert.deepEqual(await open(address).services(), ["a"]);
      // Field 7, list_services.
      assert.deepEqual(requests, [Buffer.from([0x3a, 0])]);
    });
  }

  it("lists none where there is no reflection, and knows no health where that is not there", async () => {
    const { address } = own.add(await GrpcServer.start());
    const server = open(address);
    assert.deepEqual([await server.services(), await server.health()], [undefined, undefined]);
  });

  it("asks the standard health service about the server as a whole", async () => {
    const address = await serve("/grpc.health.v1.Health/Check", false, (request) => {
      return Buffer.from(request.length === 0 ? [8, 2] : []);
    });
    assert.equal(await open(address).health(), "NOT_SERVING");
  });

  it("takes an answer that is no message of the protocol for a refusal", async () => {
    const server = open(await serve(serverLive, false, () => Buffer.from([0xff])));
    const answer = await server.ask(openInferenceProtos.method(serverLive), {});
    assert.deepEqual(answer, { ok: false, code: 13, text: "INTERNAL: the answer is not what the protocol says" });
  });

  it("waits for an answer no longer than it was told", async () => {
    const { address } = own.add(await GrpcServer.start({ unary: () => undefined }));
    const answer = await open(address, 50).askRaw("/test.Echo/Unary", Buffer.alloc(0));
    assert.equal(answer.ok ? "answered" : answer.code, 4);
  });

  it("ends what is under way when it is closed", async () => {
    const asked = Promise.withResolvers<void>();
    const { address } = own.add(await GrpcServer.start({ unary: () => asked.resolve() }));
    const server = open(address, 60_000);
    const answer = server.askRaw("/test.Echo/Unary", Buffer.alloc(0));
    await asked.promise;
    server.close();
    const { ok, ...rest } = await answer;
    assert.deepEqual([ok, "code" in rest && rest.code], [false, 1]);
  });
});
