import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address } from "../../../src/base/address.ts";
import type { Chance } from "../../../src/base/chance.ts";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import type { Connection } from "../../../src/http2/connection.ts";
import { type Http2Options, resolveHttp2Options } from "../../../src/http2/options.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";
import { FlushLoop } from "../../../src/transport/flush-loop.ts";
import { resolveTransportOptions, type TransportOptions } from "../../../src/transport/options.ts";
import { Pool, type Waiter } from "../../../src/transport/pool.ts";
import { answerHead, freeAddress, ServerPeer } from "../../support/h2-peer.ts";
import { requestFields } from "../../support/h2-raw.ts";
import { Recorder } from "../../support/h2-recorder.ts";
import { blockOf } from "../../support/hpack.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { constantChance, ScriptedChance } from "../../support/scripted-chance.ts";
import { openSockets } from "../../support/sockets.ts";
import { turns, until } from "../../support/until.ts";

const own = new Owned();

/** A call that waits, and what became of that. */
class Call implements Waiter {
  queuedAtMs = 0;
  waiting = false;
  outcome = "";
  stream: H2Stream | undefined = undefined;

  onConnection(connection: Connection): void {
    this.outcome = "open";
    this.stream = open(connection);
  }

  onNoConnection(reason: string): void {
    this.outcome = reason;
  }
}

function open(connection: Connection): H2Stream {
  const stream = connection.openStream(undefined);
  stream.sendHeaders(blockOf(requestFields), true);
  return stream;
}

function tcp(address: string): Address {
  return { kind: "tcp", host: "127.0.0.1", port: Number(address.split(":")[1]) };
}

interface PoolSetUp extends TransportOptions {
  readonly chance?: Chance;
  readonly http2?: Http2Options;
}

/** As the proxy's handler does it: what concerns a connection goes to its pool. */
class PoolRecorder extends Recorder {
  override onReady(connection: Connection): void {
    (connection.context as Pool).onReady(connection);
  }

  override onCapacity(connection: Connection): void {
    (connection.context as Pool).onCapacity(connection);
  }

  override onGoaway(connection: Connection, code: number): void {
    (connection.context as Pool).onGoaway(connection, code);
  }
}

class TestPool {
  readonly clock = new ManualClock();
  readonly recorder = new PoolRecorder();
  readonly events: string[] = [];
  readonly pool: Pool;

  constructor(address: Address, { chance = constantChance(0.5), http2 = {}, ...options }: PoolSetUp = {}) {
    const { clock, recorder: handler } = this;
    const ports = { clock, chance, loop: new FlushLoop(clock), budget: new ByteBudget(), handler };
    const onEvent = ({ kind, detail }: { kind: string; detail: string }): void => {
      this.events.push(detail === "" ? kind : `${kind}: ${detail}`);
    };
    this.pool = new Pool(address, { ...ports, onEvent }, resolveHttp2Options(http2), resolveTransportOptions(options));
    own.add({ close: () => this.pool.destroy() });
  }

  wait(): Call {
    const call = new Call();
    const refused = this.pool.wait(call);
    if (refused !== undefined) call.outcome = refused;
    return call;
  }

  /** Opens a stream on the connection that the pool picks. */
  open(): H2Stream {
    const connection = this.pool.pick();
    assert.ok(connection, "a connection with room");
    return open(connection);
  }

  async counts(ready: number, connecting = 0, draining = 0): Promise<void> {
    const { pool } = this;
    const now = (): string => `${pool.count("ready")} ${pool.count("connecting")} ${pool.count("draining")}`;
    const wanted = `${ready} ${connecting} ${draining}`;
    await until(() => now() === wanted, `the pool has ${wanted} connections`);
  }

  /** Waits for the pause before the next attempt, and lets it pass. @returns its length in milliseconds. */
  async pause(): Promise<number> {
    const { clock, pool } = this;
    const sockets = (): number => pool.count("connecting") + pool.count("draining");
    await until(() => clock.pending === 1 && sockets() === 0, "the attempt has failed");
    const pauseMs = (this.clock.nextDueMs ?? Number.NaN) - this.clock.nowMs();
    this.clock.advance(pauseMs);
    return Math.round(pauseMs);
  }
}

/** A pool with a server behind it, connected. */
async function connected(options: PoolSetUp & { readonly server?: Http2Options } = {}) {
  const { server: peer = {}, ...rest } = options;
  const server = own.add(await ServerPeer.start(() => undefined, peer));
  const test = new TestPool(tcp(server.address), rest);
  await test.counts(1);
  return { server, test, pool: test.pool, clock: test.clock };
}

