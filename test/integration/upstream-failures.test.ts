import assert from "node:assert/strict";
import { errorCode } from "../../src/http2/constants.ts";
import { answerHead, ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());

async function between(onStream: (stream: PeerStream) => void = () => undefined) {
  const server = own.add(await ServerPeer.start(onStream));
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } })));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { server, sidecar, client };
}

const statusOf = (answer: PeerStream): number => Number(answer.value("grpc-status"));
const textOf = (answer: PeerStream): string => answer.value("grpc-message") ?? "";

describe("a caller that goes away", () => {
  afterEach(() => own.close());

  it("by cancelling its call cancels it upstream, and counts as cancelled", async () => {
    const { server, client, sidecar } = await between();
    const call = client.call(tfPredict, message);
    const stream = await server.stream();
    await stream.done();
    call.cancel();
    await until(() => stream.reset !== undefined, "the upstream's stream is reset");
    assert.deepEqual(stream.reset, { code: errorCode.CANCEL, how: "peer" });
    assert.deepEqual(sidecar.live("v41").byCode, { CANCELLED: 1 });
    assert.equal(sidecar.live("v41").durations.cancelled.count, 1);
    assert.deepEqual(sidecar.localReplies, {});
  });

  it("in the middle of an answer does the same", async () => {
    const { server, client } = await between();
    const call = client.open(tfPredict);
    const stream = await server.stream();
    stream.headers(answerHead);
    stream.data(message);
    await until(() => call.answer?.bytes === message.length, "the message is here");
    call.cancel();
    await until(() => stream.reset !== undefined, "the upstream's stream is reset");
    assert.deepEqual(stream.reset, { code: errorCode.CANCEL, how: "peer" });
  });

  it("with its connection cancels all of its calls and nobody else's", async () => {
    const { server, client, sidecar } = await between();
    const other = own.add(await ClientPeer.connect(sidecar.address));
    for (let i = 0; i < 5; i++) client.call(tfPredict, message);
    await server.stream(4);
    const kept = other.call(tfPredict, message);
    const last = await server.stream(5);
    client.close();
    await until(
      () => server.streams.filter(({ reset }) => reset?.code === errorCode.CANCEL).length === 5,
      "five reset",
    );
    last.answer(message);
    assert.equal(statusOf(await kept.done()), 0);
    assert.deepEqual(sidecar.live("v41").byCode, { CANCELLED: 5, OK: 1 });
  });
});

describe("an upstream that answers before the request is complete", () => {
  afterEach(() => own.close());

  it("has its status delivered, and the caller is told to stop sending", async () => {
    const { server, client, sidecar } = await between((stream) => {
      stream.headers(answerHead);
      stream.data(framed("enough"));
      stream.end([["grpc-status", "9"]]);
    });
    const call = client.open(tfPredict);
    call.data(message.subarray(0, 7));
    const answer = await call.done();
    assert.deepEqual([statusOf(answer), answer.body], [9, framed("enough")]);
    await until(() => call.reset !== undefined, "the call is reset");
    assert.deepEqual(call.reset, { code: errorCode.NO_ERROR, how: "peer" });
    await until(() => server.streams[0]?.reset !== undefined, "its upstream stream is reset");
    assert.deepEqual(sidecar.live("v41").byCode, { FAILED_PRECONDITION: 1 });
  });

  it("never uses up the connection's window with what nobody reads any more", async () => {
    const { client } = await between((stream) => stream.refuse(8));
    const part = Buffer.alloc(60_000);
    // 30 MB in all, against a window of 4 MiB.
    for (let i = 0; i < 500; i++) {
      const call = client.open(tfPredict);
      call.data(part);
      assert.equal(statusOf(await call.done()), 8);
    }
    await until(() => client.connection.streamCount === 0, "every call is over");
    assert.ok(client.connection.sender.window > 2_000_000, `window ${client.connection.sender.window}`);
  });
});

