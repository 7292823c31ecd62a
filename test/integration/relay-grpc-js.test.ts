import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { type Metadata, status } from "@grpc/grpc-js";
import { echo, GrpcClient, GrpcServer, metadataOf } from "../support/grpc-js.ts";
import { ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";

const own = new Owned();

/** A grpc-js server, a sidecar with it as the only variant, and a grpc-js caller. */
async function between(...server: Parameters<typeof GrpcServer.start>): Promise<GrpcClient> {
  const { address } = own.add(await GrpcServer.start(...server));
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: address } })));
  return own.add(new GrpcClient(sidecar.address));
}

/** Bytes without a pattern, the same every time. */
function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, i) => createHash("sha512").update(`${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

describe("between a grpc-js caller and a grpc-js server, the sidecar passes", () => {
  afterEach(() => own.close());

  for (const size of [0, 1, 16_379, 16_384, 65_535, 1_000_003]) {
    it(`a unary message of ${size} bytes both ways`, async () => {
      const client = await between();
      const message = noise(size);
      const { messages, status: end } = await client.unary(echo.unary, message);
      assert.equal(end.code, status.OK);
      assert.deepEqual(messages, [message]);
    });
  }

  it("a client stream, message for message", async () => {
    const seen: number[] = [];
    const client = await between({
      collect: (call, reply) => {
        call.on("data", (part: Buffer) => seen.push(part.length));
        call.on("end", () => reply(null, Buffer.from("four")));
      },
    });
    const sizes = [27_182, 8, 0, 45_904];
    const { messages } = await client.stream(echo.collect, sizes.map(noise));
    assert.deepEqual([seen, messages], [sizes, [Buffer.from("four")]]);
  });

  it("a server stream, message for message", async () => {
    const sizes = [31_415, 0, 9, 58_979];
    const client = await between({
      spread: (call) => {
        for (const size of sizes) call.write(noise(size));
        call.end();
      },
    });
    const { messages, status: end } = await client.unary(echo.spread, noise(10));
    assert.equal(end.code, status.OK);
    assert.deepEqual(messages, sizes.map(noise));
  });

  it("a conversation in which each side waits for the other", async () => {
    const client = await between();
    const { call, ended } = client.duplex(echo.chat);
    const answers: number[] = [];
    call.on("data", (message: Buffer) => {
      answers.push(message.length);
      if (answers.length < 5) call.write(noise(answers.length * 1_000));
      else call.end();
    });
    call.write(noise(0));
    const { status: end } = await ended;
    assert.deepEqual([end.code, answers], [status.OK, [0, 1_000, 2_000, 3_000, 4_000]]);
  });

  it("messages that the server sends after the caller has closed its half", async () => {
    const client = await between({
      chat: (call) => {
        call.on("data", () => undefined);
        call.on("end", () => {
          for (const word of ["after", "the", "end"]) call.write(Buffer.from(word));
          call.end();
        });
      },
    });
    const { messages } = await client.stream(echo.chat, [noise(3)]);
    assert.equal(Buffer.concat(messages).toString(), "aftertheend");
  });

  it("ten thousand messages of a conversation in their order", async () => {
    const client = await between();
    const count = 10_000;
    const { call, ended } = client.duplex(echo.chat);
    for (let i = 0; i < count; i++) {
      const message = Buffer.alloc(4);
      message.writeUInt32BE(i);
      call.write(message);
    }
    call.end();
    const { messages, status: end } = await ended;
    assert.equal(end.code, status.OK);
    assert.deepEqual(
      messages.map((message) => message.readUInt32BE()),
      Array.from({ length: count }, (_, i) => i),
    );
  });

  it("metadata of the request, of the answer's head and of its trailers, binary and repeated", async () => {
    const binary = Buffer.from([0xab, 0xab, 0xab, 0, 255]);
    let got: Metadata | undefined;
    const client = await between({
      unary: (call, reply) => {
        got = call.metadata;
        call.sendMetadata(metadataOf({ "x-initial": "first", "x-initial-bin": binary }));
        reply(null, call.request, metadataOf({ "x-trailing": ["one", "two"], "x-trailing-bin": binary }));
      },
    });
    const metadata = metadataOf({ "x-user-id": "u1", "x-many": ["a", "b"], "x-key-bin": binary });
    const { initial, status: end } = await client.unary(echo.unary, noise(1), { metadata });
    assert.deepEqual(got?.get("x-user-id"), ["u1"]);
    assert.deepEqual(got?.get("x-many"), ["a, b"]); // how Node's HTTP/2 gives a name that comes twice
    assert.deepEqual(got?.get("x-key-bin"), [binary]);
    assert.deepEqual([initial?.get("x-initial"), initial?.get("x-initial-bin")], [["first"], [binary]]);
    assert.deepEqual(end.metadata.get("x-trailing-bin"), [binary]);
    assert.deepEqual(end.metadata.get("x-trailing"), ["one, two"]);
  });

  it("a status with its code, text and details", async () => {
    const details = Buffer.from("0a0b0c", "hex");
    const client = await between({
      unary: (_call, reply) =>
        reply({
          code: status.FAILED_PRECONDITION,
          details: "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
          metadata: metadataOf({ "grpc-status-details-bin": details }),
        }),
    });
    const { status: end, messages } = await client.unary(echo.unary, noise(1));
    assert.equal(end.code, status.FAILED_PRECONDITION);
    assert.equal(end.details, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n");
    assert.deepEqual(end.metadata.get("grpc-status-details-bin"), [details]);
    assert.deepEqual(messages, []);
  });

  for (const [name, code] of Object.entries(status).filter(([, value]) => typeof value === "number" && value > 0)) {
    it(`the status ${name}`, async () => {
      const client = await between({
        unary: (_call, reply) => reply({ code: code as number, details: `this is ${name}` }),
      });
      const { status: end } = await client.unary(echo.unary, noise(1));
      assert.deepEqual([end.code, end.details], [code, `this is ${name}`]);
    });
  }

  it("what the server says of a method that it does not have", async () => {
    const client = await between();
    const { status: end } = await client.unary("/test.Echo/Missing", noise(1));
    assert.equal(end.code, status.UNIMPLEMENTED);
    assert.doesNotMatch(end.details, /contender:/);
  });

  it("a message that the caller has compressed, as it is", async () => {
    const server = own.add(await ServerPeer.answering(framed("ok")));
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } })));
    const gzip = { "grpc.default_compression_algorithm": 2 } as const;
    const client = own.add(new GrpcClient(sidecar.address, gzip));
    const message = Buffer.alloc(100_000, "compressible ");
    const { messages } = await client.unary(echo.unary, message);
    assert.deepEqual(messages, [Buffer.from("ok")]);
    const { body, head } = await server.stream();
    assert.deepEqual(head.find(([name]) => name === "grpc-encoding")?.[1], "gzip");
    assert.equal(body[0], 1);
    assert.ok(gunzipSync(body.subarray(5)).equals(message));
  });

  it("a message of 16 MiB", async () => {
    const client = await between();
    const message = Buffer.alloc(16 * 1024 * 1024, noise(1_000_003));
    const { messages, status: end } = await client.unary(echo.unary, message);
    assert.equal(end.code, status.OK, end.details);
    assert.ok(messages[0]?.equals(message));
  });

  it("a caller's cancellation to the server", async () => {
    let cancelled = false;
    const began = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const client = await between({
      chat: (call) => {
        began.resolve();
        call.on("data", () => undefined);
        call.on("cancelled", () => {
          cancelled = true;
          ended.resolve();
        });
      },
    });
    const { call, ended: answered } = client.duplex(echo.chat);
    call.write(noise(5));
    await began.promise;
    call.cancel();
    await ended.promise;
    assert.equal(cancelled, true);
    assert.equal((await answered).status.code, status.CANCELLED);
  });
});
