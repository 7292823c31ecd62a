import assert from "node:assert/strict";
import { ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipInfer, oipRequest, tfPredict, tfRequest } from "../support/predict.ts";
import { type RouteSource, type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());

interface Given extends SidecarOptions {
  readonly route?: Omit<RouteSource, "variants">;
  readonly maxConcurrentStreams?: number;
}

/** A server that answers what the test lets it answer, and nothing by itself. */
async function between({ route = {}, maxConcurrentStreams = 100, ...options }: Given = {}) {
  const clock = new ManualClock();
  const server = own.add(await ServerPeer.start(() => undefined, { maxConcurrentStreams }));
  const snapshot = snapshotOf({ ...route, variants: { v41: server.address } });
  const sidecar = own.add(await TestSidecar.start(snapshot, { clock, ...options }));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { clock, server, sidecar, client };
}

/** Returns when the sidecar has seen everything that was sent before on this connection. */
async function fence(client: ClientPeer): Promise<void> {
  await client.unary(tfPredict, message, [["grpc-timeout", "-"]]);
}

const timeoutOf = (stream: PeerStream): string | undefined => stream.value("grpc-timeout");

describe("grpc-timeout", () => {
  afterEach(() => own.close());

  it("that is over before a variant was found counts for none", async () => {
    const { clock, client, sidecar } = await between({ route: { key: { from: [{ input: "user" }] } } });
    const cut = client.open(tfPredict, [["grpc-timeout", "50m"]]);
    cut.data(message.subarray(0, 10));
    await fence(client);
    clock.advance(60);
    assert.equal((await cut.done()).value("grpc-status"), "4");
    await client.unary(tfPredict, message, [["grpc-timeout", "1n"]]);
    assert.equal(sidecar.localReplies.deadline, 2);
    assert.equal(sidecar.live("v41").requests, 0);
  });

  it("is kept by the sidecar where the model doesn't: the caller is told and the model's stream cancelled", async () => {
    const { clock, server, client, sidecar } = await between();
    const call = client.call(tfPredict, message, [["grpc-timeout", "2S"]]);
    const stream = await server.stream();
    await stream.done();
    clock.advance(1_990);
    assert.equal(call.answer, undefined);
    clock.advance(20);
    const answer = await call.done();
    assert.deepEqual([answer.value("grpc-status"), answer.headOnly], ["4", true]);
    await until(() => stream.reset !== undefined, "the model's stream is reset");
    assert.deepEqual(stream.reset, { code: 8, how: "peer" });
    assert.deepEqual(sidecar.localReplies, { deadline: 1 });
    assert.deepEqual(sidecar.live("v41").byCode, { DEADLINE_EXCEEDED: 1 });
    assert.equal(sidecar.live("v41").durations.deadline.count, 1);
  });

  for (const [value, afterMs] of [
    ["2S", 1_975],
    ["20m", 16],
    ["2S", 1_999],
    // The C core says 30300m where its caller said 30 s.
    ["30300m", 30_000],
  ] as const) {
    it(`${value} that its caller enforces after ${afterMs} ms counts as such, and not as a change of mind`, async () => {
      const { clock, server, client, sidecar } = await between();
      const call = client.call(tfPredict, message, [["grpc-timeout", value]]);
      const stream = await server.stream();
      clock.advance(afterMs);
      call.cancel();
      await until(() => stream.reset !== undefined, "the model's stream is reset");
      assert.deepEqual(sidecar.live("v41").byCode, { DEADLINE_EXCEEDED: 1 });
      assert.equal(sidecar.live("v41").durations.deadline.count, 1);
      assert.deepEqual(sidecar.localReplies, {});
    });
  }

  for (const [value, afterMs] of [
    ["2S", 1_950],
    ["20m", 14],
  ] as const) {
    it(`${value} is not what ended a call that its caller leaves after ${afterMs} ms`, async () => {
      const { clock, server, client, sidecar } = await between();
      const call = client.call(tfPredict, message, [["grpc-timeout", value]]);
      const stream = await server.stream();
      clock.advance(afterMs);
      call.cancel();
      await until(() => stream.reset !== undefined, "the model's stream is reset");
      assert.deepEqual(sidecar.live("v41").byCode, { CANCELLED: 1 });
      assert.equal(sidecar.live("v41").durations.cancelled.count, 1);
    });
  }

  it("that the model's server enforces first, by CANCEL, is told and counted as the deadline it is", async () => {
    const { clock, server, client, sidecar } = await between();
    const call = client.call(tfPredict, message, [["grpc-timeout", "2S"]]);
    const stream = await server.stream();
    clock.advance(1_999);
    stream.stream.reset(8);
    assert.equal((await call.done()).value("grpc-status"), "4");
    assert.deepEqual(sidecar.live("v41").byCode, { DEADLINE_EXCEEDED: 1 });
    assert.deepEqual(sidecar.localReplies, { deadline: 1 });
  });

  it("that runs out in the middle of an answer ends it with DEADLINE_EXCEEDED in its trailers", async () => {
    const { clock, server, client } = await between();
    const call = client.call(tfPredict, message, [["grpc-timeout", "1S"]]);
    const stream = await server.stream();
    stream.headers([
      [":status", "200"],
      ["content-type", "application/grpc"],
    ]);
    stream.data(framed("half"));
    await until(() => call.answer?.bytes === 9, "half of the answer is here");
    clock.advance(1_010);
    const answer = await call.done();
    assert.equal(answer.trailers?.find(([name]) => name === "grpc-status")?.[1], "4");
    assert.deepEqual(answer.body, framed("half"));
  });

  it("is passed on as what remains where the call had to wait for a stream", async () => {
    const { clock, server, client } = await between({
      maxConcurrentStreams: 1,
      limits: { transport: { maxConnections: 1 } },
    });
    const first = client.call(tfPredict, message);
    const stream = await server.stream();
    const second = client.call(tfPredict, message, [["grpc-timeout", "800m"]]);
    await fence(client);
    clock.advance(300);
    stream.answer(message);
    await first.done();
    const waited = await server.stream(1);
    assert.equal(timeoutOf(waited), "500000u");
    waited.answer(message);
    assert.equal((await second.done()).value("grpc-status"), "0");
  });

  it("is passed on as what remains where its message had to be awaited", async () => {
    const { clock, server, client } = await between({
      route: { key: { from: [{ input: "user" }] }, match: { models: ["fraud"] } },
    });
    const call = client.open(oipInfer, [["grpc-timeout", "2S"]]);
    await fence(client);
    clock.advance(500);
    call.data(framed(oipRequest()), true);
    const stream = await server.stream();
    assert.equal(timeoutOf(stream), "1500000u");
  });

  it("that runs out in the queue ends the call there, and gives its place away", async () => {
    const { clock, server, client } = await between({
      maxConcurrentStreams: 1,
      limits: { transport: { maxConnections: 1 } },
    });
    const first = client.call(tfPredict, message);
    const stream = await server.stream();
    const second = client.call(tfPredict, message, [["grpc-timeout", "100m"]]);
    const third = client.call(tfPredict, message);
    await fence(client);
    clock.advance(120);
    assert.equal((await second.done()).value("grpc-status"), "4");
    stream.answer(message);
    await first.done();
    (await server.stream(1)).answer(message);
    assert.equal((await third.done()).value("grpc-status"), "0");
    assert.equal(server.streams.length, 2);
  });

  describe("of the route (maxTimeout)", () => {
    const route = { maxTimeout: "3s" };

    it("is given to a call that has none", async () => {
      const { clock, server, client } = await between({ route });
      const call = client.call(tfPredict, message);
      assert.equal(timeoutOf(await server.stream()), "3000000u");
      clock.advance(3_010);
      assert.equal((await call.done()).value("grpc-status"), "4");
    });

    it("shortens a longer one", async () => {
      const { server, client } = await between({ route });
      client.call(tfPredict, message, [["grpc-timeout", "10S"]]);
      assert.equal(timeoutOf(await server.stream()), "3000000u");
    });

    it("leaves a shorter one as it is", async () => {
      const { server, client } = await between({ route });
      client.call(tfPredict, message, [["grpc-timeout", "2S"]]);
      assert.equal(timeoutOf(await server.stream()), "2S");
    });
  });

  it("has no say where there is none: a call without one waits for as long as it takes", async () => {
    // A day passes at once: no peer could answer a PING within it.
    const limits = { transport: { keepaliveMs: 0, callerKeepaliveMs: 0 } };
    const { clock, server, client } = await between({ limits });
    const call = client.call(tfPredict, message);
    const stream = await server.stream();
    assert.equal(timeoutOf(stream), undefined);
    clock.advance(86_400_000);
    stream.answer(message);
    assert.equal((await call.done()).value("grpc-status"), "0");
  });
});