describe("a pool", () => {
  afterEach(() => own.close());

  it("connects before anybody asks", async () => {
    const { test, pool, server } = await connected();
    assert.deepEqual(test.events, ["connected"]);
    assert.equal(pool.ready, true);
    test.open();
    assert.equal((await server.stream()).value(":path"), "/s/m");
    assert.equal(pool.streamCount, 1);
  });

  it("picks the connection with the fewest streams", async () => {
    const { test, pool } = await connected({ server: { maxConcurrentStreams: 2 }, maxConnections: 2 });
    const streams = [test.open(), test.open()];
    const third = test.wait();
    await until(() => third.outcome === "open", "a second connection is there");
    assert.notEqual(third.stream?.connection, streams[0]?.connection);
    assert.equal(pool.pick(), third.stream?.connection);
    for (const stream of streams) stream.reset();
    assert.equal(pool.pick(), streams[0]?.connection);
  });

  it("is ready while its connections are full", async () => {
    const { test, pool } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
    test.open();
    assert.equal(pool.pick(), undefined);
    assert.equal(pool.ready, true);
  });

  it("reaches a unix socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "contender-"));
    own.add({ close: () => rmSync(folder, { recursive: true }) });
    const path = join(folder, "model.sock");
    const server = createServer();
    server.listen(path);
    await once(server, "listening");
    own.add({ close: () => server.close() });
    const accepted = once(server, "connection");
    new TestPool({ kind: "unix", path });
    const [socket] = (await accepted) as [Socket];
    socket.destroy();
  });
});

describe("a call that waits", () => {
  afterEach(() => own.close());

  it("gets the connection when it is there", async () => {
    const server = own.add(await ServerPeer.start());
    const test = new TestPool(tcp(server.address));
    const call = test.wait();
    assert.equal(test.pool.queued, 1);
    await until(() => call.outcome === "open", "the call is open");
    assert.deepEqual([test.pool.queued, call.waiting], [0, false]);
  });

  it("gets a stream when another has ended, in the order of waiting", async () => {
    const { test, pool, server } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
    test.open();
    const [first, second] = [test.wait(), test.wait()];
    (await server.stream()).headers(answerHead, true);
    await until(() => first.outcome === "open", "the first is open");
    assert.deepEqual([second.outcome, pool.queued], ["", 1]);
    first.stream?.reset();
    assert.equal(second.outcome, "open");
  });

  it("is not let in over the bound", async () => {
    const { test } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 1, maxQueuedCalls: 2 });
    test.open();
    assert.deepEqual([test.wait().outcome, test.wait().outcome, test.wait().outcome], ["", "", "queue_full"]);
  });

  it("is told when it has waited for too long, each at its own time, and by one timer", async () => {
    const { test, clock } = await connected({
      ...{ server: { maxConcurrentStreams: 1 }, maxConnections: 1, queueTimeoutMs: 500 },
    });
    test.open();
    const first = test.wait();
    clock.advance(200);
    const second = test.wait();
    assert.equal(clock.pending, 1);
    clock.advance(299);
    assert.deepEqual([first.outcome, second.outcome], ["", ""]);
    clock.advance(1);
    assert.deepEqual([first.outcome, second.outcome], ["queue_timeout", ""]);
    clock.advance(199);
    assert.equal(second.outcome, "");
    clock.advance(1);
    assert.equal(second.outcome, "queue_timeout");
    assert.equal(clock.pending, 0);
  });

  it("may leave, and nobody asks it again", async () => {
    const { test, pool, clock } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
    const busy = test.open();
    const [first, second, third] = [test.wait(), test.wait(), test.wait()];
    pool.leave(second);
    pool.leave(second);
    assert.equal(pool.queued, 2);
    busy.reset();
    first.stream?.reset();
    assert.deepEqual([first.outcome, second.outcome, third.outcome], ["open", "", "open"]);
    pool.leave(first);
    clock.advance(10_000);
    assert.equal(second.outcome, "");
  });

  it("in a long queue goes in its turn", async () => {
    const { test, pool } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
    let stream = test.open();
    const calls = Array.from({ length: 50 }, () => test.wait());
    for (const [i, call] of calls.entries()) {
      stream.reset();
      assert.equal(call.outcome, "open");
      assert.equal(pool.queued, 49 - i);
      stream = call.stream as H2Stream;
    }
  });
});

describe("a pool whose connections are full", () => {
  afterEach(() => own.close());

  it("opens more, one after the other, up to its limit", async () => {
    const { test, server } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 3 });
    test.open();
    const calls = Array.from({ length: 5 }, () => test.wait());
    await until(() => calls[1]?.outcome === "open", "two more connections are there");
    await test.counts(3);
    await turns();
    assert.deepEqual(
      calls.map(({ outcome }) => outcome),
      ["open", "open", "", "", ""],
    );
    assert.equal(server.peers.length, 3);
  });

  it("opens none while there is room", async () => {
    const { test, server } = await connected();
    for (let i = 0; i < 100; i++) test.open();
    await turns();
    assert.equal(server.peers.length, 1);
  });
});

