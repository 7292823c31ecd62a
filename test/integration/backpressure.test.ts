import assert from "node:assert/strict";
import { valueAt } from "../support/exposition.ts";
import { answerHead, ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict } from "../support/predict.ts";
import { type RouteSource, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();

const window = 262_144;
const large = Buffer.alloc(8 * window, "large ");
/** More than a window, so that it needs credit to arrive. */
const long = large.subarray(0, window + 100_000);

async function between(
  onStream: (stream: PeerStream) => void,
  route: Omit<RouteSource, "variants"> = {},
  reading = true,
) {
  const server = own.add(await ServerPeer.start(onStream, { reading }));
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ ...route, variants: { v41: server.address } })));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { server, sidecar, client };
}

/** Bytes that the sidecar holds, by kind. */
async function held(sidecar: TestSidecar, kind: string): Promise<number> {
  return valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind }) ?? Number.NaN;
}

/** Waits until nothing moves any more: the same figure for many turns. */
async function settled(read: () => number): Promise<number> {
  let before = -1;
  for (let same = 0; same < 10; ) {
    await turns(10);
    const now = read();
    same = now === before ? same + 1 : 0;
    before = now;
  }
  return before;
}

describe("a caller that reads one of its calls no more", () => {
  afterEach(() => own.close());

  it("delays none of its 99 others on the same connection, and gets the rest when it reads again", async () => {
    const { server, sidecar, client } = await between(
      (stream) => void stream.done().then(() => stream.answer(stream.value("x-long") === "1" ? large : long)),
    );
    const stalled = client.open(tfPredict, [["x-long", "1"]], { reading: false });
    stalled.data(framed("x"), true);
    await until(() => stalled.answer !== undefined, "the stalled answer has begun");
    const others = Array.from({ length: 99 }, () => client.call(tfPredict, framed("x")));
    for (const call of others) assert.equal((await call.done()).bytes, long.length);

    assert.equal(await settled(() => stalled.answer?.bytes ?? 0), window, "as much as it allowed");
    const unsent = server.streams[0]?.stream.queuedBytes ?? 0;
    assert.ok(unsent >= large.length - 2.5 * window, `its server is held back too: ${unsent} bytes unsent`);
    assert.ok((await held(sidecar, "streams")) <= window);

    stalled.answer?.read(true);
    assert.equal((await stalled.done()).bytes, large.length);
    assert.equal(await held(sidecar, "streams"), 0);
  });

  it("loses what was held for it when it cancels, and its server is told", async () => {
    const { server, sidecar, client } = await between((stream) => void stream.done().then(() => stream.answer(large)));
    const call = client.open(tfPredict, [], { reading: false });
    call.data(framed("x"), true);
    await settled(() => call.answer?.bytes ?? 0);
    assert.ok((await held(sidecar, "streams")) > 0);
    call.cancel();
    await until(() => server.streams[0]?.reset !== undefined, "the server's stream is reset");
    assert.equal(await held(sidecar, "streams"), 0);
  });
});

describe("a caller whose socket takes nothing any more", () => {
  afterEach(() => own.close());

  it("costs a bounded number of bytes, and other connections nothing", async () => {
    const { server, sidecar, client } = await between((stream) => void stream.done().then(() => stream.answer(large)));
    for (let i = 0; i < 20; i++) client.call(tfPredict, framed("x"));
    await until(() => server.streams.length === 20, "all calls are there");
    client.socket.pause();
    await settled(() => server.streams.reduce((sum, { stream }) => sum + stream.queuedBytes, 0));
    // A window of each stream, and the mark of the one connection with a frame on top.
    assert.ok((await held(sidecar, "streams")) <= 20 * window);
    assert.ok((await held(sidecar, "unsent_downstream")) <= window + 65_536);
    const other = own.add(await ClientPeer.connect(sidecar.address));
    assert.equal((await other.unary(tfPredict, framed("x"))).bytes, large.length);
    client.socket.resume();
    await until(() => client.connection.streamCount === 0, "all answers are there", 9_000);
  });
});

describe("a low mark for unsent output", () => {
  afterEach(() => own.close());

  it("slows a caller down that reads late, and leaves nothing behind", async () => {
    const server = own.add(await ServerPeer.start((stream) => void stream.done().then(() => stream.answer(large))));
    const limits = { http2: { outputHighWaterBytes: 65_536, connectionWindowBytes: 16_777_216 } };
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } }), { limits }));
    const client = own.add(await ClientPeer.connect(sidecar.address, { connectionWindowBytes: 64 * window }));
    const calls = Array.from({ length: 30 }, () => client.call(tfPredict, framed("x")));
    await until(() => server.streams.length === calls.length, "all calls are there");
    client.socket.pause();
    await settled(() => server.streams.reduce((sum, { stream }) => sum + stream.queuedBytes, 0));
    client.socket.resume();
    for (const call of calls) assert.equal((await call.done()).bytes, large.length);
  });
});

