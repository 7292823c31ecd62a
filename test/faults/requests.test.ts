/** Requests as no honest library sends them. The numbers are those of docs/faults.md. */
import assert from "node:assert/strict";
import { connect, constants } from "node:http2";
import { gzipSync } from "node:zlib";
import { valueAt } from "../support/exposition.ts";
import { FaultWorld, statusOf, textOf } from "../support/fault-world.ts";
import { answerHead, ClientPeer, type Fields, type PeerStream } from "../support/h2-peer.ts";
import { requestFields } from "../support/h2-raw.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipInfer, tfPredict, tfRequest } from "../support/predict.ts";
import { RawCaller } from "../support/raw-caller.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());

/** A champion that says OK once the request is complete. */
const agreeing = (stream: PeerStream): void => void stream.done().then(() => stream.answer(message));
const echoing = (stream: PeerStream): void => void stream.done().then(() => stream.answer(stream.body));

describe("a request's head", () => {
  afterEach(() => own.close());

  it("fault 4: a header list of 20 KB in the first flight passes, one of 40 KB is RESOURCE_EXHAUSTED", async () => {
    const world = await FaultWorld.start(own, { onStream: agreeing });
    const caller = own.add(new RawCaller(world.sidecar.address));
    caller.greetAndAsk([...requestFields, ["x-long", "y".repeat(40_000)]]);
    await caller.hears(/^HEADERS 1 END_STREAM/);
    assert.deepEqual(world.sidecar.localReplies, { headers_too_large: 1 });
    assert.equal(world.asked.length, 0);
    const fields: Fields = [["x-long", "y".repeat(20_000)]];
    assert.equal(statusOf(await world.client.unary(tfPredict, message, fields)), 0);
    const refused = await world.client.unary(tfPredict, message, [["x-long", "y".repeat(40_000)]]);
    assert.deepEqual([statusOf(refused), refused.headOnly], [8, true]);
    assert.match(textOf(refused), /^contender: header list too large/);
    await world.onlyCost({ headers_too_large: 2 });
  });

  it("fault 5: 130 metadata pairs pass as they are; beyond the list's limit they are RESOURCE_EXHAUSTED", async () => {
    const world = await FaultWorld.start(own, { onStream: agreeing });
    const pairs = (count: number): Fields => Array.from({ length: count }, (_, i) => [`x-pair-${i}`, `${i}`]);
    assert.equal(statusOf(await world.client.unary(tfPredict, message, pairs(130))), 0);
    const { head } = await world.stream();
    assert.deepEqual(
      head.filter(([name]) => name.startsWith("x-pair-")),
      pairs(130),
    );
    // Each pair counts with 32 bytes on top of its own, however short it is.
    assert.equal(statusOf(await world.client.unary(tfPredict, message, pairs(1_000))), 8);
    await world.onlyCost({ headers_too_large: 1 });
  });

  it("fault 6: invalid UTF-8 and bad base64 in -bin arrive byte for byte, as the key too", async () => {
    const key = { from: [{ metadata: "x-user-bin" }, { metadata: "x-latin" }] };
    const world = await FaultWorld.start(own, { onStream: agreeing, route: { key } });
    const bytes = Buffer.from("c328e282ffe9", "hex").toString("latin1");
    for (const fields of [
      [
        ["x-latin", bytes],
        ["x-user-bin", "not base64!"],
      ],
      [
        ["x-user-bin", "====="],
        ["x-latin", bytes],
      ],
      [["x-latin", bytes]],
    ] as const) {
      assert.equal(statusOf(await world.client.unary(tfPredict, message, fields)), 0);
      const { head } = world.asked.at(-1) ?? assert.fail();
      assert.deepEqual(
        head.filter(([name]) => name === "x-latin" || name === "x-user-bin"),
        fields,
      );
    }
    await world.onlyCost();
  });

  for (const [what, fields] of [
    ["a name in upper case", [...requestFields, ["X-Upper", "1"]]],
    ["a connection header", [...requestFields, ["connection", "close"]]],
    ["no :path", requestFields.filter(([name]) => name !== ":path")],
  ] as const) {
    it(`fault 7: ${what} costs its stream, PROTOCOL_ERROR, and the connection's next call is answered`, async () => {
      const world = await FaultWorld.start(own, { onStream: agreeing });
      const caller = own.add(new RawCaller(world.sidecar.address)).greetAndAsk(fields);
      await caller.hears(/^RST_STREAM 1 PROTOCOL_ERROR/);
      assert.equal(world.asked.length, 0);
      caller.ask(3, requestFields, message);
      await caller.hears(/^HEADERS 3 END_STREAM/);
      const blamed = { side: "downstream", fault: "protocol" };
      assert.equal(valueAt(await world.sidecar.exposed(), "contender_stream_faults_total", blamed), 1);
      await world.onlyCost();
    });
  }

  for (const [what, fields, status] of [
    ["GET", [[":method", "GET"]], "405"],
    ["content-type application/json", [["content-type", "application/json"]], "415"],
    ["content-type application/grpc-web", [["content-type", "application/grpc-web"]], "415"],
    ["content-type application/grpcish", [["content-type", "application/grpcish"]], "415"],
  ] as const) {
    it(`fault 8: ${what} gets HTTP ${status} in words, asks no model and counts for no variant`, async () => {
      const world = await FaultWorld.start(own);
      const answer = await world.client.unary(tfPredict, message, fields);
      assert.equal(answer.value(":status"), status);
      assert.match(answer.body.toString(), /^contender: /);
      assert.deepEqual([world.asked.length, world.byCode], [0, {}]);
      await world.onlyCost({ not_grpc: 1 });
    });
  }
});