describe("a pool whose address refuses", () => {
  afterEach(() => own.close());

  it("fails waiting calls at once, and those to come, until it tries again", async () => {
    const test = new TestPool(tcp(await freeAddress()));
    const first = test.wait();
    await until(() => first.outcome !== "", "the first is told");
    assert.equal(first.outcome, "connect_failed");
    assert.equal(test.wait().outcome, "connect_failed");
    await test.pause();
    assert.equal(test.wait().outcome, "");
  });

  it("tries again with growing, jittered pauses, for ever", async () => {
    const chance = new ScriptedChance(0.5, 0.5, 0, 0.5, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5);
    const test = new TestPool(tcp(await freeAddress()), { chance });
    const pauses: number[] = [];
    for (let i = 0; i < 11; i++) pauses.push(await test.pause());
    assert.deepEqual(pauses, [100, 160, 205, 410, 721, 1_049, 1_678, 2_684, 4_295, 5_000, 5_000]);
    assert.equal(chance.left, 0);
  });

  it("says so once, and again when something else is wrong", async () => {
    const address = await freeAddress();
    const test = new TestPool(tcp(address));
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
    const test = new TestPool(tcp(server.address));
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
    const test = new TestPool({ kind: "tcp", host: "127.0.0.1", port }, { connectTimeoutMs: 700 });
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
    const test = new TestPool(tcp(address));
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
    const { test, server } = await connected();
    test.clock.advance(999);
    server.peers[0]?.close();
    assert.equal(await test.pause(), 100);
    await test.counts(1);
    server.peers[1]?.close();
    assert.equal(await test.pause(), 160);
  });

  it("keeps the calls that wait where another connection is there", async () => {
    const { test, server } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
    test.open();
    const [second, third] = [test.wait(), test.wait()];
    await until(() => second.outcome === "open", "a second connection is there");
    server.peers[1]?.close();
    await test.counts(1);
    assert.equal(third.outcome, "");
  });

  it("opens none for the lost one while the others have room", async () => {
    const { test, server } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
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
    const { test, server } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
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
    const { test, server } = await connected();
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
    const { test, server } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 2 });
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
    const { test, server } = await connected({ server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
    test.open();
    const call = test.wait();
    await server.stream();
    server.peers[0]?.goaway(1);
    await until(() => call.outcome === "open", "the call is open");
    assert.equal(server.peers.length, 2);
  });

  it("is not driven round and round by one that says it every time", async () => {
    const server = own.add(await ServerPeer.start());
    const test = new TestPool(tcp(server.address));
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

describe("a pool whose stream ids run out", () => {
  afterEach(() => own.close());

  it("opens another connection in time, and the old one finishes", async () => {
    const { test, server } = await connected({ http2: { maxStreamId: 5 } });
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

describe("a pool's end", () => {
  afterEach(() => own.close());

  it("waits for open calls, tells those that wait, and opens nothing more", async () => {
    const { test, pool, server, clock } = await connected({
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
    const { test, pool, server } = await connected();
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
    const test = new TestPool(tcp(await freeAddress()));
    await until(() => test.events.length === 1, "the first attempt has failed");
    assert.equal(test.clock.pending, 1);
    await test.pool.drain();
    assert.equal(test.clock.pending, 0);
  });

  it("drops a connection that is being made", async () => {
    const server = own.add(await ServerPeer.start());
    const test = new TestPool(tcp(server.address));
    await test.pool.drain();
    await test.counts(0);
    assert.equal(test.clock.pending, 0);
  });

  it("by force cuts everything, and leaves neither socket nor timer", async () => {
    const before = openSockets();
    const { test, pool, server } = await connected();
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

describe("a pool's figures", () => {
  afterEach(() => own.close());

  it("count bytes that the upstream has not taken", async () => {
    const server = own.add(await ServerPeer.start(() => undefined, { streamWindowBytes: 1 << 24 }));
    const test = new TestPool(tcp(server.address));
    await test.counts(1);
    await until(() => test.pool.unsentBytes === 0, "the greeting is sent");
    const connection = test.pool.pick() as Connection;
    const stream = connection.openStream(undefined);
    stream.sendHeaders(blockOf(requestFields), false);
    stream.sendData(Buffer.alloc(10_000), 0, 10_000, true);
    assert.ok(test.pool.unsentBytes > 10_000);
    await until(() => test.pool.unsentBytes === 0, "all is sent");
  });
});
