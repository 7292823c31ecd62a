/** What becomes of a call before anything in it is read: who may not make it is told so, and who may is held to what it is for. */
import assert from "node:assert/strict";
import { Client, type ClientDuplexStream, credentials, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { messageType, type ServiceName, serviceDefinition } from "../../../src/api/protos.ts";
import { admission } from "../../../src/control/access/admission.ts";
import type { Callers } from "../../../src/control/access/callers.ts";
import { UnknownCaller } from "../../../src/control/access/unknown-caller.ts";
import { requestBounds } from "../../../src/control/ports/request-bounds.ts";
import { serverDefaults } from "../../../src/control/ports/server.ts";
import { watchBounds } from "../../../src/control/watch/watch-bounds.ts";
import { openCallers, startControl, type TestControl } from "../../support/control.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const services: readonly ServiceName[] = ["ConfigService", "ReportService", "AdminService", "PeerService"];
const paths = services.flatMap((name) => Object.values(serviceDefinition(name)).map(({ path }) => path));

const refuse = (): never => {
  throw new UnknownCaller("nothing says who is asking");
};
const strangers: Callers = { admit: refuse, sidecar: refuse, person: refuse, replica: refuse };

const same = (bytes: Buffer): Buffer => bytes;

/** Status of a call whose messages are bytes. */
function statusOf(stream: ClientDuplexStream<Buffer, Buffer>): Promise<{ code: number; details: string }> {
  stream.on("error", () => undefined);
  stream.on("data", () => undefined);
  return new Promise((resolve) => stream.on("status", resolve));
}

/** Bytes of a message that is this field over and over. */
const filled = (field: readonly number[], bytes: number): Buffer => Buffer.alloc(bytes, Buffer.from(field));

describe("admission to a config service", function () {
  this.timeout(30_000);
  const own = new Owned();
  afterEach(() => own.close());

  async function serve(callers: Callers): Promise<{ control: TestControl; client: Client }> {
    const control = own.add(await startControl(own.add(new TempFolder()).at("store"), { callers }));
    const client = own.add(new Client(control.address, credentials.createInsecure()));
    return { control, client };
  }

  for (const path of paths) {
    it(`tells a stranger no who calls ${path}, before they have said anything`, async () => {
      const { client } = await serve(strangers);
      const ended = await statusOf(client.makeBidiStreamRequest(path, same, same));
      assert.deepEqual(ended.code, status.UNAUTHENTICATED);
      assert.match(ended.details, /^contender: \[FORBIDDEN\] nothing says who is asking/);
    });
  }

  it("asks nobody who they are for health and reflection, and reads no long request to them", async () => {
    const { client } = await serve(strangers);
    for (const [path, field] of [
      ["/grpc.health.v1.Health/Check", [0x0a, 0x00]],
      ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", [0x2a, 0x00]],
    ] as const) {
      const call = async (bytes: number) => {
        const stream = client.makeBidiStreamRequest(path, same, same);
        stream.end(filled(field, bytes));
        return (await statusOf(stream)).code;
      };
      assert.equal(await call(0), status.OK, path);
      assert.equal(await call(serverDefaults.maxOpenBytes + 2), status.INTERNAL, path);
    }
  });

  it("reads no message of somebody who was told no, whatever they go on to send", async () => {
    let read = 0;
    let asked = 0;
    const admit = (): never => {
      asked++;
      return refuse();
    };
    const server = new Server({ interceptors: [admission({ ...strangers, admit })] });
    const handlers = Object.entries(serviceDefinition("AdminService"));
    const counting = handlers.map(([name, method]) => [
      name,
      { ...method, requestDeserialize: (bytes: Buffer) => [bytes, read++] },
    ]);
    server.addService(Object.fromEntries(counting), Object.fromEntries(handlers.map(([name]) => [name, () => read++])));
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (reason, at) =>
        reason === null ? resolve(at) : reject(reason),
      ),
    );
    own.add({ close: () => server.forceShutdown() });
    const client = own.add(new Client(`127.0.0.1:${port}`, credentials.createInsecure()));
    for (let call = 0; call < 3; call++) {
      const stream = client.makeBidiStreamRequest("/contender.v1.AdminService/ApplyRoutes", same, same);
      const ended = statusOf(stream);
      for (let message = 0; message < 4; message++) stream.write(filled([0x0a, 0x00], 1_000_000));
      stream.end();
      assert.equal((await ended).code, status.UNAUTHENTICATED);
    }
    assert.deepEqual([asked, read], [3, 0]);
  });

  const { plain, documents, shared } = requestBounds;
  const hostile: readonly (readonly [what: string, path: string, bytes: Buffer, text: RegExp])[] = [
    [
      "a lookup of more bytes than a name has",
      "/contender.v1.AdminService/GetRoute",
      messageType("GetRouteRequest").encode({ name: "x".repeat(plain.bytes) }),
      /a message of \d+ bytes, want at most 65536/,
    ],
    [
      "weights for more variants than there can be",
      "/contender.v1.AdminService/SetWeights",
      filled([0x12, 0x00], 2 * plain.parts + 2),
      /a message of 1025 parts, want at most 1024/,
    ],
    [
      "an intent over and over",
      "/contender.v1.AdminService/DeleteRoute",
      filled([0x12, 0x00], 2 * plain.parts + 2),
      /a message of 1025 parts, want at most 1024/,
    ],
    [
      "a million empty documents",
      "/contender.v1.AdminService/ApplyRoutes",
      filled([0x0a, 0x00], documents.bytes),
      /a message of 1048576 parts, want at most 1024/,
    ],
    [
      "more documents than a commit could take",
      "/contender.v1.AdminService/ApplyRoutes",
      messageType("ApplyRoutesRequest").encode({ texts: [{ name: "f", text: " ".repeat(documents.bytes) }] }),
      /a message of \d+ bytes, want at most 2097152/,
    ],
    [
      "a sidecar with capabilities without end",
      "/contender.v1.ConfigService/Fetch",
      messageType("FetchRequest").encode({ node: { capabilities: Array.from({ length: plain.parts }, () => "") } }),
      /a message of 1025 parts, want at most 1024/,
    ],
    [
      "a refusal of more problems than anybody reads",
      "/contender.v1.ConfigService/Watch",
      filled([0x22, 0x00], 2 * watchBounds.messageParts + 2),
      /a message of 1025 parts, want at most 1024/,
    ],
    [
      "a report in a share of a million series",
      "/contender.v1.PeerService/Share",
      Buffer.concat([Buffer.from([0x1a, 0x80, 0x89, 0x7a]), filled([0x3a, 0x00], 2_000_000)]),
      new RegExp(`a message of 1000001 parts, want at most ${shared.parts}`),
    ],
    [
      "what is no message at all",
      "/contender.v1.AdminService/GetRoute",
      Buffer.from([0x0a, 0x7f]),
      /a message that is not written as GetRouteRequest/,
    ],
  ];
  for (const [what, path, bytes, text] of hostile) {
    it(`refuses ${what} before it is read, and says why`, async () => {
      const { client } = await serve(openCallers);
      const stream = client.makeBidiStreamRequest(path, same, same);
      stream.write(bytes);
      stream.end();
      const ended = await statusOf(stream);
      assert.equal(ended.code, status.INVALID_ARGUMENT, ended.details);
      assert.match(ended.details, text);
    });
  }
});
