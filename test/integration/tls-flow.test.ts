import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createSecureServer } from "node:http2";
import { status } from "@grpc/grpc-js";
import { valueAt } from "../support/exposition.ts";
import { echo, GrpcClient, GrpcServer } from "../support/grpc-js.ts";
import { Owned } from "../support/owned.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { TestTls } from "../support/tls.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();

/** TLS on both sides of a sidecar before a grpc-js server that sends everything back. */
async function between() {
  const tls = await TestTls.create(own);
  const { address } = own.add(await GrpcServer.start({}, [], {}, tls.grpcServer()));
  const variants = { v41: { address, tls: { ca: tls.path("ca") } } };
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants }), { tls: tls.listener() }));
  return { tls, sidecar, client: own.add(new GrpcClient(sidecar.address, {}, tls.caller())) };
}

/** Bytes that differ from those of every other number, all the way. */
function filled(number: number, length: number): Buffer {
  return Buffer.alloc(length, createHash("sha256").update(String(number)).digest());
}

describe("over TLS on both sides", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("a message of 64 MiB passes both ways as it is", async () => {
    const { client } = await between();
    const message = filled(1, 64 << 20);
    const { messages, status: end } = await client.unary(echo.unary, message);
    assert.deepEqual([end.code, messages.length], [status.OK, 1]);
    assert.ok(messages[0]?.equals(message));
  });

  it("calls of all sizes at once each get their own answer", async () => {
    const { client } = await between();
    const sizes = [0, 3, 100, 500, 8_100, 8_200, 16_300, 16_400, 40_000, 65_536, 150_000];
    const calls = Array.from({ length: 330 }, async (_, number) => {
      const message = filled(number, sizes[number % sizes.length] as number);
      const { messages } = await client.unary(echo.unary, message);
      return messages[0]?.equals(message) ?? false;
    });
    assert.deepEqual([...new Set(await Promise.all(calls))], [true]);
  });

  it("a caller that reads no more holds its server back, and gets the rest when it reads again", async () => {
    const tls = await TestTls.create(own);
    const answer = filled(3, 16 << 20);
    let sent = 0;
    const server = createSecureServer({ ...tls.server }, (_request, response) => {
      response.writeHead(200, { "content-type": "application/grpc" });
      const write = (): void => {
        while (sent < answer.length) {
          const piece = answer.subarray(sent, sent + 65_536);
          sent += piece.length;
          if (!response.write(piece)) return void response.once("drain", write);
        }
        response.end();
      };
      write();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const bound = server.address();
    assert.ok(bound !== null && typeof bound === "object");
    const variant = { address: `127.0.0.1:${bound.port}`, tls: { ca: tls.path("ca") } };
    const sidecar = own.add(
      await TestSidecar.start(snapshotOf({ variants: { v41: variant } }), { tls: tls.listener() }),
    );
    own.add({ close: () => server.close() });
    const session = connect(`https://localhost:${sidecar.port}`, { ca: tls.authority.cert });
    own.add({ close: () => session.destroy() });
    const stream = session.request({ ":method": "POST", ":path": "/s/m", "content-type": "application/grpc" });
    stream.end();
    await once(stream, "response");
    let before = -1;
    for (let same = 0; same < 10; ) {
      await turns(10);
      same = sent === before ? same + 1 : 0;
      before = sent;
    }
    assert.ok(sent < 4 << 20, `its server was let send ${sent} bytes`);
    const held = valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind: "streams" }) ?? Number.NaN;
    assert.ok(held <= 2 << 20, `${held} bytes are held`);
    const got: Buffer[] = [];
    stream.on("data", (piece: Buffer) => got.push(piece));
    await once(stream, "end");
    assert.ok(Buffer.concat(got).equals(answer));
  });

  it("a caller that ends its half leaves, and its call with it", async () => {
    const tls = await TestTls.create(own);
    let cancelled = false;
    const server = own.add(
      await GrpcServer.start(
        {
          chat: (call) => {
            call.on("cancelled", () => {
              cancelled = true;
            });
            call.on("data", (part: Buffer) => call.write(part));
          },
        },
        [],
        {},
        tls.grpcServer(),
      ),
    );
    const variants = { v41: { address: server.address, tls: { ca: tls.path("ca") } } };
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants }), { tls: tls.listener() }));
    const session = connect(`https://localhost:${sidecar.port}`, { ca: tls.authority.cert });
    session.on("error", () => undefined);
    own.add({ close: () => session.destroy() });
    const head = { ":method": "POST", ":path": echo.chat, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(head, { endStream: false });
    stream.on("error", () => undefined);
    stream.write(Buffer.from([0, 0, 0, 0, 1, 7]));
    await once(stream, "data");
    session.socket.destroy();
    await until(() => cancelled, "its server knows");
    const client = own.add(new GrpcClient(sidecar.address, {}, tls.caller()));
    assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.OK);
  });

  it("unix sockets serve as well, towards callers and towards the model server", async () => {
    const tls = await TestTls.create(own);
    const folder = own.add(new TempFolder());
    const server = createSecureServer({ ...tls.server });
    const seen: (string | undefined)[][] = [];
    server.on("stream", (stream, headers) => {
      seen.push([headers[":scheme"], headers[":authority"]]);
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end();
    });
    const path = folder.at("models.sock");
    server.listen(path);
    await once(server, "listening");
    const variant = { address: `unix:${path}`, tls: { ca: tls.path("ca") } };
    const sidecar = own.add(
      await TestSidecar.start(snapshotOf({ variants: { v41: variant } }), {
        tls: tls.listener(),
        at: { kind: "unix", path: folder.at("proxy.sock") },
      }),
    );
    own.add({ close: () => server.close() });
    const client = own.add(
      new GrpcClient(sidecar.address, { "grpc.ssl_target_name_override": "localhost" }, tls.caller()),
    );
    assert.equal((await client.unary(echo.unary, Buffer.from("x"))).status.code, status.OK);
    assert.deepEqual(seen, [["https", "localhost"]]);
  });
});