describe("a slow upstream", () => {
  afterEach(() => own.close());

  it("holds its caller back: a request of any length costs two windows", async () => {
    const { server, sidecar, client } = await between(() => undefined, {}, false);
    const call = client.open("/test.Echo/Collect");
    call.data(framed(large), true);
    const stream = await server.stream();
    assert.equal(await settled(() => stream.bytes), window);
    assert.ok(call.stream.queuedBytes >= large.length - 2.5 * window, `${call.stream.queuedBytes} bytes unsent`);
    assert.ok((await held(sidecar, "streams")) <= window);
    stream.read(true);
    await stream.done();
    assert.equal(stream.bytes, large.length + 5);
  });

  it("delays no call to another", async () => {
    const slow = own.add(await ServerPeer.start(() => undefined, { reading: false }));
    const quick = own.add(await ServerPeer.answering(framed("quick")));
    const match = (service: string) => ({ services: [service] });
    const snapshot = snapshotOf(
      { name: "slow", default: true, match: match("test.Slow"), variants: { v1: slow.address } },
      { name: "quick", match: match("test.Quick"), variants: { v1: quick.address } },
    );
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    for (let i = 0; i < 20; i++) client.open("/test.Slow/Collect").data(framed(large), true);
    await until(() => slow.streams.length === 20, "the slow calls are there");
    for (let i = 0; i < 50; i++) {
      assert.deepEqual((await client.unary("/test.Quick/Call", framed("x"))).body, framed("quick"));
    }
  });

  it("whose first message is awaited for its key costs what the route lets it peek at, however long it is", async () => {
    const { server, sidecar, client } = await between(() => undefined, { key: { from: [{ input: "user" }] } }, false);
    const call = client.call(tfPredict, framed(large));
    const stream = await server.stream();
    await settled(() => stream.bytes);
    assert.ok((await held(sidecar, "streams")) <= 1_048_576 + 2 * window);
    stream.read(true);
    await stream.done();
    assert.equal(stream.bytes, large.length + 5);
    stream.answer(framed("late"));
    assert.equal((await call.done()).value("grpc-status"), "0");
  });
});

describe("an upstream whose socket takes nothing any more", () => {
  afterEach(() => own.close());

  it("costs a bounded number of bytes however many calls are tried, and is used again when it reads", async () => {
    const clock = new ManualClock();
    const server = own.add(await ServerPeer.start((stream) => void stream.done().then(() => stream.refuse(0))));
    const snapshot = snapshotOf({ variants: { v41: server.address } });
    const limits = { transport: { maxConnections: 1 } };
    const sidecar = own.add(await TestSidecar.start(snapshot, { clock, limits }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    await until(() => server.peers[0]?.connection.ready === true, "the server is greeted");
    server.peers[0]?.socket.pause();
    const field = ["x-long", "y".repeat(20_000)] as const;
    const codes = new Map<string | undefined, number>();
    for (let i = 0; i < 600; i++) {
      const call = client.call(tfPredict, framed("x"), [
        field,
        ["x-call", `${i}`.padEnd(10_000, "z")],
        ["grpc-timeout", "1500m"], // more than a call waits for a stream
      ]);
      await client.unary(tfPredict, framed("x"), [["grpc-timeout", "-"]]); // the sidecar has seen it
      clock.advance(1_510);
      const code = (await call.done()).value("grpc-status");
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    // First they run out of time there, then there is no stream to be had any more.
    assert.deepEqual([...codes.keys()], ["4", "14"]);
    const unsent = await held(sidecar, "unsent_upstream");
    assert.ok(unsent <= 1_048_576 + 65_536, `${unsent} bytes are held`);
    const waiting = client.call(tfPredict, framed("x"));
    server.peers[0]?.socket.resume();
    assert.equal((await waiting.done()).value("grpc-status"), "0");
  });
});

describe("an answer that outruns its caller", () => {
  afterEach(() => own.close());

  it("is complete, trailers last, though its call was over long before", async () => {
    const { sidecar, client } = await between((stream) => {
      stream.headers(answerHead);
      stream.data(framed(large.subarray(0, window)));
      stream.end([
        ["grpc-status", "0"],
        ["x-last", "yes"],
      ]);
    });
    const call = client.open(tfPredict, [], { reading: false });
    call.data(framed("x"), true);
    await until(() => sidecar.live("v41").requests === 1, "the sidecar has seen the end");
    call.answer?.read(true);
    await until(() => call.answer !== undefined, "the answer has begun");
    call.answer?.read(true);
    const answer = await call.done();
    assert.deepEqual([answer.bytes, answer.value("x-last")], [window + 5, "yes"]);
  });
});
