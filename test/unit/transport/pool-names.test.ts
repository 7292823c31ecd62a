/** A pool whose address is a name: what it stands for, and what becomes of connections when that changes. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { answerHead, ServerPeer } from "../../support/h2-peer.ts";
import { Owned } from "../../support/owned.ts";
import { type PoolSetUp, TestPool } from "../../support/pools.ts";
import { rawServer } from "../../support/raw-server.ts";
import { ScriptedResolver } from "../../support/scripted-resolver.ts";
import { turns, until } from "../../support/until.ts";

const own = new Owned();
const ipv6 = Object.values(networkInterfaces()).some((found) => found?.some(({ address }) => address === "::1"));

/** Servers at 127.0.0.1, 127.0.0.2, and so on, on one port, as the pods of a headless service have it. */
async function pods(count: number): Promise<ServerPeer[]> {
  const first = own.add(await ServerPeer.start());
  const others = Array.from({ length: count - 1 }, async (_, i) =>
    own.add(await ServerPeer.start(() => undefined, { host: `127.0.0.${i + 2}`, port: first.port })),
  );
  return [first, ...(await Promise.all(others))];
}

function named(port: number, options: PoolSetUp = {}) {
  const resolver = new ScriptedResolver();
  const test = new TestPool(own, { kind: "tcp", host: "fraud.ml", port }, { ...options, resolver });
  return { test, pool: test.pool, resolver, clock: test.clock };
}

