import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "../../../src/http2/connection.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";
import { answerHead, ServerPeer } from "../../support/h2-peer.ts";
import { requestFields } from "../../support/h2-raw.ts";
import { blockOf } from "../../support/hpack.ts";
import { Owned } from "../../support/owned.ts";
import { connected, TestPool, tcp } from "../../support/pools.ts";
import { turns, until } from "../../support/until.ts";

const own = new Owned();

describe("a pool", () => {
  afterEach(() => own.close());

  it("connects before anybody asks", async () => {
    const { test, pool, server } = await connected(own);
    assert.deepEqual(test.events, ["connected"]);
    assert.equal(pool.ready, true);
    test.open();
    assert.equal((await server.stream()).value(":path"), "/s/m");
    assert.equal(pool.streamCount, 1);
  });

  it("picks the connection with the fewest streams", async () => {
    const { test, pool } = await connected(own, { server: { maxConcurrentStreams: 2 }, maxConnections: 2 });
    const streams = [test.open(), test.open()];
    const third = test.wait();
    await until(() => third.outcome === "open", "a second connection is there");
    assert.notEqual(third.stream?.connection, streams[0]?.connection);
    assert.equal(pool.pick(), third.stream?.connection);
    for (const stream of streams) stream.reset();
    assert.equal(pool.pick(), streams[0]?.connection);
  });

  it("is ready while its connections are full", async () => {
    const { test, pool } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
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
    new TestPool(own, { kind: "unix", path });
    const [socket] = (await accepted) as [Socket];
    socket.destroy();
  });
});

describe("a call that waits", () => {
  afterEach(() => own.close());

  it("gets the connection when it is there", async () => {
    const server = own.add(await ServerPeer.start());
    const test = new TestPool(own, tcp(server.address));
    const call = test.wait();
    assert.equal(test.pool.queued, 1);
    await until(() => call.outcome === "open", "the call is open");
    assert.deepEqual([test.pool.queued, call.waiting], [0, false]);
  });

  it("gets a stream when another has ended, in the order of waiting", async () => {
    const { test, pool, server } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
    test.open();
    const [first, second] = [test.wait(), test.wait()];
    (await server.stream()).headers(answerHead, true);
    await until(() => first.outcome === "open", "the first is open");
    assert.deepEqual([second.outcome, pool.queued], ["", 1]);
    first.stream?.reset();
    assert.equal(second.outcome, "open");
  });

  it("is not let in over the bound", async () => {
    const { test } = await connected(own, {
      server: { maxConcurrentStreams: 1 },
      maxConnections: 1,
      maxQueuedCalls: 2,
    });
    test.open();
    assert.deepEqual([test.wait().outcome, test.wait().outcome, test.wait().outcome], ["", "", "queue_full"]);
  });

  it("is told when it has waited for too long, each at its own time, and by one timer", async () => {
    const { test, clock } = await connected(own, {
      ...{ server: { maxConcurrentStreams: 1 }, maxConnections: 1, queueTimeoutMs: 500 },
    });
    test.open();
    const first = test.wait();
    clock.advance(200);
    const second = test.wait();
    assert.deepEqual([clock.pending, clock.nextDueMs], [1, 500]);
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
    const { test, pool, clock } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
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
    const { test, pool } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 1 });
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
    const { test, server } = await connected(own, { server: { maxConcurrentStreams: 1 }, maxConnections: 3 });
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
    const { test, server } = await connected(own);
    for (let i = 0; i < 100; i++) test.open();
    await turns();
    assert.equal(server.peers.length, 1);
  });
});

describe("a pool's figures", () => {
  afterEach(() => own.close());

  it("count bytes that the upstream has not taken", async () => {
    const server = own.add(await ServerPeer.start(() => undefined, { streamWindowBytes: 1 << 24 }));
    const test = new TestPool(own, tcp(server.address));
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
