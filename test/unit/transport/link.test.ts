import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import { frameType, preface } from "../../../src/http2/constants.ts";
import { type Http2Options, resolveHttp2Options } from "../../../src/http2/options.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";
import { FlushLoop } from "../../../src/transport/flush-loop.ts";
import { Link } from "../../../src/transport/link.ts";
import {
  continuation,
  cutFrames,
  data,
  frame,
  goaway,
  headers,
  ping,
  say,
  settings,
  windowUpdate,
} from "../../support/h2-frames.ts";
import { pattern } from "../../support/h2-pair.ts";
import { RawPeer, requestFields, responseFields } from "../../support/h2-raw.ts";
import { Recorder } from "../../support/h2-recorder.ts";
import { blockOf, encode } from "../../support/hpack.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { openSockets, SocketPair } from "../../support/sockets.ts";
import { turns, until } from "../../support/until.ts";

const own = new Owned();

/** More than the kernel holds for both ends together. */
const large = pattern(8_000_000);

/** Limits that a test can reach. A peer may talk as much as it likes: what counts is whether it listens. */
const small = { outputHighWaterBytes: 65_536, outputLimitBytes: 100_000, controlBurst: 1_000_000 };
const floodPings = 20_000;

/** In pieces as a socket would have read them. */
function sendLarge(stream: H2Stream, end: boolean): void {
  for (let at = 0; at < large.length; at += 50_000) stream.sendData(large, at, at + 50_000, false);
  if (end) stream.sendData(large, 0, 0, true);
}

/** A socket that takes a piece when it is told to. */
class SlowSocket extends Duplex {
  #taken: () => void = () => undefined;

  get asSocket(): Socket {
    return Object.assign(this, { setNoDelay: () => this }) as unknown as Socket;
  }

  override _read(): void {
    // Nothing ever comes.
  }

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    this.#taken = done;
  }

  takeOne(): void {
    this.#taken();
  }
}

async function setUp(options: Http2Options = {}) {
  const sockets = own.add(await SocketPair.open());
  const clock = new ManualClock();
  const recorder = new Recorder();
  const budget = new ByteBudget();
  let gone = 0;
  const loop = new FlushLoop(clock);
  const http2 = resolveHttp2Options(options);
  const link = new Link(sockets.ours, "server", http2, recorder, budget, loop, clock, () => gone++);
  sockets.ours.on("data", (chunk: Buffer) => link.receive(chunk));
  const { encoder } = new RawPeer("client");
  return {
    ...{ sockets, clock, recorder, budget, link },
    gone: () => gone,
    /** The peer greets, with windows that no test fills. */
    greet: (): void => {
      const wide = settings({ INITIAL_WINDOW_SIZE: 2 ** 30 });
      sockets.theirs.write(Buffer.concat([preface, wide, windowUpdate(0, 2 ** 30)]));
    },
    request: (id: number, end = true): void => {
      sockets.theirs.write(headers(id, encode(encoder, requestFields), { end }));
    },
    said: (): string[] => cutFrames(sockets.got).frames.map(say),
    /** More PINGs than their answers find room for. */
    flood: (): void => {
      const thousand = Buffer.concat(Array<Buffer>(1_000).fill(ping()));
      for (let sent = 0; sent < floodPings; sent += 1_000) sockets.theirs.write(thousand);
    },
  };
}

