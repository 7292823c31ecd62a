/** Models that die, refuse, reset and fall silent. The numbers are those of docs/faults.md. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { errorCode } from "../../src/http2/constants.ts";
import { FaultWorld, statusOf, textOf } from "../support/fault-world.ts";
import { answerHead, ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { constantChance } from "../support/scripted-chance.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { ToxicRelay } from "../support/toxic-relay.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const good = framed(tfResponse([0.5]));

/** Returns when the sidecar has seen everything that was sent before on this connection. */
async function fence(client: ClientPeer): Promise<void> {
  await client.unary(tfPredict, message, [["grpc-timeout", "-"]]);
}

describe("a model that goes away", () => {
  afterEach(() => own.close());

  it("fault 21: before it answers makes the call UNAVAILABLE, says so, and is not asked again", async () => {
    const world = await FaultWorld.start(own);
    const call = world.client.call(tfPredict, message);
    await world.stream();
    world.champion.peers[0]?.close();
    const answer = await call.done();
    assert.deepEqual([statusOf(answer), answer.headOnly], [14, true]);
    assert.match(textOf(answer), /^contender: connection to v41 lost/);
    await until(() => world.champion.peers.length === 2, "connected again");
    assert.deepEqual([world.asked.length, world.byCode], [1, { UNAVAILABLE: 2 }]);
    // The bystander on the same connection went with it.
    await world.onlyCostItsConnection({ upstream_gone: 2 });
  });

  it("fault 22: after three of five messages delivers three, then UNAVAILABLE, and is not asked again", async () => {
    const world = await FaultWorld.start(own);
    const call = world.client.call("/test.Echo/Spread", message);
    const stream = await world.stream();
    stream.headers(answerHead);
    for (let i = 0; i < 3; i++) stream.data(framed(`message ${i}`));
    await until(() => call.answer?.bytes === 3 * 14, "three messages are here");
    world.champion.peers[0]?.close();
    const answer = await call.done();
    assert.deepEqual(answer.body, Buffer.concat([0, 1, 2].map((i) => framed(`message ${i}`))));
    assert.equal(answer.trailers?.find(([name]) => name === "grpc-status")?.[1], "14");
    await until(() => world.champion.peers.length === 2, "connected again");
    await turns();
    assert.equal(world.asked.length, 1);
    await world.onlyCostItsConnection({ upstream_gone: 2 });
  });

  it("fault 23: by GOAWAY completes what it has looked at; the rest is sent again, elsewhere", async () => {
    const world = await FaultWorld.start(own);
    const first = world.client.call(tfPredict, message);
    const kept = await world.stream(0);
    const second = world.client.call(tfPredict, message);
    await world.stream(1);
    world.champion.peers[0]?.goaway(kept.stream.id);
    const again = await world.stream(2);
    assert.deepEqual([(await again.done()).body, world.champion.peers.length], [message, 2]);
    again.answer(framed("second"));
    kept.answer(framed("first"));
    assert.deepEqual((await first.done()).body, framed("first"));
    assert.deepEqual((await second.done()).body, framed("second"));
    assert.deepEqual([world.sidecar.variant("v41").resends, world.byCode], [1, { OK: 2 }]);
    await world.onlyCost();
  });

  it("fault 23: by GOAWAY below a call that can't be sent again makes it UNAVAILABLE", async () => {
    const world = await FaultWorld.start(own);
    const call = world.client.call(tfPredict, framed(Buffer.alloc(100_000)));
    const stream = await world.stream();
    await stream.done();
    world.champion.peers[0]?.goaway(1); // the bystander's
    assert.equal(statusOf(await call.done()), 14);
    assert.equal(world.asked.length, 1);
    await world.onlyCost({ upstream_reset: 1 });
  });
});

