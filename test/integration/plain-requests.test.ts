/** Requests that are no gRPC calls, where they are passed on: by node:http2 on both sides, and frame by frame where it matters. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { errorCode } from "../../src/http2/constants.ts";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, type Fields, freeAddress, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { blockOf } from "../support/hpack.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { type RouteSource, type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();

type Answering = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A server by Node's own HTTP/2. */
async function serve(answer: Answering): Promise<string> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  own.add({
    close: () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function forwarding(address: string, options: SidecarOptions = {}, route: Partial<RouteSource> = {}) {
  const snapshot = snapshotOf({ ...route, variants: { v41: address } });
  return own.add(await TestSidecar.start(snapshot, { nonGrpc: "forward", ...options }));
}

function open({ address }: TestSidecar): ClientHttp2Session {
  const session = connect(`http://${address}`);
  own.add({ close: () => session.destroy() });
  return session;
}

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders | undefined;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Got> {
  let trailers: IncomingHttpHeaders | undefined;
  stream.on("trailers", (fields) => {
    trailers = fields;
  });
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return { headers, body: Buffer.concat(pieces), trailers };
}

const ask = (sidecar: TestSidecar, headers: OutgoingHttpHeaders) =>
  answerOf(open(sidecar).request(headers, { endStream: true }));

async function countsOf(sidecar: TestSidecar): Promise<Record<string, number>> {
  const samples = (await sidecar.exposed()).get("contender_plain_requests_total")?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [labels.status, value]));
}

const plain = (method: string, more: Fields = []): Fields => [
  [":method", method],
  ["content-type", "text/plain"],
  ...more,
];

/** The sidecar between two peers of which a test decides every frame. */
async function between(options: SidecarOptions & { readonly route?: Partial<RouteSource> } = {}) {
  const { route = {}, ...rest } = options;
  const server = own.add(await ServerPeer.start());
  const sidecar = await forwarding(server.address, rest, route);
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { server, sidecar, client };
}

/** Returns when the sidecar has seen everything that was sent before on this connection. */
async function fence(client: ClientPeer): Promise<void> {
  await client.unary(tfPredict, framed("x"), [["grpc-timeout", "-"]]);
}

const headOf = (stream: PeerStream) => stream.head.filter(([name]) => name !== ":authority");

