/** What nobody takes ends after a time; what is only quiet stays. Both legs. */
import assert from "node:assert/strict";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, type PeerOptions, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipStream } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
/** Without PINGs, which a peer would have to answer while time stands still. */
const limits = { transport: { keepaliveMs: 0, callerKeepaliveMs: 0, callerIdleMs: 0 } };
const message = framed("small");
/** More than a window of either side. */
const large = framed(Buffer.alloc(2_000_000, "large"));
const minute = 60_000;
/** Looks are made four times within the limit of five minutes. */
const noticedMs = 6.3 * minute;

async function between(options: PeerOptions = {}) {
  const clock = new ManualClock();
  const server = own.add(await ServerPeer.start(() => undefined, options));
  const sidecar = own.add(
    await TestSidecar.start(snapshotOf({ variants: { v41: server.address } }), { clock, limits }),
  );
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { clock, server, sidecar, client };
}

const stepMs = 15_000;

/** Moves time on in steps, for what is due is looked at once the sockets have been read; lets what follows arrive. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(left, stepMs));
    await turns(3);
  }
  await turns(10);
}

/** Waits until the sidecar holds bytes of this kind, and no more come and none go. */
async function settled(sidecar: TestSidecar, kind: string): Promise<void> {
  for (let same = 0, before = 0; same < 10; ) {
    await turns(10);
    const now = valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind }) ?? 0;
    same = now > 0 && now === before ? same + 1 : 0;
    before = now;
  }
}

const headOf = async (stream: PeerStream): Promise<void> =>
  stream.headers([
    [":status", "200"],
    ["content-type", "application/grpc"],
  ]);

describe("a stalled stream", function () {
  this.timeout(20_000);
  afterEach(() => own.close());

  it("towards the upstream is reset, and the caller is told; its neighbours and quiet streams go on", async () => {
    const { clock, server, sidecar, client } = await between({ reading: false });
    const quiet = client.open(oipStream);
    quiet.data(message);
    const stalled = client.open(oipStream);
    stalled.data(large);
    const upstream = await server.stream(1);
    await settled(sidecar, "streams");
    await pass(clock, 4 * minute);
    assert.equal(upstream.reset, undefined);
    await pass(clock, noticedMs - 4 * minute);
    assert.deepEqual(upstream.reset, { code: 8, how: "peer" });
    const answer = await stalled.done();
    assert.equal(answer.value("grpc-status"), "14");
    assert.match(answer.value("grpc-message") ?? "", /^contender: v41 took nothing of the call/);
    assert.deepEqual(sidecar.localReplies, { upstream_stalled: 1 });
    await pass(clock, 60 * minute);
    assert.equal(server.streams[0]?.reset, undefined);
    const served = await server.stream(0);
    served.answer(message);
    assert.equal((await quiet.done()).value("grpc-status"), "0");
  });

  it("towards the caller is reset, and the upstream with it", async () => {
    const { clock, server, sidecar, client } = await between();
    const stalled = client.open(oipStream, [], { reading: false });
    stalled.data(message);
    const upstream = await server.stream();
    await headOf(upstream);
    upstream.data(large);
    await settled(sidecar, "streams");
    const other = client.open(oipStream);
    other.data(message);
    await server.stream(1);
    await pass(clock, noticedMs);
    assert.deepEqual(stalled.answer?.reset ?? stalled.reset, { code: 8, how: "peer" });
    await until(() => upstream.reset !== undefined, "the upstream is told");
    assert.deepEqual(upstream.reset, { code: 8, how: "peer" });
    assert.deepEqual(sidecar.localReplies, { caller_stalled: 1 });
    assert.deepEqual(sidecar.live("v41").byCode, { CANCELLED: 1 });
    (await server.stream(1)).answer(message);
    assert.equal((await other.done()).value("grpc-status"), "0");
  });

  it("towards the caller ends also where the upstream has said all: the call itself was a success", async () => {
    const { clock, server, sidecar, client } = await between();
    const stalled = client.open(oipStream, [], { reading: false });
    stalled.data(message, true);
    const upstream = await server.stream();
    const beyond = framed(Buffer.alloc(400_000));
    upstream.answer(beyond);
    await until(() => sidecar.live("v41").byCode.OK === 1, "the upstream has said all");
    await settled(sidecar, "streams");
    await pass(clock, noticedMs);
    assert.deepEqual(stalled.answer?.reset ?? stalled.reset, { code: 8, how: "peer" });
    assert.deepEqual(sidecar.localReplies, { caller_stalled: 1 });
    assert.deepEqual(sidecar.live("v41").byCode, { OK: 1 });
  });
});

describe("a caller that never reads its socket", function () {
  this.timeout(20_000);
  afterEach(() => own.close());

  it("loses its connection in the end, and its calls are cancelled", async () => {
    const { clock, server, sidecar } = await between();
    const deaf = own.add(
      await ClientPeer.connect(sidecar.address, { streamWindowBytes: 0x7fffffff, connectionWindowBytes: 0x7fffffff }),
    );
    const call = deaf.open(oipStream);
    call.data(message);
    const upstream = await server.stream();
    deaf.socket.pause();
    await headOf(upstream);
    for (let i = 0; i < 10; i++) upstream.data(large);
    await settled(sidecar, "unsent_downstream");
    await pass(clock, noticedMs);
    assert.deepEqual(sidecar.live("v41").byCode, { CANCELLED: 1 });
    await until(() => upstream.reset !== undefined, "the upstream is told");
    const fault = { side: "downstream", fault: "stuck" };
    assert.equal(valueAt(await sidecar.exposed(), "contender_connection_faults_total", fault), 1);
  });
});
