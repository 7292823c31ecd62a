/** Deadlines that are none, and clocks that jump. The numbers are those of docs/faults.md. */
import assert from "node:assert/strict";
import { FaultWorld, statusOf, textOf } from "../support/fault-world.ts";
import { type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const good = framed(tfResponse([0.5]));

const hourMs = 3_600_000;

describe("grpc-timeout", () => {
  afterEach(() => own.close());

  for (const value of ["597H", "99999999M", "99999999H", "10S", "500m", "99999999u", "99999999n"]) {
    it(`fault 15: ${value} is legal, passed on and not over at once`, async () => {
      const world = await FaultWorld.start(own, { clock: new ManualClock() });
      const call = world.client.call(tfPredict, message, [["grpc-timeout", value]]);
      const stream = await world.stream();
      assert.equal(stream.value("grpc-timeout"), value);
      stream.answer(message);
      assert.equal(statusOf(await call.done()), 0);
      await world.onlyCost();
    });
  }

  for (const value of ["-1S", "1.5S", "", "123456789S", "5", "S", "5s", "5 S", "0x5S", "+5S", "5SS"]) {
    it(`fault 15: ${JSON.stringify(value)} is refused with INTERNAL, and no model is asked`, async () => {
      const world = await FaultWorld.start(own, { clock: new ManualClock() });
      const answer = await world.client.unary(tfPredict, message, [["grpc-timeout", value]]);
      assert.equal(statusOf(answer), 13);
      assert.match(textOf(answer), /^contender: grpc-timeout/);
      assert.deepEqual([world.asked.length, world.byCode], [0, {}]);
      await world.onlyCost({ bad_timeout: 1 });
    });
  }

  for (const value of ["1n", "0n", "0S", "9u"]) {
    it(`fault 16: ${value} is over before the call could be on its way: DEADLINE_EXCEEDED, and no model is asked`, async () => {
      const world = await FaultWorld.start(own, { clock: new ManualClock() });
      const answer = await world.client.unary(tfPredict, message, [["grpc-timeout", value]]);
      assert.equal(statusOf(answer), 4);
      assert.match(textOf(answer), /^contender: deadline/);
      assert.equal(world.asked.length, 0);
      await world.onlyCost({ deadline: 1 });
    });
  }
});

describe("a wall clock", () => {
  afterEach(() => own.close());

  for (const [how, byMs] of [
    ["that is set forward by an hour", hourMs],
    ["that is set back by an hour", -hourMs],
  ] as const) {
    it(`fault 41: ${how} moves no deadline, and no call took a negative time`, async () => {
      const clock = new ManualClock();
      const world = await FaultWorld.start(own, { clock });
      const late = world.client.call(tfPredict, message, [["grpc-timeout", "2S"]]);
      await world.stream(0);
      const quick = world.client.call(tfPredict, message, [["grpc-timeout", "3S"]]);
      const stream = await world.stream(1);
      clock.stepWall(byMs);
      clock.advance(1_500);
      stream.answer(good);
      assert.equal(statusOf(await quick.done()), 0);
      assert.ok(late.answer === undefined, "its deadline is not over");
      clock.advance(510);
      assert.equal(statusOf(await late.done()), 4);
      const { durations } = world.sidecar.live("v41");
      assert.deepEqual([durations.ok.count, Math.round(durations.ok.sum * 1_000)], [1, 1_500]);
      assert.ok(Math.abs(durations.deadline.sum - 2) < 0.05, `${durations.deadline.sum}`);
      await world.onlyCost({ deadline: 1 });
    });

    it(`fault 41: ${how} neither opens nor closes a breaker`, async () => {
      const clock = new ManualClock();
      const challenger = own.add(await ServerPeer.start((stream: PeerStream) => stream.refuse(14)));
      const world = await FaultWorld.start(own, {
        clock,
        onStream: (stream) => void stream.done().then(() => stream.answer(good)),
        variants: { v42: { address: challenger.address, onFailure: "champion" } },
        route: { weights: { v42: 1 } },
        limits: { breaker: { minCalls: 4, resetMs: 60_000 } },
      });
      await world.sidecar.connected();
      for (let i = 0; i < 3; i++) await world.client.unary(tfPredict, message);
      clock.stepWall(byMs);
      assert.equal(world.sidecar.variant("v42").assignments.breaker_open, undefined);
      await world.client.unary(tfPredict, message);
      clock.stepWall(byMs);
      for (let i = 0; i < 3; i++) await world.client.unary(tfPredict, message);
      assert.equal(world.sidecar.variant("v42").assignments.breaker_open, 3, "four failures have opened it");
      assert.equal(challenger.streams.length, 4);
      await world.onlyCost();
    });
  }

  it("fault 41: that stood still while the machine slept has the calls of before end by their deadline at once", async () => {
    const clock = new ManualClock();
    const world = await FaultWorld.start(own, { clock });
    const call = world.client.call(tfPredict, message, [["grpc-timeout", "2S"]]);
    const stream = await world.stream();
    clock.advance(8 * hourMs);
    assert.equal(statusOf(await call.done()), 4);
    await until(() => stream.reset !== undefined, "its model is told");
    const next = world.client.call(tfPredict, message, [["grpc-timeout", "2S"]]);
    (await world.stream(1)).answer(good);
    assert.equal(statusOf(await next.done()), 0);
    await world.onlyCost({ deadline: 1 });
  });
});