describe("an upstream that fails a call", () => {
  afterEach(() => own.close());

  it("by dying before it answers makes it UNAVAILABLE, and says so", async () => {
    const { server, client, sidecar } = await between();
    const call = client.call(tfPredict, message);
    await server.stream();
    server.peers[0]?.close();
    const answer = await call.done();
    assert.deepEqual([statusOf(answer), answer.headOnly], [14, true]);
    assert.match(textOf(answer), /^contender: connection to v41 lost/);
    assert.deepEqual(sidecar.localReplies, { upstream_gone: 1 });
    assert.deepEqual(sidecar.live("v41").byCode, { UNAVAILABLE: 1 });
  });

  it("by dying after three of five messages delivers three, then UNAVAILABLE, and is not asked again", async () => {
    const { server, client } = await between();
    const call = client.call("/test.Echo/Spread", message);
    const stream = await server.stream();
    stream.headers(answerHead);
    for (let i = 0; i < 3; i++) stream.data(framed(`message ${i}`));
    await until(() => call.answer?.bytes === 3 * 14, "three messages are here");
    server.peers[0]?.close();
    const answer = await call.done();
    assert.deepEqual(answer.body, Buffer.concat([0, 1, 2].map((i) => framed(`message ${i}`))));
    assert.equal(answer.trailers?.find(([name]) => name === "grpc-status")?.[1], "14");
    await turns();
    assert.equal(server.streams.length, 1);
  });

  for (const [name, status] of [
    ["NO_ERROR", 13],
    ["PROTOCOL_ERROR", 13],
    ["INTERNAL_ERROR", 13],
    ["FLOW_CONTROL_ERROR", 13],
    ["STREAM_CLOSED", 13],
    ["FRAME_SIZE_ERROR", 13],
    ["COMPRESSION_ERROR", 13],
    ["CONNECT_ERROR", 13],
    ["CANCEL", 1],
    ["ENHANCE_YOUR_CALM", 8],
    ["INADEQUATE_SECURITY", 7],
  ] as const) {
    it(`by resetting it with ${name} gives status ${status}, before the answer and in the middle of it`, async () => {
      const { server, client, sidecar } = await between();
      const before = client.call(tfPredict, message);
      (await server.stream()).stream.reset(errorCode[name]);
      const early = await before.done();
      assert.deepEqual([statusOf(early), early.headOnly], [status, true]);
      assert.match(textOf(early), new RegExp(`^contender: v41 reset the call: ${name}`));

      const within = client.call(tfPredict, message);
      const stream = await server.stream(1);
      stream.headers(answerHead);
      stream.data(message);
      await until(() => within.answer?.bytes === message.length, "the message is here");
      stream.stream.reset(errorCode[name]);
      const late = await within.done();
      assert.deepEqual([late.trailers?.[0], late.body], [["grpc-status", String(status)], message]);
      assert.deepEqual(sidecar.localReplies, { upstream_reset: 2 });
    });
  }

  for (const [http, status] of [
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [500, 2],
    [502, 14],
    [503, 14],
    [504, 14],
    [302, 2],
  ] as const) {
    it(`by HTTP status ${http} without a gRPC status gives status ${status}, and its page stays away`, async () => {
      const page = "<html>internal details</html>";
      const { client, sidecar } = await between((stream) => {
        stream.headers([
          [":status", String(http)],
          ["content-type", "text/html"],
          ["set-cookie", "secret=1"],
        ]);
        stream.data(Buffer.from(page), true);
      });
      const answer = await client.unary(tfPredict, message);
      assert.deepEqual([statusOf(answer), answer.headOnly, answer.bytes], [status, true, 0]);
      assert.equal(answer.value(":status"), "200");
      assert.equal(answer.value("set-cookie"), undefined);
      assert.match(textOf(answer), new RegExp(`^contender: v41 answered HTTP ${http}`));
      assert.deepEqual(sidecar.localReplies, { upstream_http_status: 1 });
    });
  }

  for (const type of ["application/grpc", undefined]) {
    it(`by HTTP status 503 and type ${type ?? "none"} without a gRPC status gives UNAVAILABLE, and no body`, async () => {
      const { client } = await between((stream) => {
        stream.headers([[":status", "503"], ...(type === undefined ? [] : [["content-type", type] as const])]);
        stream.data(Buffer.from("upstream connect error"), true);
      });
      const answer = await client.unary(tfPredict, message);
      assert.deepEqual([statusOf(answer), answer.bytes], [14, 0]);
    });
  }

  it("by a page with HTTP status 200 gives UNKNOWN", async () => {
    const { client } = await between((stream) => {
      stream.headers([
        [":status", "200"],
        ["content-type", "text/html"],
      ]);
      stream.data(Buffer.from("<html>"), true);
    });
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([statusOf(answer), answer.bytes], [2, 0]);
  });

  it("by its own gRPC status beside another HTTP status is heard: gRPC's word counts", async () => {
    const head: Fields = [
      [":status", "503"],
      ["content-type", "application/grpc"],
      ["grpc-status", "8"],
      ["grpc-message", "model is warming up"],
    ];
    const { client, sidecar } = await between((stream) => stream.headers(head, true));
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([statusOf(answer), textOf(answer)], [8, "model is warming up"]);
    assert.deepEqual(sidecar.live("v41").byCode, { RESOURCE_EXHAUSTED: 1 });
    assert.deepEqual(sidecar.localReplies, {});
  });

  it("by ending its answer without trailers passes that on, and counts as UNKNOWN", async () => {
    const { client, sidecar } = await between((stream) => {
      stream.headers(answerHead);
      stream.data(message, true);
    });
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([answer.body, answer.trailers], [message, undefined]);
    assert.deepEqual(sidecar.live("v41").byCode, { UNKNOWN: 1 });
  });

  it("by sending a message before its head gives INTERNAL, and only that call ends", async () => {
    const { server, client, sidecar } = await between();
    const healthy = client.call(tfPredict, message);
    const first = await server.stream();
    const call = client.call(tfPredict, message);
    (await server.stream(1)).data(message);
    const answer = await call.done();
    assert.equal(statusOf(answer), 13);
    assert.match(textOf(answer), /^contender: v41 broke HTTP\/2/);
    assert.deepEqual(sidecar.localReplies, { upstream_protocol: 1 });
    first.answer(message);
    assert.equal(statusOf(await healthy.done()), 0);
  });

  for (const where of ["head", "trailers"] as const) {
    it(`by a header list over the limit in its ${where} gives an error, never a list with fields missing`, async () => {
      const long: Fields = Array.from({ length: 5 }, (_, i) => [`x-long-${i}`, "x".repeat(10_000)]);
      const { client } = await between((stream) => {
        stream.headers(where === "head" ? [...answerHead, ...long] : answerHead);
        stream.data(message);
        stream.end(where === "head" ? [["grpc-status", "0"]] : [["grpc-status", "0"], ...long]);
      });
      const answer = await client.unary(tfPredict, message);
      assert.equal(answer.value("grpc-status"), "13");
      assert.match(textOf(answer), /^contender: /);
    });
  }
});