describe("a request that is no gRPC call, where such are passed on,", () => {
  afterEach(() => own.close());

  it("reaches the champion of the default route with method, path and fields as they came", async () => {
    const { server, client } = await between();
    const call = client.open(
      "/v1/models/fraud?x=1",
      plain("DELETE", [
        ["x-b", "\xff"],
        ["x-a", "1"],
        ["x-b", "2"],
      ]),
      {
        end: true,
      },
    );
    const stream = await server.stream();
    assert.deepEqual(headOf(stream), [
      [":method", "DELETE"],
      [":scheme", "http"],
      [":path", "/v1/models/fraud?x=1"],
      ["te", "trailers"],
      ["content-type", "text/plain"],
      ["x-b", "\xff"],
      ["x-a", "1"],
      ["x-b", "2"],
      ["x-contender-hop", "fraud"],
    ]);
    assert.equal(stream.value(":authority"), server.address);
    assert.equal(stream.headOnly, true);
    const answer: Fields = [
      [":status", "404"],
      ["content-type", "text/html"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ];
    stream.headers(answer);
    stream.data(Buffer.from("<p>"), true);
    const got = await call.done();
    assert.deepEqual([got.head, got.body.toString(), got.trailers], [answer, "<p>", undefined]);
  });

  it("counts by the class of its status, for no variant, and is in no log of predictions", async () => {
    const seen: unknown[] = [];
    const address = await serve((stream, { ":path": path }) => {
      stream.respond({ ":status": Number(path?.slice(1)) }, { endStream: true });
    });
    const sidecar = await forwarding(address, { records: () => ({ add: (call) => void seen.push(call) }) });
    for (const status of [200, 201, 301, 404, 500, 503, 599]) {
      assert.equal((await ask(sidecar, { ":path": `/${status}` })).headers[":status"], status);
    }
    assert.deepEqual(await countsOf(sidecar), { "2xx": 2, "3xx": 1, "4xx": 1, "5xx": 3 });
    assert.deepEqual([sidecar.live("v41").requests, sidecar.variant("v41").assignments], [0, {}]);
    assert.deepEqual([seen, sidecar.localReplies], [[], {}]);
  });

  it("HEAD gets the length of a body that does not come", async () => {
    const address = await serve((stream) => {
      stream.respond({ "content-length": 1_234, etag: "x" }, { endStream: true });
    });
    const sidecar = await forwarding(address);
    const { headers, body } = await ask(sidecar, { ":method": "HEAD", ":path": "/" });
    assert.deepEqual([headers[":status"], headers["content-length"], headers.etag, body.length], [200, "1234", "x", 0]);
  });

  it("304 keeps the length of what it does not bring", async () => {
    const { server, client } = await between();
    const call = client.open("/", plain("GET"), { end: true });
    (await server.stream()).headers(
      [
        [":status", "304"],
        ["content-length", "99"],
      ],
      true,
    );
    const got = await call.done();
    assert.deepEqual([got.value(":status"), got.value("content-length"), got.headOnly], ["304", "99", true]);
  });

  it("204 has no body and ends with its head", async () => {
    const address = await serve((stream) => stream.respond({ ":status": 204 }, { endStream: true }));
    const sidecar = await forwarding(address);
    const { headers, body } = await ask(sidecar, { ":method": "PUT", ":path": "/" });
    assert.deepEqual([headers[":status"], body.length], [204, 0]);
  });

  it("brings its trailers, and gets the answer's", async () => {
    let trailers: IncomingHttpHeaders | undefined;
    const address = await serve((stream) => {
      stream.on("trailers", (fields) => {
        trailers = fields;
      });
      stream.resume().on("end", () => {
        stream.respond({ ":status": 200 }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "x-after": "answer" }));
        stream.end("whole");
      });
    });
    const sidecar = await forwarding(address);
    const stream = open(sidecar).request({ ":method": "POST", ":path": "/" }, { waitForTrailers: true } as object);
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-after": "request" }));
    stream.end("body");
    const got = await answerOf(stream);
    assert.equal(trailers?.["x-after"], "request");
    assert.deepEqual([got.body.toString(), got.trailers?.["x-after"]], ["whole", "answer"]);
  });

  it("has 100 passed on to who waits for it, once, and no other interim answer", async () => {
    const { server, sidecar } = await between();
    const interim: (string | undefined)[] = [];
    const stream = open(sidecar).request({ ":method": "POST", ":path": "/", expect: "100-continue" });
    stream.on("headers", (headers) => interim.push(String(headers[":status"])));
    const asked = await server.stream();
    for (const status of ["103", "100", "100", "102"]) asked.headers([[":status", status]]);
    await once(stream, "continue");
    stream.end("now");
    await asked.done();
    asked.headers([[":status", "200"]]);
    asked.data(Buffer.from("thanks"), true);
    const { body } = await answerOf(stream);
    assert.deepEqual([interim, body.toString(), asked.body.toString()], [["100"], "thanks", "now"]);
  });

  it("may be longer than every window, both ways, and is credited whole", async () => {
    const address = await serve((stream, headers) => {
      stream.respond({ "content-length": headers["content-length"] });
      stream.pipe(stream);
    });
    const sidecar = await forwarding(address);
    const body = Buffer.alloc(9 << 20, "some 37 bytes that repeat out of step");
    const stream = open(sidecar).request({ ":method": "POST", ":path": "/", "content-length": body.length });
    stream.end(body);
    const got = await answerOf(stream);
    const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
    assert.equal(hash(got.body), hash(body));
    assert.deepEqual(await countsOf(sidecar), { "2xx": 1 });
  });

  it("is read on where the answer is whole before it", async () => {
    const { server, client, sidecar } = await between();
    const call = client.open("/", plain("POST"));
    const stream = await server.stream();
    stream.headers([[":status", "200"]]);
    stream.data(Buffer.from("early"), true);
    await call.done();
    call.data(Buffer.from("late, "));
    call.data(Buffer.from("but wanted"), true);
    await stream.done();
    assert.equal(stream.body.toString(), "late, but wanted");
    await until(() => client.connection.streamCount === 0, "the caller's stream is over");
    assert.equal(call.reset, undefined);
    assert.deepEqual(await countsOf(sidecar), { "2xx": 1 });
  });

  it("that its server stops reading is told to stop, after a while in which it may end by itself", async () => {
    const clock = new ManualClock();
    const { server, client, sidecar } = await between({ clock });
    const call = client.open("/", plain("POST"));
    const stream = await server.stream();
    stream.headers([[":status", "413"]]);
    stream.data(Buffer.from("enough"), true);
    stream.stream.reset(errorCode.NO_ERROR);
    const got = await call.done();
    call.data(Buffer.from("more"));
    await fence(client);
    assert.equal(call.reset, undefined);
    clock.advance(1_100);
    await until(() => call.reset !== undefined, "the request is told to stop");
    assert.deepEqual(call.reset, { code: errorCode.NO_ERROR, how: "peer" });
    assert.deepEqual([got.value(":status"), got.body.toString()], ["413", "enough"]);
    assert.deepEqual(await countsOf(sidecar), { "4xx": 1 });
  });

  it("that its caller gives up is cancelled upstream", async () => {
    const { server, client, sidecar } = await between();
    const call = client.open("/", plain("POST"));
    const stream = await server.stream();
    call.cancel();
    await until(() => stream.reset !== undefined, "the upstream's stream is reset");
    assert.deepEqual(stream.reset, { code: errorCode.CANCEL, how: "peer" });
    assert.deepEqual([await countsOf(sidecar), sidecar.localReplies], [{ aborted: 1 }, {}]);
  });

  it("waits for a connection with all that came meanwhile, trailers too", async () => {
    const address = await freeAddress();
    const snapshot = snapshotOf({ variants: { v41: address } });
    const clock = new ManualClock();
    const sidecar = own.add(await TestSidecar.listen(snapshot, { nonGrpc: "forward", clock }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    // The first attempt fails at once; the next begins after a pause, and calls wait for it.
    await until(() => sidecar.events.some(({ kind }) => kind === "connect_failed"), "the first attempt has failed");
    const server = own.add(await ServerPeer.start(undefined, { port: Number(address.split(":")[1]) }));
    clock.advance(200);
    const call = client.open("/", plain("POST"));
    call.data(Buffer.from("held"));
    call.stream.sendTrailers(blockOf([["x-after", "1"]]));
    const stream = await server.stream();
    await stream.done();
    assert.deepEqual([stream.body.toString(), stream.trailers], ["held", [["x-after", "1"]]]);
    stream.headers([[":status", "204"]], true);
    assert.equal((await call.done()).value(":status"), "204");
  });

  it("is sent again, once and whole, where the upstream never looked at it", async () => {
    const { server, client } = await between();
    const call = client.open("/", plain("POST"));
    call.data(Buffer.from("body"), true);
    const refused = await server.stream();
    await refused.done();
    refused.stream.reset(errorCode.REFUSED_STREAM);
    const stream = await server.stream(1);
    await stream.done();
    assert.equal(stream.body.toString(), "body");
    stream.stream.reset(errorCode.REFUSED_STREAM);
    assert.equal((await call.done()).value(":status"), "503");
  });

  it("goes to the pod's own server where a sidecar before this one has passed it on", async () => {
    const local = own.add(await ServerPeer.start((stream) => stream.headers([[":status", "200"]], true)));
    const server = own.add(await ServerPeer.start());
    const snapshot = snapshotOf({ variants: { v41: server.address, v42: local.address } });
    const sidecar = own.add(await TestSidecar.start(snapshot, { nonGrpc: "forward", local: local.address }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    await client.open("/", plain("GET", [["x-contender-hop", "fraud"]]), { end: true }).done();
    client.open("/", plain("GET", [["x-contender-hop", "no route"]]), { end: true });
    await server.stream();
    assert.deepEqual([local.streams.length, server.streams.length], [1, 1]);
    assert.deepEqual(local.streams[0]?.values("x-contender-hop"), ["fraud"]);
  });

  it("goes to the champion where the peer that says so is not to be trusted", async () => {
    const local = own.add(await ServerPeer.start());
    const server = own.add(await ServerPeer.start());
    const snapshot = snapshotOf({ variants: { v41: server.address, v42: local.address } });
    const options = { nonGrpc: "forward", local: local.address, trustHop: "none" } as const;
    const sidecar = own.add(await TestSidecar.start(snapshot, options));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    client.open("/", plain("GET", [["x-contender-hop", "fraud"]]), { end: true });
    await server.stream();
    assert.equal(local.streams.length, 0);
  });

  it("leaves the queue when its caller does", async () => {
    const server = own.add(await ServerPeer.start(undefined, { maxConcurrentStreams: 1 }));
    const sidecar = await forwarding(server.address, { limits: { transport: { maxConnections: 1 } } });
    const client = own.add(await ClientPeer.connect(sidecar.address));
    client.open("/", plain("GET"), { end: true });
    const queued = async () => (await sidecar.exposed()).get("contender_queue_calls")?.samples[0]?.value;
    await server.stream();
    const waiting = client.open("/", plain("GET"), { end: true });
    await fence(client);
    assert.equal(await queued(), 1);
    waiting.cancel();
    await fence(client);
    assert.equal(await queued(), 0);
  });

  it("leaves gRPC calls what they are: looked at, counted, and refused by gRPC's own rules", async () => {
    const server = own.add(await ServerPeer.answering(framed("ok")));
    const sidecar = await forwarding(server.address);
    const client = own.add(await ClientPeer.connect(sidecar.address));
    assert.equal((await client.unary(tfPredict, framed(tfRequest()))).value("grpc-status"), "0");
    assert.equal((await client.unary(tfPredict, framed("x"), [["grpc-timeout", "-"]])).value("grpc-status"), "13");
    const many: Fields = Array.from({ length: 1_000 }, (_, i) => [`x-${i}`, ""]);
    assert.equal((await client.unary(tfPredict, framed("x"), many)).value("grpc-status"), "8");
    assert.deepEqual(sidecar.localReplies, { bad_timeout: 1, headers_too_large: 1 });
    assert.deepEqual([sidecar.live("v41").requests, await countsOf(sidecar)], [1, {}]);
  });

  it("does not make an HTTP answer to a gRPC call pass for one", async () => {
    const { server, client } = await between();
    const call = client.call(tfPredict, framed("x"));
    const stream = await server.stream();
    stream.headers([[":status", "404"]], true);
    assert.equal((await call.done()).value("grpc-status"), "12");
  });
});

describe("what is said in HTTP in an upstream's place", () => {
  afterEach(() => own.close());

  const failures: readonly (readonly [
    what: string,
    status: string,
    reason: string,
    fail: (stream: PeerStream) => void,
  ])[] = [
    ["a reset", "502", "upstream_reset", (stream) => stream.stream.reset(errorCode.INTERNAL_ERROR)],
    ["a lost connection", "502", "upstream_gone", (stream) => void stream],
    [
      "a broken rule of HTTP/2",
      "502",
      "upstream_protocol",
      (stream) =>
        stream.headers([
          [":status", "200"],
          ["connection", "close"],
        ]),
    ],
  ];
  for (const [what, status, reason, fail] of failures) {
    it(`for ${what} is ${status} with a body that says why`, async () => {
      const { server, client, sidecar } = await between();
      const call = client.open("/", plain("GET"), { end: true });
      const stream = await server.stream();
      fail(stream);
      if (reason === "upstream_gone") server.peers[0]?.close();
      const got = await call.done();
      assert.equal(got.value(":status"), status);
      assert.match(got.body.toString(), /^contender: .*v41/);
      assert.deepEqual([sidecar.localReplies, await countsOf(sidecar)], [{ [reason]: 1 }, { "5xx": 1 }]);
    });
  }

  it("without a connection is 503", async () => {
    const address = await freeAddress();
    const snapshot = snapshotOf({ variants: { v41: address } });
    const sidecar = own.add(await TestSidecar.listen(snapshot, { nonGrpc: "forward" }));
    await until(() => sidecar.events.some(({ kind }) => kind === "connect_failed"), "the first attempt has failed");
    const { headers, body } = await ask(sidecar, { ":path": "/" });
    assert.equal(headers[":status"], 503);
    assert.match(body.toString(), /^contender: no connection to v41/);
  });

  it("to HEAD has no body, and the connection goes on", async () => {
    const address = await freeAddress();
    const sidecar = own.add(
      await TestSidecar.listen(snapshotOf({ variants: { v41: address } }), { nonGrpc: "forward" }),
    );
    await until(() => sidecar.events.some(({ kind }) => kind === "connect_failed"), "the first attempt has failed");
    const session = open(sidecar);
    for (let i = 0; i < 2; i++) {
      const { headers, body } = await answerOf(
        session.request({ ":method": "HEAD", ":path": "/" }, { endStream: true }),
      );
      assert.deepEqual([headers[":status"], body.length], [503, 0]);
    }
    assert.equal(session.closed, false);
  });

  it("that its caller leaves unread, beyond what may wait for a connection, is a reset", async () => {
    const limits = { proxy: { connectionUnreadBytes: 100_000 } };
    const { server, sidecar } = await between({ limits });
    const client = own.add(await ClientPeer.connect(sidecar.address, { streamWindowBytes: 1_024 }));
    const calls = Array.from({ length: 5 }, () => client.open("/", plain("GET"), { end: true, reading: false }));
    for (let i = 0; i < calls.length; i++) {
      const stream = await server.stream(i);
      stream.headers([[":status", "200"]]);
      stream.data(Buffer.alloc(200_000));
    }
    await until(() => calls.some(({ reset }) => reset !== undefined), "one is reset");
    const shed = valueAt(await sidecar.exposed(), "contender_overload_shed_total", { resource: "connection" });
    assert.ok((shed ?? 0) >= 1);
  });

  it("at the route's longest deadline is 504, and the upstream's stream is cancelled", async () => {
    const clock = new ManualClock();
    const { server, client, sidecar } = await between({ clock, route: { maxTimeout: "2s" } });
    const call = client.open("/", plain("GET"), { end: true });
    const stream = await server.stream();
    clock.advance(2_100);
    const got = await call.done();
    assert.deepEqual([got.value(":status"), got.body.toString()], ["504", "contender: deadline exceeded\n"]);
    await until(() => stream.reset !== undefined, "the upstream's stream is reset");
    assert.deepEqual([stream.reset?.code, sidecar.localReplies], [errorCode.CANCEL, { deadline: 1 }]);
  });

  it("after the answer's head is a reset: a body that broke off must not look whole", async () => {
    const { server, client, sidecar } = await between();
    const call = client.open("/", plain("GET"), { end: true });
    const stream = await server.stream();
    stream.headers([[":status", "200"]]);
    stream.data(Buffer.from("half"));
    await until(() => call.answer?.bytes === 4, "half of it is here");
    stream.stream.reset(errorCode.CANCEL);
    await until(() => call.reset !== undefined, "the caller's stream is reset");
    assert.deepEqual(call.reset, { code: errorCode.INTERNAL_ERROR, how: "peer" });
    assert.deepEqual([sidecar.localReplies, await countsOf(sidecar)], [{ upstream_reset: 1 }, { aborted: 1 }]);
  });

  it("for a header list over the limit is 431", async () => {
    const { client, server, sidecar } = await between();
    const many: Fields = Array.from({ length: 1_000 }, (_, i) => [`x-${i}`, ""]);
    const got = await client.open("/", plain("GET", many), { end: true }).done();
    assert.equal(got.value(":status"), "431");
    assert.deepEqual([server.streams.length, sidecar.localReplies], [0, { headers_too_large: 1 }]);
  });
});
