/**
 * What a network does to a connection, on each leg: between caller and sidecar, and between the sidecar and its champion, a
 * challenger and a shadow.
 */
import assert from "node:assert/strict";
import { ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { ToxicRelay } from "../support/toxic-relay.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest({ inputs: { text: ["one", "two"] } }));

const legs = ["caller", "champion", "challenger", "shadow"] as const;
type Leg = (typeof legs)[number];

/** Models that answer by who they are, each behind a relay of its own; so is the sidecar for its caller. */
async function between(options: SidecarOptions = {}, shadow: Readonly<Record<string, unknown>> = {}) {
  const answering = async (score: number) => {
    const answer = framed(tfResponse([score]));
    return own.add(await ServerPeer.start((stream) => void stream.done().then(() => stream.answer(answer))));
  };
  const models = { champion: await answering(0.25), challenger: await answering(0.5), shadow: await answering(0.75) };
  const relay = async (target: () => string) => own.add(await ToxicRelay.start(target));
  const relays = {
    caller: await relay(() => sidecar.address),
    champion: await relay(() => models.champion.address),
    challenger: await relay(() => models.challenger.address),
    shadow: await relay(() => models.shadow.address),
  };
  const variants = {
    v41: relays.champion.address,
    v42: relays.challenger.address,
    v43: relays.shadow.address,
  };
  const snapshot = snapshotOf({ pin: true, variants, weights: { v41: 1, v42: 0 }, shadows: { v43: shadow } });
  const sidecar = own.add(await TestSidecar.start(snapshot, options));
  const client = own.add(await ClientPeer.connect(relays.caller.address));
  const ask = (leg: Leg) => client.call(tfPredict, message, leg === "challenger" ? [["x-contender-pin", "v42"]] : []);
  return { models, relays, sidecar, client, ask };
}

/** The variant that a call over this leg is counted for. */
const counted = (leg: Leg): string => (leg === "challenger" ? "v42" : "v41");
const callsOf = (sidecar: TestSidecar, variant: string): number =>
  Object.values(sidecar.variant(variant).assignments).reduce((sum, count) => sum + count, 0);
const statusOf = (answer: PeerStream): string | undefined => answer.value("grpc-status");
const right = (leg: Leg): Buffer => framed(tfResponse([leg === "challenger" ? 0.5 : 0.25]));

describe("a network", function () {
  this.timeout(20_000);
  afterEach(() => own.close());

  for (const leg of legs) {
    it(`fault 11: that passes single bytes between sidecar and ${leg} changes nothing in an answer or a copy`, async () => {
      const { models, relays, sidecar, ask } = await between();
      relays[leg].be("slice");
      const answer = await ask(leg).done();
      assert.deepEqual([statusOf(answer), answer.body], ["0", right(leg)]);
      const asked = leg === "challenger" ? models.challenger : models.champion;
      assert.deepEqual((await asked.stream()).body, message);
      const copies = leg === "challenger" ? 0 : 1;
      await until(() => sidecar.shadow("v43").requests === copies, "the copy is answered");
      assert.deepEqual(models.shadow.streams.map(({ body }) => body), Array(copies).fill(message)); // biome-ignore format: one thing
      assert.deepEqual(sidecar.localReplies, {});
    });
  }

  for (const leg of ["caller", "champion", "challenger"] as const) {
    it(`that stands still between sidecar and ${leg} holds its calls up, and they end well when it goes on`, async () => {
      const { relays, sidecar, ask } = await between();
      relays[leg].be("hold");
      const call = ask(leg);
      await turns();
      assert.deepEqual([call.answer === undefined, sidecar.live(counted(leg)).requests], [true, 0]);
      relays[leg].be("pass");
      assert.deepEqual((await call.done()).body, right(leg));
      assert.deepEqual(sidecar.live(counted(leg)).byCode, { OK: 1 });
      assert.deepEqual(sidecar.localReplies, {});
    });
  }

  it("fault 29: that stands still between sidecar and shadow holds no call up", async () => {
    const { relays, sidecar, ask } = await between();
    relays.shadow.be("hold");
    for (let i = 0; i < 20; i++) assert.deepEqual((await ask("shadow").done()).body, right("shadow"));
    assert.deepEqual([sidecar.live("v41").byCode, sidecar.shadow("v43").requests], [{ OK: 20 }, 0]);
    relays.shadow.be("pass");
    await until(() => sidecar.shadow("v43").requests === 20, "the copies are answered");
    assert.deepEqual(sidecar.localReplies, {});
  });

  for (const leg of ["champion", "challenger"] as const) {
    for (const [how, act] of [
      ["resets the connection to", (relay: ToxicRelay) => relay.reset()],
      ["closes the half of", (relay: ToxicRelay) => relay.halfClose("near")],
    ] as const) {
      it(`that ${how} the ${leg} makes its open calls UNAVAILABLE, and the next connection serves`, async () => {
        const { relays, sidecar, ask } = await between();
        relays[leg].be("hold");
        const call = ask(leg);
        await until(() => callsOf(sidecar, counted(leg)) === 1, "the call is under way");
        act(relays[leg]);
        const answer = await call.done();
        relays[leg].be("pass");
        assert.equal(statusOf(answer), "14");
        assert.match(answer.value("grpc-message") ?? "", /^contender: connection to v4. lost/);
        assert.deepEqual(sidecar.live(counted(leg)).byCode, { UNAVAILABLE: 1 });
        assert.deepEqual(sidecar.localReplies, { upstream_gone: 1 });
        await until(() => relays[leg].accepted === 2, "connected again");
        await sidecar.connected();
        assert.deepEqual((await ask(leg).done()).body, right(leg));
      });
    }
  }

  for (const [how, act] of [
    ["resets the connection of", (relay: ToxicRelay) => relay.reset()],
    ["closes the half of", (relay: ToxicRelay) => relay.halfClose("far")],
  ] as const) {
    it(`that ${how} a caller cancels its calls at their models, and no others`, async () => {
      const { models, relays, sidecar, ask } = await between();
      const other = own.add(await ClientPeer.connect(sidecar.address));
      const open = other.open(tfPredict);
      open.data(message.subarray(0, 5));
      await models.champion.stream();
      relays.champion.be("hold");
      ask("caller");
      await until(() => callsOf(sidecar, "v41") === 2, "both are under way");
      act(relays.caller);
      await until(() => sidecar.live("v41").byCode.CANCELLED === 1, "the caller's call is cancelled");
      relays.champion.be("pass");
      open.data(message.subarray(5), true);
      assert.deepEqual((await open.done()).body, right("caller"));
      assert.deepEqual(sidecar.localReplies, {});
    });
  }

  for (const [how, act] of [
    ["resets the connection to", (relay: ToxicRelay) => relay.reset()],
    ["closes the half of", (relay: ToxicRelay) => relay.halfClose("near")],
  ] as const) {
    it(`fault 29: that ${how} a shadow costs the copies under way, and no call`, async () => {
      const { relays, sidecar, ask } = await between();
      relays.shadow.be("hold");
      for (let i = 0; i < 5; i++) assert.deepEqual((await ask("shadow").done()).body, right("shadow"));
      act(relays.shadow);
      await until(() => sidecar.shadow("v43").byCode.UNAVAILABLE === 5, "the copies have failed");
      relays.shadow.be("pass");
      assert.deepEqual([sidecar.live("v41").byCode, sidecar.localReplies], [{ OK: 5 }, {}]);
      await sidecar.connected();
      await ask("shadow").done();
      await until(() => sidecar.shadow("v43").byCode.OK === 1, "the next copy is answered");
    });
  }
});
