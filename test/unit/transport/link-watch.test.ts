import assert from "node:assert/strict";
import type { Clock } from "../../../src/base/clock.ts";
import { TimerWheel } from "../../../src/base/timer-wheel.ts";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import { preface } from "../../../src/http2/constants.ts";
import { resolveHttp2Options } from "../../../src/http2/options.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";
import { FlushLoop } from "../../../src/transport/flush-loop.ts";
import { Link } from "../../../src/transport/link.ts";
import { LinkWatch, type WatchLimits } from "../../../src/transport/link-watch.ts";
import { cutFrames, headers, ping, type Settings, say, settings, windowUpdate } from "../../support/h2-frames.ts";
import { RawPeer, requestFields, responseFields } from "../../support/h2-raw.ts";
import { Recorder } from "../../support/h2-recorder.ts";
import { blockOf, encode } from "../../support/hpack.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { SocketPair } from "../../support/sockets.ts";
import { turns, until } from "../../support/until.ts";

const own = new Owned();

/** Nothing is looked for unless a test says so. */
const nothing: WatchLimits = {
  keepaliveMs: 0,
  keepaliveTimeoutMs: 20_000,
  pingsIdle: true,
  streamIdleMs: 0,
  maxAgeMs: 0,
  idleMs: 0,
  graceMs: 0,
};
const alive = "PING 616c6976653f2e2e";

async function setUp(
  limits: Partial<WatchLimits>,
  { role = "server" as "server" | "client", peer = {} as Settings } = {},
) {
  const sockets = own.add(await SocketPair.open());
  const manual = new ManualClock({ nowMs: 1_000 });
  /** The process stands still for so long, in all: time passes, timers don't run. */
  let sleptMs = 0;
  const clock: Clock = {
    nowMs: () => manual.nowMs() + sleptMs,
    wallMs: () => manual.wallMs(),
    after: (delayMs, fn) => manual.after(delayMs, fn),
  };
  const recorder = new Recorder();
  const loop = new FlushLoop(clock);
  const http2 = resolveHttp2Options({
    outputHighWaterBytes: 65_536,
    outputLimitBytes: 100_000,
    controlBurst: 1_000_000,
  });
  let gone = 0;
  const link = new Link(sockets.ours, role, http2, recorder, new ByteBudget(), loop, clock, () => gone++);
  sockets.ours.on("data", (chunk: Buffer) => link.receive(chunk));
  const retired: string[] = [];
  new LinkWatch(link, new TimerWheel(clock), clock, { ...nothing, ...limits }, (why) => retired.push(why));
  const { encoder } = new RawPeer("client");
  const { theirs } = sockets;
  theirs.write(role === "server" ? Buffer.concat([preface, settings(peer)]) : settings(peer));
  await until(() => recorder.events.includes("ready"), "the greeting is over");
  const write = async (...bytes: readonly Uint8Array[]): Promise<void> => {
    const before = sockets.ours.bytesRead;
    const all = Buffer.concat(bytes);
    theirs.write(all);
    await until(() => sockets.ours.bytesRead >= before + all.length, "it has been read");
  };
  const greeting = role === "client" ? preface.length : 0;
  const said = (): string[] => cutFrames(sockets.got.subarray(greeting)).frames.map(say);
  return {
    ...{ sockets, clock: manual, recorder, link, retired, write },
    sleep: (ms: number) => {
      sleptMs += ms;
    },
    gone: () => gone,
    request: async (id: number): Promise<H2Stream> => {
      await write(headers(id, encode(encoder, requestFields), { end: true }));
      return recorder.stream(id);
    },
    open: (): H2Stream => {
      const stream = link.connection.openStream(undefined);
      stream.sendHeaders(blockOf(requestFields), false);
      return stream;
    },
    said,
    pings: (): number => said().filter((frame) => frame === alive).length,
  };
}

/** Makes it say more than its peer, who reads nothing, takes. */
async function untilNotRead({ ours, theirs }: SocketPair): Promise<void> {
  const thousand = Buffer.concat(Array<Buffer>(1_000).fill(ping()));
  for (let sent = 0; sent < 300 && !ours.isPaused(); sent++) {
    theirs.write(thousand);
    await turns(2);
  }
  await until(() => ours.isPaused(), "it is no longer listened to");
}