describe("a model that resets a call", () => {
  afterEach(() => own.close());

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
    it(`fault 24: with ${name} gives status ${status}, before the answer and in the middle of it`, async () => {
      const world = await FaultWorld.start(own);
      const before = world.client.call(tfPredict, message);
      (await world.stream()).stream.reset(errorCode[name]);
      const early = await before.done();
      assert.deepEqual([statusOf(early), early.headOnly], [status, true]);
      assert.match(textOf(early), new RegExp(`^contender: v41 reset the call: ${name}`));

      const within = world.client.call(tfPredict, message);
      const stream = await world.stream(1);
      stream.headers(answerHead);
      stream.data(message);
      await until(() => within.answer?.bytes === message.length, "the message is here");
      stream.stream.reset(errorCode[name]);
      const late = await within.done();
      assert.deepEqual([late.trailers?.[0], late.body], [["grpc-status", String(status)], message]);
      await world.onlyCost({ upstream_reset: 2 });
    });
  }

  it("fault 24: with REFUSED_STREAM is asked once more, then the call is UNAVAILABLE", async () => {
    const world = await FaultWorld.start(own, { onStream: ({ stream }) => stream.reset(errorCode.REFUSED_STREAM) });
    const answer = await world.client.unary(tfPredict, message);
    assert.equal(statusOf(answer), 14);
    assert.match(textOf(answer), /^contender: v41 reset the call: REFUSED_STREAM/);
    assert.deepEqual([world.asked.length, world.sidecar.variant("v41").resends], [2, 1]);
    assert.deepEqual(world.byCode, { UNAVAILABLE: 1 });
    await world.onlyCost({ upstream_reset: 1 });
  });
});

describe("a caller that cancels", () => {
  afterEach(() => own.close());

  for (const when of ["before its answer", "in the middle of its answer"] as const) {
    it(`fault 26: ${when} has the model told by CANCEL without any wait, and it is no failure of the model`, async () => {
      const clock = new ManualClock(); // stands still: whatever waited for a timer would wait for ever
      const world = await FaultWorld.start(own, { clock });
      const call = world.client.call(tfPredict, message);
      const stream = await world.stream();
      await stream.done();
      if (when !== "before its answer") {
        stream.headers(answerHead);
        stream.data(message);
        await until(() => call.answer?.bytes === message.length, "the message is here");
      }
      call.cancel();
      await until(() => stream.reset !== undefined, "the model is told");
      assert.deepEqual(stream.reset, { code: errorCode.CANCEL, how: "peer" });
      assert.deepEqual(world.byCode, { CANCELLED: 1 });
      assert.equal(world.sidecar.live("v41").durations.cancelled.count, 1);
      await world.onlyCost();
    });
  }
});