describe("a link", () => {
  afterEach(() => own.close());

  it("brings bytes to its connection and its answers to the socket", async () => {
    const { sockets, recorder, said, greet, request } = await setUp();
    sockets.read();
    greet();
    request(1);
    await until(() => recorder.events.includes("request 1 /s/m end"), "the request is here");
    recorder.stream(1).sendHeaders(blockOf(responseFields), true);
    await until(() => said().includes("HEADERS 1 END_STREAM"), "the answer is there");
    assert.equal(said()[0]?.startsWith("SETTINGS HEADER_TABLE_SIZE"), true);
  });

  it("sends what is copied and what is passed in slices in the order of writing", async () => {
    const { sockets, recorder, greet, request } = await setUp();
    sockets.read();
    greet();
    request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    const stream = recorder.stream(1);
    const sent: Buffer[] = [];
    stream.sendHeaders(blockOf(responseFields), false);
    for (const length of [10, 9_000, 3, 40_000, 8_192, 70, 8_191, 0, 100_000]) {
      const bytes = pattern(length, length);
      sent.push(bytes);
      stream.sendData(bytes, 0, bytes.length, false);
    }
    stream.sendData(Buffer.alloc(0), 0, 0, true);
    const frames = () => cutFrames(sockets.got).frames;
    await until(() => frames().some(({ type, flags }) => type === 0 && flags === 1), "the end is there");
    assert.deepEqual(RawPeer.bytesOf(frames(), 1), Buffer.concat(sent));
  });

  it("whose read kept the loop is read again in the next turn, so that others come in between", async () => {
    const { sockets, clock, recorder, link } = await setUp();
    link.receive(Buffer.concat([preface, settings()]));
    assert.equal(sockets.ours.isPaused(), false);
    recorder.onEvent = () => clock.advance(1);
    const { encoder } = new RawPeer("client");
    link.receive(headers(1, encode(encoder, requestFields), { end: true }));
    assert.equal(sockets.ours.isPaused(), true);
    await turns(1);
    assert.equal(sockets.ours.isPaused(), false);
    recorder.onEvent = () => clock.advance(0.9);
    link.receive(headers(3, encode(encoder, requestFields), { end: true }));
    assert.equal(sockets.ours.isPaused(), false, "a quick one");
  });

  for (const outputHighWaterBytes of [65_536, 262_144]) {
    it(`passes any amount to a peer that reads late, holding ${outputHighWaterBytes} bytes ready`, async () => {
      const { sockets, recorder, budget, link, greet, request } = await setUp({ outputHighWaterBytes });
      greet();
      request(1);
      await until(() => recorder.streams.size === 1, "the request is here");
      recorder.stream(1).sendHeaders(blockOf(responseFields), false);
      sendLarge(recorder.stream(1), true);
      await turns();
      assert.ok(budget.held > 1_000_000, `${budget.held} bytes wait in their stream`);
      sockets.read();
      await until(() => link.connection.streamCount === 0, "all went out");
      const frames = () => cutFrames(sockets.got).frames;
      await until(() => frames().at(-1)?.flags === 1, "the end is there");
      assert.ok(RawPeer.bytesOf(frames(), 1).equals(large));
      assert.equal(budget.held, 0);
    });
  }

  it("reads nothing more from a peer that makes it talk and doesn't listen, until it does, every time", async () => {
    const { sockets, link, recorder, said, greet, request, flood } = await setUp(small);
    greet();
    request(1, false);
    await until(() => recorder.streams.size === 1, "the request is here");
    for (let round = 1; round <= 2; round++) {
      sockets.theirs.pause();
      sendLarge(recorder.stream(1), false);
      await until(() => link.connection.sender.stalled, "the socket is full");
      flood();
      await until(() => link.socket.isPaused(), "nothing is read any more");
      const unsent = link.connection.output.bytes + link.connection.sender.socketBacklog;
      assert.ok(unsent < small.outputLimitBytes + 2 * 65_536, `${unsent} bytes unsent`);
      sockets.read();
      const answers = (): number => said().filter((line) => line.startsWith("PING ACK")).length;
      await until(() => answers() === round * floodPings, "every PING is answered");
      assert.equal(link.socket.isPaused(), false);
    }
  });
});

