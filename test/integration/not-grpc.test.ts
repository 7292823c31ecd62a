import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { valueAt } from "../support/exposition.ts";
import { echo, GrpcClient, metadataOf } from "../support/grpc-js.ts";
import { ClientPeer, connectTo, type Fields, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();

async function start() {
  const server = own.add(await ServerPeer.answering(framed("ok")));
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } })));
  return { server, sidecar };
}

/** A caller by Node's own HTTP/2. */
function open({ address }: TestSidecar): ClientHttp2Session {
  const session = connect(`http://${address}`);
  own.add({ close: () => session.destroy() });
  return session;
}

async function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body = "") {
  const stream = session.request(headers, { endStream: body === "" });
  stream.on("error", () => undefined);
  const responded = once(stream, "response") as Promise<[IncomingHttpHeaders]>;
  if (body !== "") stream.end(body);
  const [answer] = await responded;
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk as string;
  return { status: answer[":status"], headers: answer, text };
}

describe("a caller that speaks", () => {
  afterEach(() => own.close());

  it("HTTP/1.1 gets 400 with a body that says what this port is, and the connection's end", async () => {
    const { server, sidecar } = await start();
    const asked = request({ host: "127.0.0.1", port: sidecar.port, path: "/v1/models/fraud:predict", method: "POST" });
    asked.end('{"instances": [1]}');
    const [response] = await once(asked, "response");
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    assert.equal(response.statusCode, 400);
    assert.match(text, /^contender: this port speaks gRPC over HTTP\/2/);
    assert.equal(response.headers.connection, "close");
    assert.deepEqual(sidecar.localReplies, { http1: 1 });
    assert.equal(server.streams.length, 0);
  });

  it("neither HTTP/1 nor HTTP/2 has its connection ended with GOAWAY, and others go on", async () => {
    const { sidecar } = await start();
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const socket = connectTo(sidecar.address);
    const got: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => got.push(chunk));
    socket.write("\x00\x03\x01\x02\x00 this is nothing that anybody speaks");
    await once(socket, "close");
    const goaway = Buffer.concat(got).indexOf(Buffer.from([7, 0, 0, 0, 0, 0]));
    assert.ok(goaway > 0, "GOAWAY was sent");
    // A second one right after it is counted, and not told.
    const second = connectTo(sidecar.address);
    second.resume().write("\x00\x03\x01\x02\x00 this is nothing that anybody speaks");
    await once(second, "close");
    const faults = valueAt(await sidecar.exposed(), "contender_connection_faults_total", { fault: "protocol" });
    const told = sidecar.events.filter((event) => event.kind === "caller_fault");
    assert.equal(faults, 2);
    assert.deepEqual(
      told.map(({ code, fault, peer, more }) => [code, fault, peer, more]),
      [[1, "protocol", "127.0.0.1", 0]],
    );
    assert.equal((await client.unary(tfPredict, framed("x"))).value("grpc-status"), "0");
  });

  it("GET gets 405, what is allowed, and a body", async () => {
    const { server, sidecar } = await start();
    const { status, headers, text } = await ask(open(sidecar), { ":method": "GET", ":path": "/" });
    assert.deepEqual([status, headers.allow], [405, "POST"]);
    assert.match(text, /^contender: .*POST/);
    assert.deepEqual(sidecar.localReplies, { not_grpc: 1 });
    assert.deepEqual([server.streams.length, sidecar.live("v41").requests], [0, 0]);
  });

  it("HEAD gets the same without the body, and its connection goes on", async () => {
    const { sidecar } = await start();
    const session = open(sidecar);
    for (let i = 0; i < 2; i++) {
      const { status, headers, text } = await ask(session, { ":method": "HEAD", ":path": "/" });
      assert.deepEqual([status, headers.allow, text], [405, "POST", ""]);
      assert.ok(Number(headers["content-length"]) > 0);
    }
    assert.equal(session.closed, false);
  });

  it("gRPC without a content type gets 415 as well", async () => {
    const { sidecar } = await start();
    assert.equal((await ask(open(sidecar), { ":method": "POST", ":path": tfPredict })).status, 415);
  });
});

describe("a header list over the limit", () => {
  afterEach(() => own.close());

  it("of a grpc-js caller gets RESOURCE_EXHAUSTED, and its next call goes on as before", async () => {
    const { server, sidecar } = await start();
    const client = own.add(new GrpcClient(sidecar.address));
    const many = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`x-long-${i}`, "x".repeat(9_000)]));
    const { status } = await client.unary(echo.unary, Buffer.alloc(10), { metadata: metadataOf(many) });
    assert.equal(status.code, 8);
    assert.match(status.details, /^contender: header list too large/);
    assert.deepEqual(sidecar.localReplies, { headers_too_large: 1 });
    assert.equal(server.streams.length, 0);
    assert.equal((await client.unary(echo.unary, Buffer.alloc(10))).status.code, 0);
  });

  it("that is small on the wire and large once decoded gets the same", async () => {
    const { sidecar } = await start();
    // One field in the table, named over and over.
    const field = ["x-repeated", "y".repeat(3_000)] as const;
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const many: Fields = Array.from({ length: 20 }, () => field);
    const answer = await client.unary(tfPredict, framed("x"), many);
    assert.equal(answer.value("grpc-status"), "8");
    await until(() => sidecar.localReplies.headers_too_large === 1, "it is counted");
  });
});
