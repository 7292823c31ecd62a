/** How a pool gets, loses and replaces its connections, and how it ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { writeGoaway } from "../../../src/http2/frames.ts";
import { goaway, settings } from "../../support/h2-frames.ts";
import { answerHead, freeAddress, type Peer, ServerPeer } from "../../support/h2-peer.ts";
import { Owned } from "../../support/owned.ts";
import { connected, TestPool, tcp } from "../../support/pools.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";
import { openSockets } from "../../support/sockets.ts";
import { turns, until } from "../../support/until.ts";
import { WireServer } from "../../support/wire.ts";

const own = new Owned();

describe("a pool whose address refuses", () => {
  afterEach(() => own.close());

  it("fails waiting calls at once, and those to come, until it tries again", async () => {
    const test = new TestPool(own, tcp(await freeAddress()));
    const first = test.wait();
    await until(() => first.outcome !== "", "the first is told");
    assert.equal(first.outcome, "connect_failed");
    assert.equal(test.wait().outcome, "connect_failed");
    await test.pause();
    assert.equal(test.wait().outcome, "");
  });

  it("tries again with growing, jittered pauses, for ever", async () => {
    const chance = new ScriptedChance(0.5, 0.5, 0, 0.5, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5);
    const test = new TestPool(own, tcp(await freeAddress()), { chance });
    const pauses: number[] = [];
    for (let i = 0; i < 11; i++) pauses.push(await test.pause());
    assert.deepEqual(pauses, [100, 160, 205, 410, 721, 1_049, 1_678, 2_684, 4_295, 5_000, 5_000]);
    assert.equal(chance.left, 0);
  });

  it("says so once, and again when something else is wrong", async () => {
    const address = await freeAddress();
    const test = new TestPool(own, tcp(address));
    for (let i = 0; i < 3; i++) await test.pause();
    assert.deepEqual(test.events, [`connect_failed: connect ECONNREFUSED ${address}`]);
    // Now somebody listens, and hangs up.
    const server = createServer((socket) => socket.destroy());
    server.listen(Number(address.split(":")[1]), "127.0.0.1");
    await once(server, "listening");
    own.add({ close: () => server.close() });
    await test.pause();
    await until(() => test.events.length === 2, "the other failure is told");
    await test.pause();
    await test.pause();
    assert.equal(test.events.length, 2);
    assert.match(test.events[1] ?? "", /^connect_failed/);
    assert.notEqual(test.events[1], test.events[0]);
  });

  it("tells the next failure after a success", async () => {
    const server = await ServerPeer.start();
    const { port } = server;
    const test = new TestPool(own, tcp(server.address));
    await test.counts(1);
    await server.close();
    await until(() => test.events.includes("disconnected"), "the connection is lost");
    await test.pause();
    await test.pause();
    await test.pause();
    assert.deepEqual(
      test.events.map((event) => event.split(":")[0]),
      ["connected", "disconnected", "connect_failed"],
    );
    own.add(await ServerPeer.start(() => undefined, { port }));
    await test.pause();
    await test.counts(1);
    assert.equal(test.events.at(-1), "connected");
  });

  it("gives up on a server that accepts and says nothing", async () => {
    const before = openSockets();
    const server = createServer((socket) => void own.add({ close: () => socket.destroy() }));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    own.add({ close: () => server.close() });
    const { port } = server.address() as { port: number };
    const accepted = once(server, "connection");
    const test = new TestPool(own, { kind: "tcp", host: "127.0.0.1", port }, { connectTimeoutMs: 700 });
    const call = test.wait();
    await accepted;
    test.clock.advance(699);
    assert.equal(test.pool.count("connecting"), 1);
    test.clock.advance(1);
    await until(() => call.outcome === "connect_failed", "the call is told");
    assert.deepEqual(test.events, ["connect_failed: no answer within 700 ms"]);
    assert.ok(openSockets() <= before + 2);
  });
});

describe("a pool that loses a connection", () => {
  afterEach(() => own.close());

  it("opens another at once where it had been steady, and forgets the failures before", async () => {
    const address = await freeAddress();
    const test = new TestPool(own, tcp(address));
    for (let i = 0; i < 3; i++) await test.pause();
    const server = own.add(await ServerPeer.start(() => undefined, { port: Number(address.split(":")[1]) }));
    await test.pause();
    await test.counts(1);
    test.clock.advance(1_000);
    server.peers[0]?.close();
    await until(() => server.peers.length === 2, "there is another connection");
    await test.counts(1);
    assert.equal(Math.round(test.clock.nowMs()), 100 + 160 + 256 + 410 + 1_000, "without any pause");
    test.clock.advance(1_000);
    await server.close();
    assert.equal(await test.pause(), 100);
  });

  it("pauses where it had just been opened", async () => {
    const { test, server } = await connected(own);
    test.clock.advance(999);
    server.peers[0]?.close();
    assert.equal(await test.pause(), 100);
    await test.counts(1);
    server.peers[1]?.close();
    assert.equal(await test.pause(), 160);
  });

  it("keeps the calls that wait where another connection is there", async () => {
    const { test, server } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
    test.open();
    const [second, third] = [test.wait(), test.wait()];
    await until(() => second.outcome === "open", "a second connection is there");
    server.peers[1]?.close();
    await test.counts(1);
    assert.equal(third.outcome, "");
  });

  it("opens none for the lost one while the others have room", async () => {
    const { test, server } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
    const first = test.open();
    const second = test.wait();
    await until(() => second.outcome === "open", "a second connection is there");
    first.reset();
    server.peers[1]?.close();
    await test.pause();
    await turns();
    assert.equal(server.peers.length, 2);
  });

  it("never has more than its limit, whatever is lost", async () => {
    const { test, server } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
    test.open();
    const calls = Array.from({ length: 6 }, () => test.wait());
    await until(() => calls[0]?.outcome === "open", "a second connection is there");
    for (let i = 1; i <= 3; i++) {
      server.peers.at(-1)?.close();
      await test.counts(1);
      test.clock.advance(300);
      await test.counts(2);
    }
    assert.equal(server.peers.filter(({ gone }) => !gone).length, 2);
  });
});

describe("a pool whose upstream says GOAWAY", () => {
  afterEach(() => own.close());

  it("opens another connection before the old one has gone, which finishes its calls", async () => {
    const { test, server } = await connected(own);
    test.open();
    const served = await server.stream();
    server.peers[0]?.goaway(1);
    await test.counts(1, 0, 1);
    assert.deepEqual(test.events, ["connected", "goaway: code 0", "connected"]);
    assert.notEqual(test.pool.pick(), undefined);
    served.headers(answerHead, true);
    await test.counts(1);
    assert.equal(test.events.at(-1), "disconnected");
  });

  it("opens none where others have room", async () => {
    const { test, server } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
    const first = test.open();
    const second = test.wait();
    await until(() => second.outcome === "open", "a second connection is there");
    first.reset();
    server.peers[1]?.goaway(1);
    await test.counts(1, 0, 1);
    await turns();
    assert.equal(server.peers.length, 2);
  });

  it("sends waiting calls over the next one", async () => {
    const { test, server } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
    test.open();
    const call = test.wait();
    await server.stream();
    server.peers[0]?.goaway(1);
    await until(() => call.outcome === "open", "the call is open");
    assert.equal(server.peers.length, 2);
  });

  it("is not driven round and round by one that says it every time", async () => {
    const server = own.add(await ServerPeer.start());
    const test = new TestPool(own, tcp(server.address));
    let told = 0;
    const greetings = setInterval(() => {
      for (; told < server.peers.length; told++) server.peers[told]?.goaway(0);
    }, 1);
    own.add({ close: () => clearInterval(greetings) });
    await until(() => test.events.filter((event) => event === "disconnected").length >= 2, "two are gone");
    await until(() => test.clock.nextDueMs !== undefined, "a pause has begun");
    await turns(50);
    assert.ok(server.peers.length <= 2, `${server.peers.length} connections without a pause`);
  });
});

describe("a pool whose upstream says GOAWAY to whoever comes, and does not close", () => {
  afterEach(() => own.close());

  it("asks twice, and then with pauses as after any failure", async () => {
    const server = own.add(await WireServer.start((wire) => void wire.send(settings(), goaway(0))));
    const test = new TestPool(own, tcp(server.address));
    await until(() => server.wires.length === 2, "it was asked twice");
    await turns(100);
    assert.equal(server.wires.length, 2);
    for (let step = 0; step < 100; step++) {
      test.clock.advance(100);
      await turns(4);
    }
    assert.ok(server.wires.length <= 12, `${server.wires.length} connections in ten seconds`);
  });
});

describe("a pool whose stream ids run out", () => {
  afterEach(() => own.close());

  it("opens another connection in time, and the old one finishes", async () => {
    const { test, server } = await connected(own, { http2: { maxStreamId: 5 } });
    const streams = [test.open(), test.open(), test.open()];
    assert.deepEqual(
      streams.map(({ id }) => id),
      [1, 3, 5],
    );
    assert.equal(test.pool.pick(), undefined);
    const call = test.wait();
    await until(() => call.outcome === "open", "the call is open");
    assert.equal(call.stream?.id, 1);
    await test.counts(1, 0, 1);
    for (const stream of server.peers[0]?.streams ?? []) stream.headers(answerHead, true);
    await test.counts(1);
  });
});

describe("a pool whose upstream falls silent", () => {
  afterEach(() => own.close());

  it("gives the connection up, tells its calls, and opens another", async () => {
    const { test, server, clock } = await connected(own, { watched: true });
    test.open();
    await server.stream();
    const silent = server.peers[0] as Peer;
    silent.socket.removeAllListeners("data");
    silent.socket.on("data", () => undefined);
    test.recorder.take();
    clock.advance(330_010);
    clock.advance(20_010);
    assert.deepEqual(test.recorder.take(), ["reset 1 NO_ERROR lost", "closed"]);
    await until(() => server.peers.length === 2, "there is another connection");
    await test.counts(1);
    assert.ok(test.events.includes("disconnected: no answer to PING within 20000 ms"));
  });

  it("asks half as often from the next connection on where it is told that it asks too often", async () => {
    const { test, server, pool } = await connected(own, { watched: true });
    test.open();
    const served = await server.stream();
    const { connection } = server.peers[0] as Peer;
    writeGoaway(connection.output, served.stream.id, 11, "too_many_pings");
    await until(() => pool.keepaliveMs === 660_000, "it has learnt");
    assert.ok(test.events.includes("goaway: code 11, too many PINGs: from now on 660000 ms apart"));
    await until(() => server.peers.length === 2, "there is another connection");
    const next = (server.peers[1] as Peer).connection;
    writeGoaway(next.output, 0, 11, "slow down");
    await until(() => test.events.includes("goaway: code 11"), "the next one says something else");
    assert.equal(pool.keepaliveMs, 660_000);
  });
});

describe("a pool whose connections may have an age", () => {
  afterEach(() => own.close());

  it("opens the next one before it says goodbye, and the old one finishes", async () => {
    const { test, server, clock } = await connected(own, { watched: true, upstreamMaxAgeMs: 60_000 });
    const stream = test.open();
    const served = await server.stream();
    clock.advance(60_010);
    await until(() => server.peers.length === 2, "there is another connection");
    await test.counts(1, 0, 1);
    const next = test.open();
    assert.notEqual(next.connection, stream.connection);
    served.headers(answerHead, true);
    await test.counts(1);
    assert.ok(test.recorder.take().includes("response 1 200 end"));
  });

  it("keeps the old one while no other can be had", async () => {
    const { test, server, clock } = await connected(own, { watched: true, upstreamMaxAgeMs: 60_000 });
    const { port } = server;
    const stream = test.open();
    const served = await server.stream();
    server.stopListening();
    clock.advance(60_010);
    await until(() => test.events.some((event) => event.startsWith("connect_failed")), "no other can be had");
    test.open().reset();
    assert.equal(stream.closed, false);
    const again = own.add(await ServerPeer.start(() => undefined, { port }));
    clock.advance(100);
    await until(() => again.peers.length === 1, "there is another");
    await test.counts(1, 0, 1);
    served.headers(answerHead, true);
    await test.counts(1);
  });
});

describe("a pool's end", () => {
  afterEach(() => own.close());

  it("waits for open calls, tells those that wait, and opens nothing more", async () => {
    const { test, pool, server, clock } = await connected(own, {
      ...{ server: { maxConcurrentStreams: 1 }, maxConnections: 1 },
    });
    test.open();
    const waiting = test.wait();
    const served = await server.stream();
    let over = false;
    const drained = pool.drain().then(() => {
      over = true;
    });
    assert.equal(waiting.outcome, "draining");
    assert.equal(test.wait().outcome, "draining");
    await until(() => server.peers[0]?.goaways.length === 1, "the server is told");
    await turns();
    assert.equal(over, false);
    served.headers(answerHead, true);
    await drained;
    assert.equal(server.peers.length, 1);
    assert.deepEqual([clock.pending, pool.ready], [0, false]);
  });

  it("is the same for everybody who asks", async () => {
    const { test, pool, server } = await connected(own);
    test.open();
    const served = await server.stream();
    const over: number[] = [];
    const both = [1, 2].map((i) => pool.drain().then(() => over.push(i)));
    await turns();
    assert.deepEqual(over, []);
    served.headers(answerHead, true);
    await Promise.all(both);
    assert.deepEqual(over, [1, 2]);
  });

  it("is at once where there is no connection, and stops trying for one", async () => {
    const test = new TestPool(own, tcp(await freeAddress()));
    await until(() => test.events.length === 1, "the first attempt has failed");
    assert.equal(test.clock.pending, 1);
    await test.pool.drain();
    assert.equal(test.clock.pending, 0);
  });

  it("drops a connection that is being made", async () => {
    const server = own.add(await ServerPeer.start());
    const test = new TestPool(own, tcp(server.address));
    await test.pool.drain();
    await test.counts(0);
    assert.equal(test.clock.pending, 0);
  });

  it("by force cuts everything, and leaves neither socket nor timer", async () => {
    const before = openSockets();
    const { test, pool, server } = await connected(own);
    test.open();
    await server.stream();
    pool.destroy();
    await test.counts(0);
    assert.deepEqual(test.recorder.take(), ["reset 1 INTERNAL_ERROR lost", "closed"]);
    await server.close();
    await until(() => openSockets() === before, "no socket is left");
    assert.equal(test.clock.pending, 0);
    assert.equal(test.wait().outcome, "draining");
  });
});
