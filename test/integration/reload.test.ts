import assert from "node:assert/strict";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipStream, tfPredict, tfRequest } from "../support/predict.ts";
import { type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const variantOf = (answer: PeerStream): string | undefined => answer.value("x-contender-variant");

/** Two models that answer when the test lets them. */
async function between(options: SidecarOptions = {}) {
  const v41 = own.add(await ServerPeer.start());
  const v42 = own.add(await ServerPeer.start());
  const variants = { v41: v41.address, v42: v42.address };
  const weighted = (weights: Record<string, number>) => snapshotOf({ variants, weights });
  const sidecar = own.add(await TestSidecar.start(weighted({ v41: 1 }), options));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { v41, v42, variants, weighted, sidecar, client };
}

describe("a new configuration", () => {
  afterEach(() => own.close());

  it("that drops a variant ends its connection once its calls have ended, and not before", async () => {
    const clock = new ManualClock();
    const { v41, v42, variants, sidecar, client } = await between({ clock });
    const call = client.open(oipStream);
    call.data(message);
    const stream = await v41.stream();
    sidecar.apply(snapshotOf({ variants: { v42: variants.v42 } }));
    await turns();
    assert.deepEqual(v41.peers[0]?.goaways, [], "it may have to be sent once more");
    clock.advance(30_000);
    await until(() => v41.peers[0]?.goaways.length === 1, "the server is told that nothing new comes");
    await turns();
    assert.equal(v41.peers[0]?.gone, false);
    call.data(message, true);
    await stream.done();
    stream.answer(message);
    assert.equal(variantOf(await call.done()), "v41");
    await until(() => v41.peers[0]?.gone === true, "the connection has ended");
    const next = client.call(tfPredict, message);
    (await v42.stream()).answer(message);
    assert.equal(variantOf(await next.done()), "v42");
  });

  it("costs no call that is under way: one that waits, one that is looked into, one that comes back", async () => {
    const v41 = own.add(await ServerPeer.start(() => undefined, { maxConcurrentStreams: 1 }));
    const next = own.add(await ServerPeer.answering(message));
    const key = { from: [{ input: "customer" }] };
    const limits = { transport: { maxConnections: 1 } };
    const at = (address: string) => snapshotOf({ variants: { v41: address }, key });
    const sidecar = own.add(await TestSidecar.start(at(v41.address), { limits }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const first = client.call(tfPredict, message);
    const stream = await v41.stream();
    const waiting = client.call(tfPredict, message);
    const partial = client.open(tfPredict);
    partial.data(message.subarray(0, 7));
    await client.unary(tfPredict, message, [["grpc-timeout", "-"]]); // the sidecar has seen them
    sidecar.apply(at(next.address));
    partial.data(message.subarray(7), true);
    stream.answer(message);
    await first.done();
    for (const [i, call] of [waiting, partial].entries()) {
      (await v41.stream(1 + i)).answer(message);
      assert.equal((await call.done()).value("grpc-status"), "0");
    }
    await until(() => v41.peers[0]?.gone === true, "the last of them takes the connection along");
    assert.deepEqual([next.streams.length, sidecar.localReplies], [0, { bad_timeout: 1 }]);
  });

  it("leaves a call that its server never looked at, or that a challenger failed, with the addresses it began with", async () => {
    const v41 = own.add(await ServerPeer.start());
    const v42 = own.add(await ServerPeer.start());
    const next = own.add(await ServerPeer.answering(message));
    const at = (champion: string, weights: Record<string, number>) =>
      snapshotOf({ variants: { v41: champion, v42: { address: v42.address, onFailure: "champion" } }, weights });
    const sidecar = own.add(await TestSidecar.start(at(v41.address, { v41: 1 })));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const unseen = client.call(tfPredict, message);
    await (await v41.stream()).done();
    sidecar.apply(at(v41.address, { v42: 1 }));
    const insured = client.call(tfPredict, message);
    const failing = await (await v42.stream()).done();
    sidecar.apply(at(next.address, { v42: 1 }));
    v41.peers[0]?.goaway(0);
    (await v41.stream(1)).answer(message);
    assert.equal((await unseen.done()).value("grpc-status"), "0");
    failing.refuse(14);
    (await v41.stream(2)).answer(message);
    const answer = await insured.done();
    assert.deepEqual([answer.value("grpc-status"), variantOf(answer)], ["0", "v41"]);
    assert.deepEqual([next.streams.length, sidecar.localReplies], [0, {}]);
  });

  it("leaves copies under way counted, against the same limits", async () => {
    const v41 = own.add(await ServerPeer.answering(message));
    const shadow = own.add(await ServerPeer.start());
    const at = (salt: string) =>
      snapshotOf({
        variants: { v41: v41.address, v43: shadow.address },
        weights: { v41: 1 },
        shadows: { v43: { maxInFlight: 2 } },
        salt,
      });
    const sidecar = own.add(await TestSidecar.start(at("0")));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const held = async () => valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind: "shadow_copies" });
    for (let i = 1; i <= 3; i++) {
      await client.unary(tfPredict, message);
      sidecar.apply(at(String(i)));
    }
    await turns();
    assert.equal(shadow.streams.length, 2);
    assert.equal(await held(), 2 * message.length);
    assert.deepEqual(sidecar.variant("v43").shadowDropped, { in_flight_full: 1 });
  });

  it("with another address for a variant sends the next calls there", async () => {
    const { v41, v42, sidecar, client } = await between();
    sidecar.apply(snapshotOf({ variants: { v41: v42.address } }));
    const call = client.call(tfPredict, message);
    (await v42.stream()).answer(message);
    assert.equal(variantOf(await call.done()), "v41");
    assert.equal(v41.streams.length, 0);
  });

  it("moves the champion: what is no prediction follows at once", async () => {
    const { v41, v42, variants, sidecar, client } = await between();
    for (const [champion, server] of [
      ["v41", v41],
      ["v42", v42],
    ] as const) {
      sidecar.apply(snapshotOf({ variants, champion, weights: { v41: 1 } }));
      const call = client.call("/grpc.health.v1.Health/Check", message);
      (await server.stream()).answer(message);
      assert.equal(variantOf(await call.done()), champion);
    }
  });

  it("keeps the counts of the one before", async () => {
    const { v41, weighted, sidecar, client } = await between();
    const ask = async (i: number) => {
      const call = client.call(tfPredict, message);
      (await v41.stream(i)).answer(message);
      await call.done();
    };
    await ask(0);
    sidecar.apply(weighted({ v41: 99, v42: 1 }));
    const version = sidecar.metrics.snapshot().version;
    sidecar.apply(weighted({ v41: 1 }));
    await ask(1);
    assert.deepEqual(sidecar.live("v41").byCode, { OK: 2 });
    assert.notEqual(sidecar.metrics.snapshot().version, version);
  });

  it("that can't be planned changes nothing and is counted", async () => {
    const { v41, weighted, sidecar, client } = await between();
    const before = sidecar.metrics.snapshot().version;
    const [route] = weighted({ v41: 1 }).routes;
    assert.ok(route);
    const broken = { version: "broken", source: "test", routes: [{ ...route, weights: { v41: Number.NaN } }] };
    const applied = sidecar.sidecar.apply(broken);
    assert.ok(!applied.ok && applied.problems.length > 0);
    assert.equal(sidecar.metrics.snapshot().version, before);
    assert.equal(valueAt(await sidecar.exposed(), "contender_config_rejected_total"), 1);
    const call = client.call(tfPredict, message);
    (await v41.stream()).answer(message);
    assert.equal(variantOf(await call.done()), "v41");
  });
});
