/** Storms of calls over connections that come and go as they should: not one of them may be lost. */
import assert from "node:assert/strict";
import type { SidecarLimits } from "../../src/runtime/sidecar.ts";
import { ClientPeer, type PeerCall, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const answered = framed("answered");

/** Sends calls in bursts, and waits for every answer. @returns how many there were of each status. */
async function storm(sidecar: TestSidecar, calls: number, between: (burst: number) => void = () => undefined) {
  const client = own.add(await ClientPeer.connect(sidecar.address));
  const open: PeerCall[] = [];
  for (let i = 0; i < calls; i++) {
    open.push(client.call(tfPredict, message));
    if (i % 10 < 9) continue;
    between(i / 10);
    await turns(2);
  }
  const statuses = new Map<string, number>();
  for (const call of open) {
    const answer = await call.done();
    const status = `${answer.value("grpc-status")} ${answer.value("grpc-message") ?? ""}`.trim();
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  return Object.fromEntries(statuses);
}

async function start(addresses: readonly string[], limits: SidecarLimits = {}) {
  return own.add(await TestSidecar.start(snapshotOf({ variants: { v41: addresses[0] ?? "" } }), { limits }));
}

/** So that no call meets more than a few of those that leave. */
const roomForTwenty = { maxConcurrentStreams: 20 };

/** Answers once the request is whole. */
const answer = (stream: PeerStream): void => void stream.done().then(() => stream.answer(answered));

describe("a storm of calls", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("loses nothing when stream ids run out again and again", async () => {
    const server = own.add(await ServerPeer.start(answer));
    const sidecar = await start([server.address], { http2: { firstStreamId: 1_000_001, maxStreamId: 1_000_061 } });
    assert.deepEqual(await storm(sidecar, 1_000), { 0: 1_000 });
    assert.deepEqual(sidecar.localReplies, {});
    // 31 calls fit between the first id and the last.
    assert.ok(server.peers.length >= 32, `${server.peers.length} connections`);
    await until(() => server.peers.filter(({ gone }) => !gone).length === 1, "those used up have gone");
  });

  it("loses nothing at an upstream that says GOAWAY after every tenth call, and takes what it named", async () => {
    const server: ServerPeer = own.add(
      await ServerPeer.start(
        (stream) => {
          const peer = server.peers.find(({ streams }) => streams.includes(stream));
          const place = peer?.streams.indexOf(stream) ?? 0;
          if (place < 10) answer(stream);
          if (place === 9) peer?.goaway(stream.stream.id);
        },
        { maxConcurrentStreams: 12 },
      ),
    );
    const sidecar = await start([server.address]);
    assert.deepEqual(await storm(sidecar, 1_000), { 0: 1_000 });
    assert.deepEqual(sidecar.localReplies, {});
    assert.ok(server.peers.length > 20, `${server.peers.length} connections`);
  });

  it("loses nothing where GOAWAY comes twice, the second time with a lower id", async () => {
    const server: ServerPeer = own.add(
      await ServerPeer.start((stream) => {
        const peer = server.peers.find(({ streams }) => streams.includes(stream));
        // Of each connection's calls the first four are taken; the others hear that in the second GOAWAY.
        const place = peer?.streams.indexOf(stream) ?? 0;
        if (server.peers.length > 5 || place < 4) answer(stream);
        if (server.peers.length > 5 || place !== 8) return;
        peer?.goaway(0x7fffffff);
        peer?.goaway(peer.streams[3]?.stream.id ?? 0);
      }, roomForTwenty),
    );
    const sidecar = await start([server.address]);
    const statuses = await storm(sidecar, 500);
    assert.deepEqual(statuses, { 0: 500 });
    assert.ok(sidecar.variant("v41").resends > 0);
    assert.deepEqual(sidecar.live("v41").byCode, { OK: 500 });
  });

  it("is over more connections where one is at its upstream's limit, and loses nothing by that", async () => {
    const server = own.add(await ServerPeer.start(answer, { maxConcurrentStreams: 3 }));
    const sidecar = await start([server.address], { transport: { maxConnections: 3 } });
    assert.deepEqual(await storm(sidecar, 600), { 0: 600 });
    assert.equal(server.peers.length, 3);
    const most = server.peers.map(({ streams }) => streams.length);
    assert.ok(Math.min(...most) > 100, `${most} calls each`);
  });
});