describe("a pool of a name", () => {
  afterEach(() => own.close());

  it("connects to every address, and gives each the same number of calls", async () => {
    const servers = await pods(3);
    const { test, pool, resolver } = named(servers[0]?.port ?? 0);
    resolver.answer("127.0.0.1", "127.0.0.2", "127.0.0.3");
    await test.counts(3);
    assert.equal(pool.addressCount, 3);
    for (let i = 0; i < 9; i++) test.open();
    await until(() => servers.every(({ streams }) => streams.length === 3), "each has three calls");
  });

  it("opens another connection to a full address though another one does not answer", async () => {
    const full = own.add(await ServerPeer.start(() => undefined, { maxConcurrentStreams: 1 }));
    let asked = 0;
    await rawServer(own, () => asked++, { host: "127.0.0.2", port: full.port });
    const { test, pool, resolver } = named(full.port);
    resolver.answer("127.0.0.1", "127.0.0.2");
    await test.counts(1, 1);
    await until(() => asked > 0, "the silent one is asked");
    test.open();
    const call = test.wait();
    await until(() => call.outcome === "open", "the call is open");
    assert.equal(pool.count("ready"), 2);
  });

  it("takes turns among those that have nothing to do", async () => {
    const servers = await pods(3);
    const { test, resolver } = named(servers[0]?.port ?? 0);
    resolver.answer("127.0.0.1", "127.0.0.2", "127.0.0.3");
    await test.counts(3);
    for (let i = 0; i < 6; i++) test.open().reset();
    await until(() => servers.every(({ streams }) => streams.length === 2), "each has had two calls");
  });

  it("lets calls wait for its first look-up, and goes on with them when it is there", async () => {
    const [server] = await pods(1);
    const { test, resolver } = named(server?.port ?? 0);
    const call = test.wait();
    assert.equal(call.outcome, "");
    resolver.answer("127.0.0.1");
    await until(() => call.outcome === "open", "the call is open");
  });

  it("fails calls while the name stands for nothing, and serves them once it does", async () => {
    const [server] = await pods(1);
    const { test, resolver, clock } = named(server?.port ?? 0);
    const call = test.wait();
    resolver.fail("ENOTFOUND");
    assert.deepEqual([call.outcome, test.wait().outcome], ["connect_failed", "connect_failed"]);
    clock.advance(2_000);
    resolver.fail("ENOTFOUND");
    clock.advance(2_000);
    resolver.answer("127.0.0.1");
    await test.counts(1);
    assert.deepEqual(test.events, ["resolve_failed: ENOTFOUND", "resolved: 127.0.0.1", "connected"]);
  });

  it("is not held up by a look-up that hangs: known addresses are connected to all the same", async () => {
    const [server] = await pods(1);
    const { test, resolver, clock } = named(server?.port ?? 0);
    resolver.answer("127.0.0.1");
    await test.counts(1);
    clock.advance(30_000);
    assert.equal(resolver.pending, 1);
    server?.peers[0]?.close();
    await until(() => server?.peers.length === 2, "it has connected again");
    await test.counts(1);
    clock.advance(5_000);
    assert.equal(test.wait().outcome, "");
    assert.equal(test.events.at(-1), "resolve_failed: no answer within 5000 ms");
  });

  it("keeps what it has when the name is not found any more", async () => {
    const [server] = await pods(1);
    const { test, resolver, clock } = named(server?.port ?? 0);
    resolver.answer("127.0.0.1");
    await test.counts(1);
    clock.advance(30_000);
    resolver.fail("ENOTFOUND");
    await turns();
    await test.counts(1);
    test.open();
  });

  it("asks again when a connection fails, and finds the pod that moved", async () => {
    const [old, next] = await pods(2);
    const { test, resolver, clock } = named(old?.port ?? 0);
    resolver.answer("127.0.0.1");
    await test.counts(1);
    clock.advance(3_000);
    await old?.close();
    await until(() => resolver.pending === 1, "the name is looked up");
    resolver.answer("127.0.0.2");
    await test.counts(1);
    test.open();
    await until(() => next?.streams.length === 1, "the call is at the new address");
  });

  it("drains an address that has left the name: its call goes on, new ones go elsewhere", async () => {
    const [old, next] = await pods(2);
    const { test, pool, resolver, clock } = named(old?.port ?? 0);
    resolver.answer("127.0.0.1");
    await test.counts(1);
    const stream = test.open();
    const served = await (old as ServerPeer).stream();
    clock.advance(30_000);
    resolver.answer("127.0.0.2");
    await test.counts(1, 0, 1);
    for (let i = 0; i < 3; i++) test.open();
    await until(() => next?.streams.length === 3, "new calls are at the new address");
    assert.equal(stream.closed, false);
    served.headers(answerHead, true);
    await test.counts(1);
    assert.deepEqual([old?.streams.length, pool.addressCount], [1, 1]);
    assert.equal(test.recorder.take().includes("response 1 200 end"), true);
  });

  it("keeps an address that has left the name until another can take its calls", async () => {
    const [old] = await pods(1);
    const { test, resolver, clock } = named(old?.port ?? 0);
    resolver.answer("127.0.0.1");
    await test.counts(1);
    clock.advance(30_000);
    resolver.answer("127.0.0.9"); // where nobody listens
    await until(() => test.events.some((event) => event.startsWith("connect_failed")), "the new one refuses");
    test.open();
    await until(() => old?.streams.length === 1, "the old one still serves");
    clock.advance(2_000);
    resolver.answer("127.0.0.1");
    await turns();
    assert.equal(old?.peers.length, 1);
    test.open();
    await until(() => old?.streams.length === 2, "it is back, by the connection it had");
  });

  it("opens no more connections than its limit, however many addresses there are", async () => {
    const servers = await pods(4);
    const { test, pool, resolver, clock } = named(servers[0]?.port ?? 0, { maxAddresses: 2 });
    const all = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];
    resolver.answer(...all);
    await test.counts(2);
    assert.equal(pool.addressCount, 2);
    const used = servers.filter(({ peers }) => peers.length === 1);
    clock.advance(30_000);
    resolver.answer(...all.toReversed());
    await turns();
    assert.deepEqual(
      servers.filter(({ peers }) => peers.length === 1),
      used,
    );
  });

  it("serves by the addresses that answer while another refuses", async () => {
    const [server] = await pods(1);
    const { test, pool, resolver } = named(server?.port ?? 0);
    resolver.answer("127.0.0.1", "127.0.0.9");
    await until(() => test.events.length === 2, "one connects, one refuses");
    for (let i = 0; i < 4; i++) test.open();
    await until(() => server?.streams.length === 4, "all calls are at the one that answers");
    assert.deepEqual([pool.ready, pool.addressCount], [true, 2]);
  });

  it("grows at each address where all are full", async () => {
    const first = own.add(await ServerPeer.start(() => undefined, { maxConcurrentStreams: 1 }));
    const { port } = first;
    const second = own.add(
      await ServerPeer.start(() => undefined, { maxConcurrentStreams: 1, host: "127.0.0.2", port }),
    );
    const { test, resolver } = named(port, { maxConnections: 2 });
    resolver.answer("127.0.0.1", "127.0.0.2");
    await test.counts(2);
    test.open();
    test.open();
    const calls = [test.wait(), test.wait(), test.wait()];
    await until(() => calls[1]?.outcome === "open", "two more connections are there");
    await turns();
    assert.equal(calls[2]?.outcome, "");
    assert.deepEqual([first.peers.length, second.peers.length], [2, 2]);
  });

  it("reaches a server by the other family where the first one refuses, and stays with that", async () => {
    const [server] = await pods(1);
    const { test, pool, resolver, clock } = named(server?.port ?? 0);
    // Discard-only, RFC 6666: nobody is there.
    resolver.answer("100::1", "127.0.0.1");
    clock.advance(250);
    await test.counts(1);
    assert.equal(pool.addressCount, 1);
    clock.advance(29_750);
    resolver.answer("100::1", "127.0.0.1");
    await turns();
    await test.counts(1);
    assert.equal(server?.peers.length, 1);
  });

  it("does not wait for the head start to be over where the first family refuses", async () => {
    const [server] = await pods(1);
    const { test, resolver } = named(server?.port ?? 0);
    resolver.answer("::1", "127.0.0.1"); // the server has the latter alone
    await test.counts(1);
    assert.equal(server?.peers.length, 1);
  });

  (ipv6 ? it : it.skip)("reaches a server that has IPv6 alone", async () => {
    const server = own.add(await ServerPeer.start(() => undefined, { host: "::1" }));
    const { test, resolver } = named(server.port);
    resolver.answer("::1");
    await test.counts(1);
    test.open();
    await until(() => server.streams.length === 1, "the call is there");
  });

  it("ends with nothing left, look-ups included", async () => {
    const servers = await pods(2);
    const { test, pool, resolver, clock } = named(servers[0]?.port ?? 0);
    resolver.answer("127.0.0.1", "127.0.0.2");
    await test.counts(2);
    await pool.drain();
    await test.counts(0);
    assert.equal(clock.pending, 0);
  });
});