describe("a watch for silence", () => {
  afterEach(() => own.close());

  it("asks a peer that has been silent for so long, and is content with anything it hears", async () => {
    const { clock, sockets, link, pings, write } = await setUp({ keepaliveMs: 30_000 });
    sockets.read();
    clock.advance(20_000);
    await write(windowUpdate(0, 1));
    clock.advance(29_000);
    await turns();
    assert.equal(pings(), 0);
    clock.advance(1_010);
    await until(() => pings() === 1, "the peer is asked");
    clock.advance(19_000);
    await write(ping("alive?..", true));
    clock.advance(29_000);
    await turns();
    assert.deepEqual([pings(), link.connection.dead], [1, false]);
    clock.advance(2_000);
    await until(() => pings() === 2, "the peer is asked again");
  });

  it("gives up one that leaves that unanswered: its calls hear that it is lost", async () => {
    const { clock, link, request, recorder, gone } = await setUp({ keepaliveMs: 30_000 });
    await request(1);
    recorder.take();
    clock.advance(30_010);
    clock.advance(19_980);
    assert.equal(link.connection.dead, false);
    clock.advance(30);
    assert.deepEqual(recorder.take(), ["reset 1 NO_ERROR lost", "closed"]);
    assert.deepEqual(
      [link.connection.fault, link.connection.failureText],
      ["silent", "no answer to PING within 20000 ms"],
    );
    await turns();
    clock.advance(11_000);
    await until(() => gone() === 1, "its socket is gone");
  });

  it("asks a server only while calls are open", async () => {
    const { clock, sockets, open, pings } = await setUp({ keepaliveMs: 30_000, pingsIdle: false }, { role: "client" });
    sockets.read();
    clock.advance(600_000);
    await turns();
    assert.equal(pings(), 0);
    open();
    clock.advance(30_010);
    await until(() => pings() === 1, "the server is asked");
  });

  for (const [keepaliveMs, wanted] of [
    [5, 10_000],
    [0, undefined],
  ] as const) {
    it(`takes ${keepaliveMs} ms for ${wanted === undefined ? "never" : `${wanted} ms`}`, async () => {
      const { clock } = await setUp({ keepaliveMs });
      const due = clock.nextDueMs === undefined ? undefined : clock.nextDueMs - clock.nowMs();
      assert.equal(due, wanted);
    });
  }

  it("gives a peer its time once more where we have not been running", async () => {
    const { clock, link, sleep } = await setUp({ keepaliveMs: 30_000 });
    clock.advance(30_010);
    sleep(60_000);
    clock.advance(20_010);
    assert.equal(link.connection.dead, false);
    clock.advance(20_010);
    assert.equal(link.connection.dead, true);
  });

  it("knows an answer that came before we stood still", async () => {
    const { clock, link, sleep, write } = await setUp({ keepaliveMs: 30_000 });
    clock.advance(30_010);
    clock.advance(1_000);
    await write(ping("alive?..", true));
    sleep(60_000);
    clock.advance(39_000);
    assert.equal(link.connection.dead, false);
  });

  it("does not ask one that it does not listen to", async () => {
    const { clock, sockets, link, request, pings } = await setUp({ keepaliveMs: 30_000 });
    await request(1);
    const thousand = Buffer.concat(Array<Buffer>(1_000).fill(ping()));
    for (let sent = 0; sent < 40; sent++) sockets.theirs.write(thousand);
    await until(() => sockets.ours.isPaused(), "it is no longer listened to");
    clock.advance(120_000);
    assert.equal(link.connection.dead, false);
    sockets.read();
    await until(() => !sockets.ours.isPaused() && link.takenBytes > 600_000, "everything is answered");
    assert.equal(pings(), 0);
  });
});

