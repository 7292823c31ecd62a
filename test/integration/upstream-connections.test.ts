import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCode } from "../../src/http2/constants.ts";
import type { SidecarLimits } from "../../src/runtime/sidecar.ts";
import { valueAt } from "../support/exposition.ts";
import {
  answerHead,
  ClientPeer,
  freeAddress,
  Peer,
  type PeerOptions,
  type PeerStream,
  ServerPeer,
} from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { rawServer } from "../support/raw-server.ts";
import { constantChance } from "../support/scripted-chance.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());

interface Given {
  readonly server?: PeerOptions;
  readonly limits?: SidecarLimits["transport"];
  readonly http2?: SidecarLimits["http2"];
  readonly onStream?: (stream: PeerStream) => void;
}

async function between({ server: options = {}, limits = {}, http2 = {}, onStream = () => undefined }: Given = {}) {
  const clock = new ManualClock();
  const server = own.add(await ServerPeer.start(onStream, options));
  const sidecar = own.add(
    await TestSidecar.start(snapshotOf({ variants: { v41: server.address } }), {
      clock,
      chance: constantChance(0.5), // no jitter
      limits: { transport: limits, http2 },
    }),
  );
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { clock, server, sidecar, client };
}

const statusOf = (answer: PeerStream): number => Number(answer.value("grpc-status"));
const textOf = (answer: PeerStream): string => answer.value("grpc-message") ?? "";
const names = (streams: readonly PeerStream[]): (string | undefined)[] => streams.map((each) => each.value("x-call"));

/** Returns when the sidecar has seen everything that was sent before on this connection. */
async function fence(client: ClientPeer): Promise<void> {
  await client.unary(tfPredict, message, [["grpc-timeout", "-"]]);
}

describe("a call that the upstream never looked at", () => {
  afterEach(() => own.close());

  it("is sent again with all that its caller had sent by then, and what comes later follows", async () => {
    const { server, client } = await between();
    const call = client.open("/test.Echo/Chat");
    call.data(framed("one"));
    const refused = await server.stream(0);
    await until(() => refused.bytes === 8, "the first message is here");
    refused.stream.reset(errorCode.REFUSED_STREAM);
    const again = await server.stream(1);
    call.data(framed("two"), true);
    assert.deepEqual((await again.done()).body, Buffer.concat([framed("one"), framed("two")]));
    again.answer(message);
    assert.equal(statusOf(await call.done()), 0);
  });

  it("is not sent again where its bytes are no longer kept", async () => {
    const { server, client } = await between();
    const call = client.call(tfPredict, framed(Buffer.alloc(100_000)));
    const stream = await server.stream(0);
    await stream.done();
    stream.stream.reset(errorCode.REFUSED_STREAM);
    assert.equal(statusOf(await call.done()), 14);
    assert.equal(server.streams.length, 1);
  });

  it("is not sent again once its answer has begun, whatever the upstream says", async () => {
    const { server, client } = await between();
    const call = client.call(tfPredict, message);
    const stream = await server.stream(0);
    stream.headers(answerHead);
    await until(() => call.answer !== undefined, "the answer has begun");
    stream.stream.reset(errorCode.REFUSED_STREAM);
    assert.equal((await call.done()).trailers?.[0]?.[1], "14");
    assert.equal(server.streams.length, 1);
  });
});