describe("a link whose peer begins what it does not end", () => {
  afterEach(() => own.close());

  const half = Buffer.from(frame(frameType.HEADERS, 0, 1, Buffer.alloc(0))).subarray(0, 5);
  const block = headers(1, Buffer.alloc(0), { last: false });
  for (const [what, bytes] of [
    ["half a frame", half],
    ["a header block", block],
  ] as const) {
    it(`ends the connection after the time for it: ${what}`, async () => {
      const { sockets, clock, link, said, greet } = await setUp({ frameTimeoutMs: 4_000 });
      greet();
      sockets.theirs.write(bytes);
      await until(() => link.connection.unfinishedSinceMs >= 0, "the frame has begun");
      clock.advance(3_000);
      // More of the same does not buy it time.
      if (bytes === block) sockets.theirs.write(continuation(1, Buffer.alloc(0), false));
      else sockets.theirs.write(Buffer.alloc(1));
      await turns();
      clock.advance(999);
      assert.equal(link.connection.dead, false);
      clock.advance(1);
      assert.deepEqual([link.connection.dead, link.connection.fault], [true, "slow_frame"]);
      sockets.read();
      await until(() => said().includes("GOAWAY 0 ENHANCE_YOUR_CALM"), "it is told");
    });
  }

  it("has one timer for it, however many reads end within frames, and none once they end between them", async () => {
    const { sockets, clock, link, recorder, greet } = await setUp({ frameTimeoutMs: 4_000 });
    greet();
    await until(() => recorder.events.includes("ready"), "greeted");
    sockets.theirs.write(ping().subarray(0, 3));
    await until(() => link.connection.unfinishedSinceMs >= 0, "the frame has begun");
    for (let n = 0; n < 10; n++) {
      const since = link.connection.unfinishedSinceMs;
      clock.advance(1_000);
      sockets.theirs.write(Buffer.concat([ping().subarray(3), ping().subarray(0, 3)]));
      await until(() => link.connection.unfinishedSinceMs > since, "the next one has begun");
      assert.equal(clock.pending, 1);
    }
    sockets.theirs.write(ping().subarray(3));
    await until(() => link.connection.unfinishedSinceMs < 0, "it is whole");
    clock.advance(10_000);
    assert.deepEqual([clock.pending, link.connection.dead], [0, false]);
  });

  it("does not blame a peer for what it could not send while it was not read from", async () => {
    const { sockets, clock, link, recorder, greet, request, flood } = await setUp({ ...small, frameTimeoutMs: 4_000 });
    greet();
    request(1, false);
    await until(() => recorder.streams.size === 1, "the request is here");
    sockets.theirs.pause();
    sendLarge(recorder.stream(1), false);
    await until(() => link.connection.sender.stalled, "the socket is full");
    flood();
    sockets.theirs.write(ping().subarray(0, 3));
    await until(() => link.socket.isPaused(), "nothing is read any more");
    clock.advance(60_000);
    assert.equal(link.connection.dead, false);
    sockets.read();
    await until(() => !link.socket.isPaused(), "it is read from again");
    clock.advance(3_999);
    assert.equal(link.connection.dead, false);
  });
});

