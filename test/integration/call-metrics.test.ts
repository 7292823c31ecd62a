import assert from "node:assert/strict";
import { samplesOf, valueAt } from "../support/exposition.ts";
import { answerHead, ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipInfer, oipRequest, oipResponse, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { type RouteSource, snapshotOf, TestSidecar } from "../support/sidecar.ts";

const own = new Owned();
const request = framed(tfRequest());

type Answer = Buffer | number;

/** A model that gives these answers in turn: a message, or a status alone. */
async function between(answers: readonly Answer[], route: Omit<RouteSource, "variants"> = {}, variant = {}) {
  const clock = new ManualClock();
  let next = 0;
  const server = own.add(
    await ServerPeer.start(
      (stream) =>
        void stream.done().then(() => {
          const answer = answers[next++ % answers.length] ?? assert.fail();
          if (typeof answer === "number") stream.refuse(answer);
          else stream.answer(answer);
        }),
    ),
  );
  const score = { output: "scores", index: 1, range: [0, 1], buckets: [0.25, 0.5, 0.75] };
  const snapshot = snapshotOf({ score, ...route, variants: { v41: { address: server.address, ...variant } } });
  const sidecar = own.add(await TestSidecar.start(snapshot, { clock }));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { clock, server, sidecar, client };
}

describe("what a sidecar counts of its calls:", () => {
  afterEach(() => own.close());

  it("requests by method and code, methods that no dialect knows as one", async () => {
    const { sidecar, client } = await between([framed("x"), 3, 14]);
    for (const path of [tfPredict, tfPredict, tfPredict, oipInfer, "/made.Up/A", "/made.Up/B"]) {
      await client.unary(path, request);
    }
    const metrics = await sidecar.exposed();
    const found = samplesOf(metrics, "contender_requests_total", { route: "fraud", variant: "v41", traffic: "live" });
    const counted = found
      .filter(({ value }) => value > 0)
      .map(({ labels, value }) => [labels.method, labels.grpc_code, value]);
    assert.deepEqual(counted.sort(), [
      ["ModelInfer", "OK", 1],
      ["Predict", "INVALID_ARGUMENT", 1],
      ["Predict", "OK", 1],
      ["Predict", "UNAVAILABLE", 1],
      ["other", "INVALID_ARGUMENT", 1],
      ["other", "UNAVAILABLE", 1],
    ]);
  });

  it("time from the first header to the last byte, by outcome", async () => {
    const { clock, server, sidecar, client } = await between([0]);
    const ask = async (ms: number, code: number) => {
      const before = server.streams.length;
      const call = client.open(tfPredict);
      const stream = await server.stream(before);
      clock.advance(ms);
      stream.refuse(code);
      await call.done();
    };
    await ask(30, 0);
    await ask(200, 13);
    const { durations, upstreamDurations } = sidecar.live("v41");
    assert.deepEqual([durations.ok.count, durations.error.count], [1, 1]);
    assert.ok(Math.abs(durations.ok.sum - 0.03) < 1e-9, `${durations.ok.sum}`);
    assert.ok(Math.abs(upstreamDurations.error.sum - 0.2) < 1e-9, `${upstreamDurations.error.sum}`);
  });

  it("scores of TensorFlow Serving and Open Inference answers, row by row", async () => {
    const { sidecar, client } = await between([
      framed(tfResponse([0.125, 0.375, 0.875])),
      framed(oipResponse([0.625, 0.5])),
    ]);
    await client.unary(tfPredict, request);
    await client.unary(oipInfer, framed(oipRequest()));
    const score = sidecar.live("v41").score;
    assert.deepEqual([score?.count, score?.sum], [5, 2.5]);
    const bucket = async (le: string) =>
      valueAt(await sidecar.exposed(), "contender_score_bucket", { variant: "v41", traffic: "live", le });
    assert.deepEqual(await Promise.all(["0.25", "0.5", "0.75", "+Inf"].map(bucket)), [1, 3, 4, 5]);
  });

  it("a compressed answer as that, and one over the limit as that", async () => {
    const long = framed(Buffer.alloc(1_100_000));
    const { sidecar, client } = await between([framed("zip", 1), long]);
    await client.unary(tfPredict, request);
    assert.deepEqual((await client.unary(tfPredict, request)).bytes, long.length);
    assert.deepEqual(sidecar.live("v41").scoreInvalid, { compressed: 1, over_size: 1 });
  });

  it("no score of an answer that failed, whatever it carried", async () => {
    const server = own.add(
      await ServerPeer.start((stream) => stream.answer(framed(tfResponse([0.5])), [["grpc-status", "13"]])),
    );
    const snapshot = snapshotOf({ score: { output: "scores" }, variants: { v41: server.address } });
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    await client.unary(tfPredict, request);
    assert.deepEqual([sidecar.live("v41").score?.count, sidecar.live("v41").scoreInvalid], [0, {}]);
  });

  it("answers from another model version than the one expected", async () => {
    const answers = ["41", "41", "42"].map((version) => framed(tfResponse([0.5], version)));
    const { sidecar, client } = await between(answers, {}, { expectVersion: "41" });
    for (let i = 0; i < answers.length; i++) await client.unary(tfPredict, request);
    assert.equal(sidecar.variant("v41").versionMismatches, 1);
    assert.equal(valueAt(await sidecar.exposed(), "contender_version_mismatch_total", { variant: "v41" }), 1);
    assert.equal(sidecar.live("v41").score?.count, 3);
  });

  it("an answer that comes in pieces as one, and none before it is complete", async () => {
    const server = own.add(await ServerPeer.start());
    const snapshot = snapshotOf({ score: { output: "scores", index: 1 }, variants: { v41: server.address } });
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const call = client.call(tfPredict, request);
    const stream = await server.stream();
    stream.headers(answerHead);
    const whole = framed(tfResponse([0.25]));
    for (const byte of whole) stream.data(Buffer.of(byte));
    assert.equal(sidecar.live("v41").requests, 0);
    stream.end([["grpc-status", "0"]]);
    await call.done();
    assert.deepEqual([sidecar.live("v41").score?.count, sidecar.live("v41").score?.sum], [1, 0.25]);
  });

  it("streams and connections that are open, on both sides", async () => {
    const server = own.add(await ServerPeer.start());
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } })));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    for (let i = 0; i < 3; i++) client.call(tfPredict, request);
    await server.stream(2);
    const metrics = await sidecar.exposed();
    for (const [side, streams] of [
      ["downstream", 3],
      ["upstream", 3],
    ] as const) {
      assert.equal(valueAt(metrics, "contender_streams_active", { side }), streams);
      assert.equal(valueAt(metrics, "contender_connections_active", { side }), 1);
    }
    assert.equal(valueAt(metrics, "contender_pool_connections", { variant: "v41", state: "ready" }), 1);
  });
});