describe("a request's messages", () => {
  afterEach(() => own.close());

  const huge = Buffer.from("00ffffffff", "hex");

  it("fault 9: a prefix that says 4 GiB passes after five bytes, and nothing is buffered", async () => {
    const world = await FaultWorld.start(own);
    const call = world.client.open(tfPredict);
    call.data(huge);
    const stream = await world.stream();
    await until(() => stream.bytes === 5, "the prefix is at the model");
    // The model's own limit answers, as it does without a sidecar: what is too long is for the model to say.
    stream.refuse(8, "larger than max (4294967295 vs. 4194304)");
    assert.deepEqual(statusOf(await call.done()), 8);
    assert.deepEqual(world.byCode, { RESOURCE_EXHAUSTED: 1 });
    await world.onlyCost();
  });

  it("fault 9: a message of 4 GiB that has to be looked into is held up to peekBytes, then passes to the champion", async () => {
    const peekBytes = 65_536;
    const world = await FaultWorld.start(own, { route: { key: { from: [{ input: "user" }] }, peekBytes } });
    const call = world.client.open(tfPredict);
    call.data(huge);
    call.data(Buffer.alloc(peekBytes + 1));
    const stream = await world.stream();
    await until(() => stream.bytes === 5 + peekBytes + 1, "what was held is at the model");
    assert.deepEqual(world.sidecar.variant("v41").assignments, { peek_limit: 1, not_prediction: 1 });
    assert.equal(valueAt(await world.sidecar.exposed(), "contender_buffered_bytes", { kind: "streams" }), 0);
    stream.refuse(8);
    await call.done();
    await world.onlyCost();
  });

  it("fault 9: a prefix that says 4 GiB for a model that has to be set is refused after five bytes", async () => {
    const world = await FaultWorld.start(own, { champion: { model: { name: "fraud-v41" } } });
    const call = world.client.open(tfPredict);
    call.data(huge);
    const answer = await call.done();
    assert.deepEqual([statusOf(answer), world.asked.length], [13, 0]);
    assert.match(textOf(answer), /^contender: the model of a message for v41 can't be set/);
    await world.onlyCost({ bad_request: 1 });
  });

  it("fault 10: a message that ends after 50 of its 100 bytes passes so, and is not held against the model", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => void stream.done().then(() => stream.refuse(3)),
    });
    const cut = framed("x".repeat(100)).subarray(0, 55);
    assert.equal(statusOf(await world.client.unary(tfPredict, cut)), 3);
    assert.deepEqual((await world.stream()).body, cut);
    assert.deepEqual(world.byCode, { INVALID_ARGUMENT: 1 });
    await world.onlyCost();
  });

  it("fault 10: a message cut off that had to be looked into goes to the champion as malformed", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => void stream.done().then(() => stream.refuse(13)),
      route: { key: { from: [{ input: "user" }] } },
    });
    const cut = message.subarray(0, message.length - 3);
    assert.equal(statusOf(await world.client.unary(tfPredict, cut)), 13);
    assert.deepEqual((await world.stream()).body, cut);
    assert.equal(world.sidecar.variant("v41").assignments.malformed, 1);
    await world.onlyCost();
  });

  it("fault 11: a message in frames of one byte gets the same answer", async () => {
    const world = await FaultWorld.start(own, { onStream: echoing });
    const call = world.client.open(oipInfer);
    for (let i = 0; i < message.length; i++) call.data(message.subarray(i, i + 1), i === message.length - 1);
    assert.deepEqual((await call.done()).body, message);
    assert.deepEqual((await world.stream()).body, message);
    await world.onlyCost();
  });

  for (const [flag, what, fields] of [
    [1, "without grpc-encoding", []],
    [7, "which gRPC does not know", [["grpc-encoding", "gzip"]]],
  ] as const) {
    it(`fault 12: flag ${flag} ${what} passes both ways, and no score is read`, async () => {
      const sent = Buffer.concat([framed("bytes that no inflater takes", flag), framed("", flag)]);
      const world = await FaultWorld.start(own, { onStream: echoing, route: { score: { output: "scores" } } });
      const answer = await world.client.unary(tfPredict, sent, fields);
      assert.deepEqual([answer.body, (await world.stream()).body], [sent, sent]);
      assert.equal(world.sidecar.live("v41").score?.count, 0);
      await world.onlyCost();
    });
  }

  for (const [what, body] of [
    ["a bomb", gzipSync(Buffer.alloc(64_000_000))],
    ["garbage", Buffer.from("no gzip at all")],
  ] as const) {
    it(`fault 13: ${what} as a compressed answer passes unread, and its score is counted as compressed`, async () => {
      const sent = framed(body, 1);
      const onStream = (stream: PeerStream): void => {
        stream.headers([...answerHead, ["grpc-encoding", "gzip"]]);
        stream.data(sent);
        stream.end([["grpc-status", "0"]]);
      };
      const world = await FaultWorld.start(own, { onStream, route: { score: { output: "scores" } } });
      const answer = await world.client.unary(tfPredict, message);
      assert.deepEqual([statusOf(answer), answer.body], [0, sent]);
      assert.deepEqual(world.sidecar.live("v41").scoreInvalid, { compressed: 1 });
      await world.onlyCost();
    });

    it(`fault 13: ${what} as a request whose model has to be set is refused, inflated no further than the limit`, async () => {
      const world = await FaultWorld.start(own, { champion: { model: { name: "fraud-v41" } } });
      const answer = await world.client.unary(tfPredict, framed(body, 1), [["grpc-encoding", "gzip"]]);
      assert.deepEqual([statusOf(answer), world.asked.length], [13, 0]);
      assert.match(textOf(answer), /^contender: the model of a message for v41 can't be set/);
      await world.onlyCost({ bad_request: 1 });
    });
  }

  it("fault 14: messages of no bytes pass, a million of them, every one, and hold nobody up", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => void stream.done().then(() => stream.refuse(0)),
    });
    const other = own.add(await ClientPeer.connect(world.sidecar.address));
    const call = world.client.open("/test.Echo/Collect");
    const many = Buffer.alloc(5 * 10_000);
    let answered = 0;
    for (let i = 0; i < 100; i++) {
      call.data(many, i === 99);
      if (i % 10 === 0 && statusOf(await other.unary(tfPredict, message)) === 0) answered++;
    }
    assert.equal(statusOf(await call.done()), 0);
    const stream = world.asked.find((each) => each.value(":path") === "/test.Echo/Collect");
    assert.deepEqual([stream?.bytes, answered], [5_000_000, 10]);
    await world.onlyCost();
  });

  it("fault 14: a hundred thousand frames of one message each pass, every one", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => void stream.done().then(() => stream.refuse(0)),
    });
    const call = world.client.open("/test.Echo/Collect");
    const tiny = framed("x");
    const before = world.asked.length;
    for (let i = 1; i <= 100_000; i++) call.data(tiny, i === 100_000);
    assert.equal(statusOf(await call.done()), 0);
    assert.deepEqual([world.asked.length - before, world.asked[0]?.bytes], [1, 600_000]);
    await world.onlyCost();
  });

  it("fault 50: padding in a caller's frames is taken out, and uses up no window", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => void stream.done().then(() => stream.refuse(0)),
    });
    const session = connect(`http://${world.sidecar.address}`, { paddingStrategy: constants.PADDING_STRATEGY_MAX });
    own.add({ close: () => session.destroy() });
    const stream = session.request({ ":method": "POST", ":path": tfPredict, "content-type": "application/grpc" });
    const answered = new Promise((resolve) => stream.resume().on("end", resolve));
    const piece = Buffer.alloc(1_000);
    for (let i = 0; i < 6_000; i++) stream.write(piece);
    stream.end();
    await answered;
    assert.equal(world.asked[0]?.bytes, 6_000_000);
    await world.onlyCost();
  });
});