describe("a link whose connection has ended", () => {
  afterEach(() => own.close());

  it("says its last words, then waits a while for the peer to close, and no longer", async () => {
    const before = openSockets();
    const { sockets, link, clock, gone, said, greet } = await setUp();
    sockets.read();
    greet();
    const ended = once(sockets.theirs, "end");
    sockets.theirs.write(data(0, 1));
    await ended;
    assert.equal(said().at(-1), "GOAWAY 0 PROTOCOL_ERROR");
    await until(() => clock.pending === 1, "the wait has begun");
    clock.advance(999);
    await turns();
    assert.equal(gone(), 0);
    // Bytes that are read and dropped do not lengthen it.
    sockets.theirs.write(ping());
    await turns();
    clock.advance(1);
    await until(() => gone() === 1, "the link is gone");
    assert.equal(link.socket.destroyed, true);
    sockets.theirs.destroy();
    await until(() => openSockets() === before, "no socket is left");
    assert.equal(clock.pending, 0);
  });

  it("is gone at once where the peer closes", async () => {
    const { sockets, clock, gone, greet } = await setUp();
    sockets.read();
    greet();
    sockets.theirs.on("end", () => sockets.theirs.end());
    sockets.theirs.write(data(0, 1));
    await until(() => gone() === 1, "the link is gone");
    assert.equal(clock.pending, 0);
  });

  it("while it read nothing more reads on, so that the peer's own end is heard", async () => {
    const { sockets, link, recorder, clock, gone, greet, request, flood } = await setUp(small);
    greet();
    request(1, false);
    await until(() => recorder.streams.size === 1, "the request is here");
    sendLarge(recorder.stream(1), false);
    await until(() => link.connection.sender.stalled, "the socket is full");
    flood();
    await until(() => link.socket.isPaused(), "nothing is read any more");
    link.connection.fail(0, "the test's own doing");
    link.flush();
    sockets.theirs.on("end", () => sockets.theirs.end());
    sockets.read();
    await until(() => gone() === 1, "the link is gone");
    assert.equal(clock.pending, 0);
  });

  it("lets a peer that takes its time have all of its answer", async () => {
    const { sockets, link, recorder, gone, greet, request } = await setUp();
    greet();
    request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    sendLarge(recorder.stream(1), true);
    link.connection.shutdown();
    link.connection.finishShutdown();
    sockets.read();
    const ended = once(sockets.theirs, "end");
    await ended;
    sockets.theirs.end();
    await until(() => gone() === 1, "the link is gone");
    assert.ok(RawPeer.bytesOf(cutFrames(sockets.got).frames, 1).equals(large));
  });

  it("does not wait for a peer that takes nothing, whatever it sends meanwhile", async () => {
    const { sockets, link, recorder, clock, gone, greet, request } = await setUp();
    greet();
    request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    sendLarge(recorder.stream(1), true);
    await until(() => link.connection.sender.stalled, "the socket is full");
    sockets.theirs.write(data(0, 1));
    await until(() => link.connection.dead, "the connection has ended");
    sockets.theirs.write(ping());
    clock.advance(9_999);
    await turns();
    assert.equal(gone(), 0);
    sockets.theirs.write(ping());
    await turns();
    clock.advance(1);
    await until(() => gone() === 1, "the link is gone");
    assert.equal(clock.pending, 0);
  });

  it("waits for a peer as long as it takes anything", async () => {
    const clock = new ManualClock();
    const socket = new SlowSocket();
    let gone = 0;
    const options = resolveHttp2Options();
    const loop = new FlushLoop(clock);
    const link = new Link(
      socket.asSocket,
      "server",
      options,
      new Recorder(),
      new ByteBudget(),
      loop,
      clock,
      () => gone++,
    );
    for (let i = 0; i < 3; i++) link.connection.output.slice(Buffer.alloc(1_000));
    link.connection.fail(0, "the test's own doing");
    link.flush();
    for (let i = 0; i < 3; i++) {
      clock.advance(9_000);
      socket.takeOne();
      await turns(2);
      clock.advance(1_000);
      await turns(2);
      assert.equal(gone, 0, `after piece ${i}`);
    }
    clock.advance(10_000);
    await turns(2);
    assert.equal(gone, 1);
  });

  it("by a peer that ends its half: its streams are lost, and the socket closes", async () => {
    const { sockets, recorder, clock, gone, greet, request } = await setUp();
    sockets.read();
    greet();
    request(1, false);
    sockets.theirs.end();
    await until(() => gone() === 1, "the link is gone");
    assert.deepEqual(recorder.take(), ["ready", "request 1 /s/m", "reset 1 INTERNAL_ERROR lost", "closed"]);
    assert.equal(clock.pending, 0);
  });

  it("by a peer that takes nothing and ends its half is gone as well", async () => {
    const { sockets, link, recorder, clock, gone, greet, request } = await setUp();
    greet();
    request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    sendLarge(recorder.stream(1), true);
    await until(() => link.connection.sender.stalled, "the socket is full");
    sockets.theirs.end();
    await until(() => link.connection.dead, "the connection has ended");
    clock.advance(10_000);
    await until(() => gone() === 1, "the link is gone");
  });

  it("by a reset of the socket: says why", async () => {
    const { sockets, link, recorder, gone, greet, request } = await setUp();
    greet();
    request(1, false);
    await until(() => recorder.streams.size === 1, "the request is here");
    sockets.theirs.resetAndDestroy();
    await until(() => gone() === 1, "the link is gone");
    assert.match(String(link.error), /ECONNRESET/);
    assert.equal(recorder.events.at(-1), "closed");
  });

  it("writes nothing to a socket that is gone", async () => {
    const { sockets, link, gone, greet } = await setUp();
    greet();
    await until(() => link.connection.ready, "the greeting is here");
    link.destroy();
    await until(() => gone() === 1, "the link is gone");
    link.connection.output.slice(Buffer.from("late"));
    link.flush();
    assert.equal(link.connection.output.bytes, 0);
    sockets.theirs.write(goaway(0));
    await turns();
    assert.equal(gone(), 1);
  });
});