describe("calls beyond the upstream's limit of streams", () => {
  afterEach(() => own.close());

  const one = { server: { maxConcurrentStreams: 1 }, limits: { maxConnections: 1 } };

  it("wait for their turn and keep their order", async () => {
    const { server, client, sidecar } = await between(one);
    const calls = ["a", "b", "c", "d"].map((name) => client.call(tfPredict, message, [["x-call", name]]));
    for (let i = 0; i < calls.length; i++) {
      const stream = await server.stream(i);
      await fence(client);
      assert.equal(server.streams.length, i + 1, "one at a time");
      const waiting = valueAt(await sidecar.exposed(), "contender_queue_calls", { route: "fraud", variant: "v41" });
      assert.equal(waiting, calls.length - 1 - i);
      stream.answer(message);
    }
    await Promise.all(calls.map((call) => call.done()));
    assert.deepEqual(names(server.streams), ["a", "b", "c", "d"]);
    assert.deepEqual([server.peers.length, sidecar.live("v41").byCode.OK], [1, 4]);
  });

  it("are UNAVAILABLE at once where as many wait as may", async () => {
    const { server, client, sidecar } = await between({ ...one, limits: { maxConnections: 1, maxQueuedCalls: 2 } });
    const taken = Array.from({ length: 3 }, () => client.call(tfPredict, message));
    await server.stream();
    const answer = await client.unary(tfPredict, message);
    assert.equal(statusOf(answer), 14);
    assert.match(textOf(answer), /^contender: no connection to v41: queue full/);
    assert.deepEqual(sidecar.localReplies, { queue_full: 1 });
    assert.ok(taken.every((call) => call.answer === undefined));
  });

  it("are UNAVAILABLE when they have waited too long, and not before", async () => {
    const { clock, server, client, sidecar } = await between({
      ...one,
      limits: { maxConnections: 1, queueTimeoutMs: 700 },
    });
    client.call(tfPredict, message);
    await server.stream();
    const early = client.call(tfPredict, message);
    await fence(client);
    clock.advance(400);
    const late = client.call(tfPredict, message);
    await fence(client);
    clock.advance(299);
    await fence(client);
    assert.equal(early.answer, undefined);
    clock.advance(1);
    const answer = await early.done();
    assert.deepEqual([statusOf(answer), late.answer], [14, undefined]);
    assert.match(textOf(answer), /^contender: no connection to v41: queue timeout/);
    clock.advance(400);
    assert.equal(statusOf(await late.done()), 14);
    assert.deepEqual(sidecar.localReplies, { bad_timeout: 3, queue_timeout: 2 });
  });

  it("get further connections, up to their limit", async () => {
    const { server, client } = await between({ server: { maxConcurrentStreams: 2 }, limits: { maxConnections: 2 } });
    for (let i = 0; i < 5; i++) client.call(tfPredict, message);
    await server.stream(3);
    await fence(client);
    assert.deepEqual(
      server.peers.map(({ streams }) => streams.length),
      [2, 2],
    );
  });

  it("take the place of a call that was cancelled", async () => {
    const { server, client } = await between(one);
    const first = client.call(tfPredict, message, [["x-call", "a"]]);
    await server.stream();
    const second = client.call(tfPredict, message, [["x-call", "b"]]);
    client.call(tfPredict, message, [["x-call", "c"]]);
    await fence(client);
    second.cancel();
    await fence(client);
    first.cancel();
    await server.stream(1);
    assert.deepEqual(names(server.streams), ["a", "c"]);
  });
});

