import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { ClientPeer, connectTo, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipStream, tfPredict, tfRequest } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const statusOf = (answer: PeerStream): number => Number(answer.value("grpc-status"));

async function between() {
  const clock = new ManualClock();
  const server = own.add(await ServerPeer.start());
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } }), { clock }));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { clock, server, sidecar, client };
}

describe("a drain", () => {
  afterEach(() => own.close());

  it("goes on accepting for its delay, then says GOAWAY in two steps and accepts no more", async () => {
    const { clock, server, sidecar } = await between();
    const session = connect(`http://${sidecar.address}`);
    own.add({ close: () => session.destroy() });
    await once(session, "remoteSettings");
    const goaways: [number, number][] = [];
    session.on("goaway", (code: number, lastId: number) => goaways.push([code, lastId]));
    const stream = session.request({ ":method": "POST", ":path": tfPredict, "content-type": "application/grpc" });
    const answered = once(stream.resume(), "end");
    stream.end(message);
    const call = await server.stream();

    const drained = sidecar.sidecar.drain(5_000, 20_000);
    clock.advance(4_999);
    assert.deepEqual([sidecar.sidecar.draining, sidecar.sidecar.listening], [true, true]);
    const late = own.add(await ClientPeer.connect(sidecar.address));
    const lateCall = late.call(tfPredict, message);
    (await server.stream(1)).answer(message);
    assert.equal(statusOf(await lateCall.done()), 0);
    assert.deepEqual(goaways, []);

    clock.advance(1);
    await until(() => goaways.length === 2 && late.gone, "both steps are here");
    assert.deepEqual(goaways, [
      [0, 0x7fffffff],
      [0, 1],
    ]);
    assert.equal(sidecar.sidecar.listening, false);
    await assert.rejects(ClientPeer.connect(sidecar.address));
    call.answer(message);
    await answered;
    assert.equal(await drained, true);
  });

  it("lets fifty bodies in flight finish, whichever way they flow", async () => {
    const { clock, server, sidecar, client } = await between();
    const calls = Array.from({ length: 50 }, () => client.open(oipStream));
    for (const call of calls) call.data(message);
    await until(() => server.streams.length === 50, "fifty streams are open");
    const drained = sidecar.sidecar.drain(0, 60_000);
    clock.advance(1);
    await until(() => client.goaways.length === 2, "GOAWAY is said");
    for (const [i, call] of calls.entries()) {
      const stream = server.streams[i] as PeerStream;
      call.data(message, true);
      await stream.done();
      stream.answer(Buffer.concat([message, message]));
      assert.equal((await call.done()).bytes, 2 * message.length);
    }
    assert.equal(await drained, true);
    await until(() => client.gone, "the caller's connection is closed");
    assert.deepEqual(sidecar.live("v41").byCode, { OK: 50 });
  });

  it("takes a call that was on its way when GOAWAY was said", async () => {
    const { clock, server, sidecar, client } = await between();
    const kept = client.call(tfPredict, message);
    const first = await server.stream();
    // A caller that reads nothing can't know, nor answer the PING that would end the first step.
    client.socket.pause();
    const drained = sidecar.sidecar.drain(0, 60_000);
    clock.advance(1);
    await turns();
    const call = client.call(tfPredict, message);
    (await server.stream(1)).answer(message);
    first.answer(message);
    clock.advance(1_000);
    client.socket.resume();
    assert.deepEqual([statusOf(await kept.done()), statusOf(await call.done())], [0, 0]);
    assert.equal(await drained, true);
  });

  it("tells the upstream and closes its connections when the last call is over", async () => {
    const { clock, server, sidecar, client } = await between();
    const call = client.call(tfPredict, message);
    const stream = await server.stream();
    const drained = sidecar.sidecar.drain(0, 60_000);
    clock.advance(1);
    await until(() => client.goaways.length === 2, "GOAWAY is said");
    assert.equal(server.peers[0]?.gone, false);
    stream.answer(message);
    await call.done();
    assert.equal(await drained, true);
    await until(() => server.peers[0]?.gone === true, "the upstream's connection is closed");
    assert.deepEqual(server.peers[0]?.goaways, [0]);
  });

  it("ends when its grace is over, cutting what is left, and says that it had to", async () => {
    const { clock, server, sidecar, client } = await between();
    const call = client.call(tfPredict, message);
    const stream = await server.stream();
    const drained = sidecar.sidecar.drain(1_000, 3_000);
    clock.advance(2_999);
    await turns();
    assert.equal(call.reset, undefined);
    clock.advance(1);
    assert.equal(await drained, false);
    await assert.rejects(call.done(), /reset/);
    await until(() => stream.reset !== undefined, "the model is told");
  });

  it("is cut short by force, in its delay as well", async () => {
    const { server, sidecar, client } = await between();
    client.call(tfPredict, message);
    await server.stream();
    const drained = sidecar.sidecar.drain(60_000, 120_000);
    sidecar.sidecar.force();
    assert.equal(await drained, false);
    await until(() => client.gone, "the caller's connection is closed");
  });

  it("asked for twice is one", async () => {
    const { clock, sidecar } = await between();
    const first = sidecar.sidecar.drain(10, 1_000);
    assert.equal(sidecar.sidecar.drain(500, 5_000), first);
    clock.advance(10);
    assert.equal(await first, true);
  });

  it("does not wait for a connection that has said nothing, and closes it", async () => {
    const { clock, sidecar } = await between();
    const silent = connectTo(sidecar.address);
    own.add({ close: () => silent.destroy() });
    await once(silent, "connect");
    const closed = once(silent, "close");
    silent.resume();
    const other = own.add(await ClientPeer.connect(sidecar.address)); // by now the silent one is accepted
    const drained = sidecar.sidecar.drain(0, 60_000);
    clock.advance(1);
    assert.equal(await drained, true);
    await closed;
    assert.ok(other.goaways.length > 0);
  });

  it("leaves no timer behind", async () => {
    const { clock, server, sidecar, client } = await between();
    const call = client.call(tfPredict, message, [["grpc-timeout", "10S"]]);
    (await server.stream()).answer(message);
    await call.done();
    const drained = sidecar.sidecar.drain(0, 60_000);
    clock.advance(1);
    assert.equal(await drained, true);
    clock.advance(11_000); // the wheel's last turn, when the call's deadline would have been; the wait for a PING's answer
    assert.equal(clock.pending, 0);
  });
});
