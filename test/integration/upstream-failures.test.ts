import assert from "node:assert/strict";
import { errorCode } from "../../src/http2/constants.ts";
import { answerHead, ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

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

describe("an upstream that fails a call", () => {
  afterEach(() => own.close());

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