describe("an upstream that can't be reached", () => {
  afterEach(() => own.close());

  it("because it refuses connections makes calls UNAVAILABLE at once, with the reason", async () => {
    const clock = new ManualClock();
    const address = await freeAddress();
    const sidecar = own.add(await TestSidecar.listen(snapshotOf({ variants: { v41: address } }), { clock }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    await until(() => sidecar.events.some(({ kind }) => kind === "connect_failed"), "the connection was refused");
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([statusOf(answer), answer.headOnly], [14, true]);
    assert.match(textOf(answer), /^contender: no connection to v41: connect failed/);
    assert.deepEqual(sidecar.localReplies, { connect_failed: 1 });
    assert.deepEqual(sidecar.live("v41").byCode, { UNAVAILABLE: 1 });
  });

  it("is tried again with growing pauses, and found when it is back", async () => {
    const { clock, server, client, sidecar } = await between();
    const { port } = server;
    await server.close();
    await until(() => sidecar.events.some(({ kind }) => kind === "disconnected"), "the connection is lost");
    const pool = sidecar.sidecar.generation?.routes[0]?.champion.pool;
    const trying = (): boolean => pool?.count("connecting") === 1;
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) {
      const from = clock.nowMs();
      while (!trying() && clock.nowMs() - from < 1_000) clock.advance(1);
      pauses.push(clock.nowMs() - from);
      await until(() => !trying(), `attempt ${attempt} has failed`);
    }
    const failures = sidecar.events.filter(({ kind }) => kind === "connect_failed");
    assert.equal(failures.length, 1, "what fails as before is told once");
    for (const [i, pauseMs] of [100, 160, 256, 410].entries()) {
      assert.ok(Math.abs((pauses[i] ?? 0) - pauseMs) <= 15, `pause ${i} is ${pauses[i]} ms, want ${pauseMs}`);
    }
    const back = own.add(await ServerPeer.start((stream) => stream.answer(message), { port }));
    clock.advance(700);
    await sidecar.connected();
    assert.equal(statusOf(await client.unary(tfPredict, message)), 0);
    assert.equal(back.peers.length, 1);
  });

  it("for a moment, after a long time, is tried again at once", async () => {
    const { clock, server, client, sidecar } = await between({ onStream: (stream) => stream.answer(message) });
    clock.advance(60_000);
    server.peers[0]?.close();
    await until(() => server.peers.length === 2, "connected again without a pause");
    await sidecar.connected();
    assert.equal(statusOf(await client.unary(tfPredict, message)), 0);
  });
});

describe("a connection to an upstream", () => {
  afterEach(() => own.close());

  it("that goes away while idle is replaced before the next call", async () => {
    const { clock, server, client, sidecar } = await between({ onStream: (stream) => stream.answer(message) });
    clock.advance(5_000);
    server.peers[0]?.goaway(0);
    await until(() => server.peers.length === 2, "another connection is there");
    await sidecar.connected();
    assert.equal(statusOf(await client.unary(tfPredict, message)), 0);
    assert.deepEqual(sidecar.localReplies, {});
  });

  it("that goes away as soon as it is there takes no call along that waits for the next one", async () => {
    const sockets: Socket[] = [];
    const v41 = await rawServer(own, (socket) => sockets.push(socket));
    const snapshot = snapshotOf({ variants: { v41 } });
    const sidecar = own.add(await TestSidecar.listen(snapshot, { clock: new ManualClock() }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const call = client.call(tfPredict, message);
    await until(() => sockets.length === 1, "the first connection is there");
    const first: Peer = new Peer(sockets[0] as Socket, "server", {}, () => first.goaway(0));
    await until(() => sockets.length === 2 && first.gone, "the first is gone, the second not greeted yet");
    new Peer(sockets[1] as Socket, "server", {}, (stream) => stream.answer(message));
    assert.equal(statusOf(await call.done()), 0);
  });

  it("is retired long before its stream ids run out, without losing a call", async () => {
    const { clock, server, client, sidecar } = await between({
      http2: { maxStreamId: 9 },
      onStream: (stream) => void stream.done().then(() => stream.answer(message)),
    });
    clock.advance(60_000);
    for (let i = 0; i < 20; i++) {
      clock.advance(2_000);
      assert.equal(statusOf(await client.unary(tfPredict, message)), 0, `call ${i}`);
    }
    assert.ok(server.peers.length >= 4, `${server.peers.length} connections`);
    assert.ok(server.streams.every(({ stream }) => stream.id <= 9));
    assert.deepEqual(sidecar.live("v41").byCode, { OK: 20 });
  });

  it("may be a unix socket, whose authority is localhost", async () => {
    const folder = mkdtempSync(join(tmpdir(), "contender-"));
    const path = join(folder, "model.sock");
    const streams: PeerStream[] = [];
    const sockets: Peer[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(
        new Peer(socket, "server", {}, (stream) => {
          streams.push(stream);
          stream.answer(message);
        }),
      );
    });
    server.listen(path);
    await once(server, "listening");
    own.add({
      close: () => {
        for (const socket of sockets) socket.close();
        server.close();
        rmSync(folder, { recursive: true });
      },
    });
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: `unix:${path}` } })));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    assert.equal(statusOf(await client.unary(tfPredict, message)), 0);
    assert.equal(streams[0]?.value(":authority"), "localhost");
  });
});

describe("an upstream that vanishes without a word", () => {
  afterEach(() => own.close());

  it("is found by a PING: its call gets UNAVAILABLE, and the next one a new connection", async () => {
    const { clock, server, client, sidecar } = await between({ limits: { callerKeepaliveMs: 0 } });
    const call = client.call(tfPredict, message);
    await (await server.stream()).done();
    const vanished = server.peers[0] as Peer;
    vanished.socket.removeAllListeners("data");
    vanished.socket.on("data", () => undefined); // what comes is lost
    clock.advance(330_010);
    await turns();
    clock.advance(20_010);
    const answer = await call.done();
    assert.deepEqual([statusOf(answer), textOf(answer)], [14, "contender: connection to v41 lost"]);
    await until(() => server.peers.length === 2, "there is another connection");
    const next = client.call(tfPredict, message);
    (await (await server.stream(1)).done()).answer(message);
    assert.equal(statusOf(await next.done()), 0);
    const fault = { side: "upstream", fault: "silent" };
    assert.equal(valueAt(await sidecar.exposed(), "contender_connection_faults_total", fault), 1);
  });
});
