/** Answers as no honest server sends them. The numbers are those of docs/faults.md. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { errorCode } from "../../src/http2/constants.ts";
import { FaultWorld, statusOf, textOf } from "../support/fault-world.ts";
import { answerHead, ClientPeer, type Fields } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipResponse, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";
import { floatField } from "../support/wire-bytes.ts";

const own = new Owned();
const message = framed(tfRequest());
const good = framed(tfResponse([0.5]));

describe("an answer's status", () => {
  afterEach(() => own.close());

  it("fault 17: an answer of one header list stays one", async () => {
    const only: Fields = [...answerHead, ["grpc-status", "5"], ["grpc-message", "no such model"], ["x-extra", "1"]];
    const world = await FaultWorld.start(own, {
      onStream: (stream) => stream.headers(only, true),
      route: { variantHeader: false },
    });
    const answer = await world.client.unary(tfPredict, message);
    assert.deepEqual([answer.headOnly, answer.head, answer.trailers, answer.bytes], [true, only, undefined, 0]);
    assert.deepEqual(world.byCode, { NOT_FOUND: 1 });
    await world.onlyCost();
  });

  const page = "<html>internal details</html>";
  for (const [http, type, status] of [
    [400, "text/html", 13],
    [401, "text/html", 16],
    [403, "text/html", 7],
    [404, "text/html", 12],
    [429, "text/html", 14],
    [500, "text/html", 2],
    [502, "text/html", 14],
    [503, "text/html", 14],
    [504, "text/html", 14],
    [302, "text/html", 2],
    [200, "text/html", 2],
    [503, "application/grpc", 14],
    [503, undefined, 14],
  ] as const) {
    it(`fault 18: HTTP ${http} and type ${type ?? "none"} without a gRPC status is status ${status}, and its page stays away`, async () => {
      const world = await FaultWorld.start(own, {
        onStream: (stream) => {
          const typed: Fields = type === undefined ? [] : [["content-type", type]];
          stream.headers([[":status", String(http)], ...typed, ["set-cookie", "secret=1"]]);
          stream.data(Buffer.from(page), true);
        },
      });
      const answer = await world.client.unary(tfPredict, message);
      assert.deepEqual([statusOf(answer), answer.headOnly, answer.bytes], [status, true, 0]);
      assert.equal(answer.value(":status"), "200");
      assert.equal(answer.value("set-cookie"), undefined);
      assert.match(textOf(answer), new RegExp(`^contender: v41 answered HTTP ${http}`));
      await world.onlyCost({ upstream_http_status: 1 });
    });
  }

  for (const [trailers, counted, what] of [
    [[["grpc-status", "00"]], "OK", "a status with a leading zero"],
    [[["grpc-status", "99"]], "UNKNOWN", "a status that gRPC does not know"],
    [[["grpc-status", "abc"]], "UNKNOWN", "a status that is no number"],
    [[["grpc-status", ""]], "UNKNOWN", "an empty status"],
    [[["x-other", "1"]], "UNKNOWN", "an end without a status"],
    [[["grpc-status", "14"], ["grpc-status", "0"]], "UNKNOWN", "a status twice, the good one last"], // biome-ignore format: a row
    [[["grpc-status", "0"], ["grpc-status", "14"]], "UNKNOWN", "a status twice, the good one first"], // biome-ignore format: a row
  ] as const) {
    it(`fault 19: ${what} reaches the caller as it is and counts as ${counted}`, async () => {
      const world = await FaultWorld.start(own, { onStream: (stream) => stream.answer(good, trailers) });
      const answer = await world.client.unary(tfPredict, message);
      assert.deepEqual(answer.trailers, trailers);
      assert.deepEqual(world.byCode, { [counted]: 1 });
      await world.onlyCost();
    });
  }

  for (const text of ["bad %zz escape", "cut %", "cut %4", "raw \xc3\x28 and %00"]) {
    it(`fault 20: grpc-message ${JSON.stringify(text)} passes as it is`, async () => {
      const world = await FaultWorld.start(own, {
        onStream: (stream) => {
          stream.headers(answerHead);
          stream.end([
            ["grpc-status", "9"],
            ["grpc-message", text],
          ]);
        },
      });
      const answer = await world.client.unary(tfPredict, message);
      assert.deepEqual([statusOf(answer), textOf(answer)], [9, text]);
      await world.onlyCost();
    });
  }
});

describe("an answer before its request is complete", () => {
  afterEach(() => own.close());

  it("fault 25: its status is delivered, and the caller told to stop sending, by NO_ERROR", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => {
        stream.headers(answerHead);
        stream.data(framed("enough"));
        stream.end([["grpc-status", "9"]]);
      },
    });
    const call = world.client.open(tfPredict);
    call.data(message.subarray(0, 7));
    const answer = await call.done();
    assert.deepEqual([statusOf(answer), answer.body], [9, framed("enough")]);
    await until(() => call.reset !== undefined, "the call is reset");
    assert.deepEqual(call.reset, { code: errorCode.NO_ERROR, how: "peer" });
    const stream = await world.stream();
    await until(() => stream.reset !== undefined, "its upstream stream is reset");
    assert.deepEqual(world.byCode, { FAILED_PRECONDITION: 1 });
    await world.onlyCost();
  });

  it("fault 25: what nobody reads any more uses up no window, over 30 MB of it", async () => {
    const world = await FaultWorld.start(own, { onStream: (stream) => stream.refuse(8) });
    const { client } = world;
    const part = Buffer.alloc(60_000);
    // Against a window of 4 MiB.
    for (let i = 0; i < 500; i++) {
      const call = client.open(tfPredict);
      call.data(part);
      assert.equal(statusOf(await call.done()), 8);
    }
    await until(() => client.connection.streamCount === 1, "every call but the bystander is over");
    assert.ok(client.connection.sender.window > 2_000_000, `window ${client.connection.sender.window}`);
    await world.onlyCost();
  });
});

describe("a score", () => {
  afterEach(() => own.close());

  for (const [what, answer, reason] of [
    ["NaN", tfResponse([Number.NaN]), "nan"],
    ["+Inf", tfResponse([Number.POSITIVE_INFINITY]), "infinite"],
    ["-Inf", tfResponse([Number.NEGATIVE_INFINITY]), "infinite"],
    ["1e308, of a float", oipResponse([1e308]), "infinite"],
    ["out of its range", tfResponse([1.5]), "out_of_range"],
    ["missing", tfResponse([0.5], "41", "other"), "missing_output"],
    ["in a field that is none", Buffer.concat([floatField(3, 0.5), Buffer.from("0aff", "hex")]), "malformed"],
  ] as const) {
    it(`fault 37: ${what} has its own counter (${reason}), is in no histogram, and the call goes on`, async () => {
      const path = what.includes("float") ? "/inference.GRPCInferenceService/ModelInfer" : tfPredict;
      const world = await FaultWorld.start(own, {
        onStream: (stream) => stream.answer(framed(answer)),
        route: { score: { output: "scores", index: 1, range: [0, 1] } },
      });
      const got = await world.client.unary(path, message);
      assert.deepEqual([statusOf(got), got.body], [0, framed(answer)]);
      assert.equal(world.sidecar.live("v41").score?.count, 0);
      assert.deepEqual(world.sidecar.live("v41").scoreInvalid, { [reason]: 1 });
      await world.onlyCost();
    });
  }

  it("fault 37: -0 is the score 0", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => stream.answer(framed(tfResponse([-0]))),
      route: { score: { output: "scores", index: 1, range: [0, 1] } },
    });
    await world.client.unary(tfPredict, message);
    const { score, scoreInvalid } = world.sidecar.live("v41");
    assert.deepEqual([score?.count, score?.sum, scoreInvalid], [1, 0, {}]);
    await world.onlyCost();
  });
});

describe("an answer's frames", () => {
  afterEach(() => own.close());

  it("fault 50: padding in a server's frames is taken out, and uses up no window", async () => {
    const server = createServer({ paddingStrategy: constants.PADDING_STRATEGY_MAX }, (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "application/grpc", trailer: "grpc-status" });
      for (let i = 0; i < 4_000; i++) response.write(Buffer.alloc(1_000));
      response.addTrailers({ "grpc-status": "0" });
      response.end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: `127.0.0.1:${port}` } })));
    own.add({ close: () => server.close() });
    const client = own.add(await ClientPeer.connect(sidecar.address));
    for (let i = 0; i < 3; i++) {
      const answer = await client.unary(tfPredict, message);
      assert.deepEqual([answer.bytes, statusOf(answer)], [4_000_000, 0]);
    }
  });
});