describe("a watch for progress", () => {
  afterEach(() => own.close());
  const streamIdleMs = 40_000;

  it("ends a stream whose bytes nobody takes, and no other", async () => {
    const { clock, sockets, recorder, request, said } = await setUp(
      { streamIdleMs },
      { peer: { INITIAL_WINDOW_SIZE: 10 } },
    );
    sockets.read();
    const [stalled, quiet, whole] = [await request(1), await request(3), await request(5)];
    for (const stream of [stalled, quiet, whole]) stream.sendHeaders(blockOf(responseFields), false);
    stalled.sendData(Buffer.alloc(11), 0, 11, false);
    whole.sendData(Buffer.alloc(10), 0, 10, false);
    recorder.take();
    clock.advance(40_000);
    assert.deepEqual(recorder.take(), []);
    clock.advance(10_100);
    assert.deepEqual(recorder.take(), ["reset 1 CANCEL stalled"]);
    await until(() => said().includes("RST_STREAM 1 CANCEL"), "the peer is told");
    clock.advance(10_000_000);
    assert.deepEqual(recorder.take(), []);
    assert.deepEqual([quiet.closed, whole.closed], [false, false]);
  });

  it("leaves a stream alone that moves, however slowly", async () => {
    const { clock, recorder, request, write } = await setUp({ streamIdleMs }, { peer: { INITIAL_WINDOW_SIZE: 10 } });
    const stream = await request(1);
    stream.sendHeaders(blockOf(responseFields), false);
    stream.sendData(Buffer.alloc(100), 0, 100, false);
    for (let i = 0; i < 8; i++) {
      clock.advance(30_000);
      await write(windowUpdate(1, 1));
    }
    assert.equal(stream.closed, false);
    recorder.take();
    clock.advance(50_100);
    assert.deepEqual(recorder.take(), ["reset 1 CANCEL stalled"]);
  });

  it("ends a connection whose socket takes nothing, also one that is not read from", async () => {
    const { clock, sockets, link, request, recorder } = await setUp({ streamIdleMs });
    await request(1);
    await untilNotRead(sockets);
    recorder.take();
    clock.advance(50_100);
    assert.deepEqual(recorder.take(), ["reset 1 ENHANCE_YOUR_CALM lost", "closed"]);
    assert.equal(link.connection.fault, "stuck");
  });

  it("gives streams and sockets their time once more where we have not been running", async () => {
    const stalled = await setUp({ streamIdleMs }, { peer: { INITIAL_WINDOW_SIZE: 10 } });
    const stream = await stalled.request(1);
    stream.sendHeaders(blockOf(responseFields), false);
    stream.sendData(Buffer.alloc(11), 0, 11, false);
    const stuck = await setUp({ streamIdleMs });
    await untilNotRead(stuck.sockets);
    for (const { clock, sleep } of [stalled, stuck]) {
      clock.advance(20_000);
      sleep(3_600_000);
      clock.advance(10_010);
    }
    assert.deepEqual([stream.closed, stuck.link.connection.dead], [false, false]);
    await stalled.write(windowUpdate(1, 1));
    stalled.clock.advance(30_000);
    assert.equal(stream.closed, false);
    stuck.clock.advance(50_100);
    assert.equal(stuck.link.connection.fault, "stuck");
  });

  it("looks for nothing where it is switched off", async () => {
    const { clock } = await setUp({ streamIdleMs: 0 });
    assert.equal(clock.pending, 0);
  });
});

describe("a watch for age", () => {
  afterEach(() => own.close());

  it("retires a connection once, at its age", async () => {
    const { clock, retired, request } = await setUp({ maxAgeMs: 60_000 });
    await request(1);
    clock.advance(59_980);
    assert.deepEqual(retired, []);
    clock.advance(30);
    assert.deepEqual(retired, ["max_age"]);
    clock.advance(600_000);
    assert.deepEqual(retired, ["max_age"]);
  });

  it("cuts what has not finished within its grace", async () => {
    const { clock, gone, request } = await setUp({ maxAgeMs: 60_000, graceMs: 5_000 });
    await request(1);
    clock.advance(64_900);
    await turns();
    assert.equal(gone(), 0);
    clock.advance(200);
    await until(() => gone() === 1, "the connection is cut");
  });

  it("retires a connection without calls, and begins anew with each of them", async () => {
    const { clock, retired, request } = await setUp({ idleMs: 60_000 });
    clock.advance(50_000);
    (await request(1)).reset(8); // over at once
    clock.advance(55_000);
    const long = await request(3);
    clock.advance(600_000);
    assert.deepEqual(retired, []);
    long.reset(8);
    clock.advance(59_000);
    assert.deepEqual(retired, []);
    // A look in four: up to a quarter late.
    clock.advance(16_100);
    assert.deepEqual(retired, ["idle"]);
  });

  it("leaves no timer behind when the socket goes", async () => {
    const { clock, link, gone } = await setUp({ maxAgeMs: 60_000, keepaliveMs: 30_000 });
    link.destroy();
    await until(() => gone() === 1, "the socket is gone");
    clock.advance(60_000);
    assert.equal(clock.pending, 0);
  });
});