describe("a model in a black hole", () => {
  afterEach(() => own.close());

  it("fault 28: is given up after the connect timeout, and calls from then on fail at once", async () => {
    const clock = new ManualClock();
    const server = own.add(await ServerPeer.start());
    const relay = own.add(await ToxicRelay.start(() => server.address));
    relay.be("hold");
    const sidecar = own.add(await TestSidecar.listen(snapshotOf({ variants: { v41: relay.address } }), { clock }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const waiting = client.call(tfPredict, message);
    await fence(client);
    clock.advance(999);
    await fence(client);
    assert.ok(waiting.answer === undefined, "it waits");
    clock.advance(1);
    assert.equal(statusOf(await waiting.done()), 14);
    // The clock stands still: no wait is part of this.
    const answer = await client.unary(tfPredict, message);
    assert.equal(statusOf(answer), 14);
    assert.match(textOf(answer), /^contender: no connection to v41: connect failed/);
    assert.deepEqual(sidecar.localReplies, { bad_timeout: 2, queue_timeout: 1, connect_failed: 1 });
  });

  it("fault 28: that it fell into while it was asked has its calls end by the route's maxTimeout, then its breaker opens", async () => {
    const clock = new ManualClock();
    const challenger = own.add(await ServerPeer.start());
    const relay = own.add(await ToxicRelay.start(() => challenger.address));
    const world = await FaultWorld.start(own, {
      clock,
      onStream: (stream) => void stream.done().then(() => stream.answer(good)),
      variants: { v42: { address: relay.address, onFailure: "champion" } },
      route: { weights: { v42: 1 }, maxTimeout: "3s" },
      limits: { breaker: { minCalls: 4 } },
    });
    await world.sidecar.connected();
    relay.be("hold");
    for (let i = 0; i < 4; i++) {
      const call = world.client.call(tfPredict, message);
      await until(() => callsOf(world.sidecar, "v42") === i, "the calls before are counted");
      await fence(world.client);
      clock.advance(3_010);
      assert.equal(statusOf(await call.done()), 4);
    }
    const answer = await world.client.unary(tfPredict, message);
    assert.deepEqual([statusOf(answer), answer.value("x-contender-variant")], [0, "v41"]);
    assert.equal(world.sidecar.variant("v42").assignments.breaker_open, 1);
    // The bystander of the same route has its maxTimeout as well.
    await world.onlyCostItsConnection({ bad_timeout: 4, deadline: 5 });
  });
});

const callsOf = (sidecar: TestSidecar, variant: string): number => sidecar.live(variant).requests;

describe("a model that comes back, or does not", () => {
  afterEach(() => own.close());

  it("fault 31: gets one call of a thousand when its breaker's pause is over, and the others are answered", async () => {
    let broken = true;
    const challenger = own.add(
      await ServerPeer.start((stream: PeerStream) => {
        if (broken) stream.refuse(14);
      }),
    );
    const world = await FaultWorld.start(own, {
      onStream: (stream) => void stream.done().then(() => stream.answer(good)),
      variants: { v42: { address: challenger.address, onFailure: "champion" } },
      route: { weights: { v42: 1 } },
      limits: { breaker: { minCalls: 4, resetMs: 50 } },
    });
    await world.sidecar.connected();
    for (let i = 0; i < 4; i++) await world.client.unary(tfPredict, message);
    broken = false;
    const halfOpen = () => world.sidecar.events.some((event) => event.kind === "breaker" && event.to === "half_open");
    await until(halfOpen, "the pause is over");
    const others = [world.client, own.add(await ClientPeer.connect(world.sidecar.address))];
    const calls = Array.from({ length: 1_000 }, (_, i) => (others[i % 2] as ClientPeer).call(tfPredict, message));
    await until(() => calls.filter((call) => call.answer?.ended).length === 999, "all but the probe are answered");
    assert.equal(challenger.streams.length, 5);
    (await challenger.stream(4)).answer(good);
    for (const call of calls) assert.equal(statusOf(await call.done()), 0);
    assert.equal(world.sidecar.variant("v42").assignments.breaker_open, 999);
    await world.onlyCost();
  });

  it("fault 32: is tried ever more seldom while it comes and goes each second, on one socket at a time", async () => {
    const open = new Set<Socket>();
    let accepted = 0;
    const flapping = createServer((socket) => {
      accepted++;
      open.add(socket);
      socket.on("error", () => undefined).once("close", () => open.delete(socket));
      socket.once("data", () => socket.destroy());
    });
    flapping.listen(0, "127.0.0.1");
    await once(flapping, "listening");
    own.add({ close: () => flapping.close() });
    const { port } = flapping.address() as AddressInfo;
    const clock = new ManualClock();
    const snapshot = snapshotOf({ variants: { v41: `127.0.0.1:${port}` } });
    const sidecar = own.add(await TestSidecar.listen(snapshot, { clock, chance: constantChance(0.5) }));
    for (let second = 0; second < 60; second++) {
      clock.advance(1_000);
      await turns(5);
      assert.ok(open.size <= 1);
    }
    await until(() => open.size === 0, "the last one is gone");
    // Pauses of 0.1, 0.16, … up to 5 s, each as long as the seconds above let it be.
    assert.ok(accepted >= 10 && accepted <= 25, `${accepted} connections in a minute`);
    assert.equal(sidecar.events.filter(({ kind }) => kind === "connected").length, 0);
  });
});
