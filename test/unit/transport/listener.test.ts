import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address } from "../../../src/base/address.ts";
import { TimerWheel } from "../../../src/base/timer-wheel.ts";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import { preface } from "../../../src/http2/constants.ts";
import { resolveHttp2Options } from "../../../src/http2/options.ts";
import { Door } from "../../../src/transport/door.ts";
import { FlushLoop } from "../../../src/transport/flush-loop.ts";
import { Listener, peerOf } from "../../../src/transport/listener.ts";
import { resolveTransportOptions, type TransportOptions } from "../../../src/transport/options.ts";
import { TlsFigures } from "../../../src/transport/tls-figures.ts";
import { cutFrames, data, headers, ping, say, settings } from "../../support/h2-frames.ts";
import { RawPeer, requestFields, responseFields } from "../../support/h2-raw.ts";
import { Recorder } from "../../support/h2-recorder.ts";
import { blockOf, encode } from "../../support/hpack.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { constantChance } from "../../support/scripted-chance.ts";
import { openSockets } from "../../support/sockets.ts";
import { turns, until } from "../../support/until.ts";

const own = new Owned();
const anyPort: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };

/** A caller that writes what the test says, and keeps its half open until told. */
class Caller {
  readonly socket: Socket;
  readonly #encoder = new RawPeer("client").encoder;
  #got = Buffer.alloc(0);
  /** The listener has ended its half. */
  ended = false;
  closed = false;

  constructor(target: string) {
    const [host = "", port] = target.split(":");
    const path = target.startsWith("unix:") ? target.slice(5) : undefined;
    const allowHalfOpen = true;
    this.socket = connect(path === undefined ? { host, port: Number(port), allowHalfOpen } : { path, allowHalfOpen });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.closed = true;
    });
    this.socket.on("end", () => {
      this.ended = true;
    });
    this.socket.on("data", (chunk: Buffer) => {
      this.#got = Buffer.concat([this.#got, chunk]);
    });
    own.add({ close: () => this.socket.destroy() });
  }

  greet(): this {
    this.socket.write(Buffer.concat([preface, settings()]));
    return this;
  }

  request(id: number): this {
    this.socket.write(headers(id, encode(this.#encoder, requestFields), { end: true }));
    return this;
  }

  get text(): string {
    return this.#got.toString("latin1");
  }

  /** What came, but for the greeting. */
  get said(): string[] {
    const lines = cutFrames(this.#got).frames.map(say);
    return lines.filter((line) => !/^(SETTINGS|WINDOW_UPDATE)/.test(line));
  }
}

/** What a test is not about. */
const unheard = {
  onHttp1: () => undefined,
  onSilent: () => undefined,
  onRefused: () => undefined,
  onRetire: () => undefined,
  tls: { figures: new TlsFigures(), onFailure: () => undefined },
  chance: constantChance(0.5),
  wheel: new TimerWheel(new ManualClock()),
};

/** @param watched whether `clock` moves the watches over the connections, too; else it moves the listener's timers alone. */
async function start(options: TransportOptions = {}, watched = false) {
  const clock = new ManualClock();
  const recorder = new Recorder();
  let http1 = 0;
  let silent = 0;
  let refused = 0;
  const retired: string[] = [];
  const ports = {
    clock,
    loop: new FlushLoop(clock),
    budget: new ByteBudget(),
    handler: recorder,
    onHttp1: () => http1++,
    onSilent: () => silent++,
    onRefused: () => refused++,
    onRetire: (why: string) => retired.push(why),
    chance: constantChance(0.5), // no jitter
    wheel: new TimerWheel(watched ? clock : new ManualClock()),
    tls: { figures: new TlsFigures(), onFailure: () => undefined },
  };
  const listener = new Listener(ports, resolveHttp2Options(), resolveTransportOptions(options));
  own.add({ close: () => listener.destroy() });
  const address = await listener.listen(anyPort);
  const ready = async (): Promise<Caller> => {
    const count = recorder.events.filter((event) => event === "ready").length;
    const caller = new Caller(address).greet();
    await until(() => recorder.events.filter((event) => event === "ready").length > count, "the caller is known");
    return caller;
  };
  return {
    clock,
    recorder,
    listener,
    address,
    ready,
    retired,
    http1: () => http1,
    silent: () => silent,
    refused: () => refused,
  };
}

describe("a listener", () => {
  afterEach(() => own.close());

  it("says where it listens, and takes callers there", async () => {
    const { listener, address, recorder, ready } = await start();
    assert.match(address, /^127\.0\.0\.1:[0-9]+$/);
    const caller = await ready();
    caller.request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    assert.deepEqual([listener.connectionCount, listener.streamCount], [1, 1]);
    const stream = recorder.stream(1);
    assert.equal(peerOf(stream.connection).address, "127.0.0.1");
    stream.sendHeaders(blockOf(responseFields), true);
    assert.ok(listener.unsentBytes > 0);
    await until(() => caller.said.length > 0, "the answer is there");
    assert.deepEqual(caller.said, ["HEADERS 1 END_STREAM"]);
    assert.deepEqual([listener.streamCount, listener.unsentBytes], [0, 0]);
  });

  it("knows the address of a caller that has gone when it is heard: nobody may pass for one of a unix socket", async () => {
    const { address, recorder } = await start();
    const caller = new Caller(address);
    await once(caller.socket, "connect");
    await turns(5);
    caller.greet().request(1);
    caller.socket.resetAndDestroy();
    await until(() => recorder.events.some((event) => event.startsWith("request 1")), "the request is here");
    assert.equal(peerOf(recorder.stream(1).connection).address, "127.0.0.1");
  });

  it("may have a unix socket, where callers have no address", async () => {
    const folder = mkdtempSync(join(tmpdir(), "contender-"));
    own.add({ close: () => rmSync(folder, { recursive: true }) });
    const clock = new ManualClock();
    const recorder = new Recorder();
    const ports = { clock, loop: new FlushLoop(clock), budget: new ByteBudget(), handler: recorder };
    const listener = new Listener({ ...ports, ...unheard }, resolveHttp2Options(), resolveTransportOptions());
    own.add({ close: () => listener.destroy() });
    const path = join(folder, "proxy.sock");
    assert.equal(await listener.listen({ kind: "unix", path }), `unix:${path}`);
    new Caller(`unix:${path}`).greet().request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    assert.equal(peerOf(recorder.stream(1).connection).address, undefined);
  });

  it("takes connections that another has accepted, with what they have said and from whom, until they are gone", async () => {
    const { listener, recorder } = await start();
    let gone = 0;
    const door = new Door({ backlog: 8, onRefused: () => undefined }, (handle) =>
      listener.adopt(handle, false, () => gone++),
    );
    own.add(door);
    const caller = new Caller(await door.listen(anyPort)).greet().request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    const stream = recorder.stream(1);
    assert.equal(peerOf(stream.connection).address, "127.0.0.1");
    assert.equal(listener.connectionCount, 1);
    stream.sendHeaders(blockOf(responseFields), true);
    await until(() => caller.said.length > 0, "the answer is there");
    assert.equal(gone, 0);
    caller.socket.destroy();
    await until(() => gone === 1, "it is told that the connection is gone");
    assert.equal(listener.connectionCount, 0);
  });

  it("drains what it has adopted, and tells what it adopts later to go", async () => {
    const { clock, listener, recorder } = await start();
    const door = new Door({ backlog: 8, onRefused: () => undefined }, (handle) =>
      listener.adopt(handle, true, () => undefined),
    );
    own.add(door);
    const address = await door.listen(anyPort);
    const first = new Caller(address).greet().request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    const stream = recorder.stream(1);
    assert.equal(peerOf(stream.connection).address, undefined);
    const drained = listener.drain();
    const late = new Caller(address).greet();
    for (const caller of [first, late]) {
      await until(() => caller.said.some((line) => line.startsWith("GOAWAY")), "the caller is told");
    }
    clock.advance(1_000);
    stream.sendHeaders(blockOf(responseFields), true);
    await until(() => first.closed || first.ended, "the caller has its answer and is let go");
    first.socket.destroy();
    late.socket.destroy();
    await drained;
  });

  it("says why it can't have an address", async () => {
    const { address } = await start();
    const clock = new ManualClock();
    const ports = { clock, loop: new FlushLoop(clock), budget: new ByteBudget(), handler: new Recorder() };
    const second = new Listener({ ...ports, ...unheard }, resolveHttp2Options(), resolveTransportOptions());
    const port = Number(address.split(":")[1]);
    await assert.rejects(second.listen({ kind: "tcp", host: "127.0.0.1", port }), { code: "EADDRINUSE" });
  });

  it("drops connections over its limit, and takes others when there is room again", async () => {
    const { listener, address, ready } = await start({ maxConnectionsAccepted: 1 });
    const first = await ready();
    const second = new Caller(address).greet();
    second.socket.on("end", () => second.socket.end());
    await until(() => second.closed, "the second is dropped");
    assert.equal(listener.connectionCount, 1);
    first.socket.destroy();
    await until(() => listener.connectionCount === 0, "there is room");
    await ready();
  });
});

describe("a caller that speaks HTTP/1", () => {
  afterEach(() => own.close());

  it("is told so in HTTP/1, counted, and closed", async () => {
    const { listener, address, http1 } = await start();
    const caller = new Caller(address);
    caller.socket.write("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(caller.socket, "end");
    const [head = "", body = ""] = caller.text.split("\r\n\r\n");
    assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(body, /^contender: this port speaks gRPC over HTTP\/2/);
    assert.match(head, new RegExp(`\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`));
    assert.deepEqual([http1(), listener.connectionCount], [1, 0]);
  });

  it("and ends its half with its request gets its answer all the same", async () => {
    const { address, clock } = await start();
    const caller = new Caller(address);
    caller.socket.end("GET / HTTP/1.0\r\n\r\n");
    await until(() => caller.closed, "the socket is closed");
    assert.match(caller.text, /^HTTP\/1\.1 400 /);
    assert.equal(clock.pending, 0);
  });
});

describe("a caller that is slow to speak", () => {
  afterEach(() => own.close());

  const tooSlow = ["GOAWAY 0 SETTINGS_TIMEOUT"];
  for (const [what, bytes, silences, faults] of [
    ["says nothing", Buffer.alloc(0), 1, []],
    ["says half a preface", preface.subarray(0, 10), 0, tooSlow],
    ["says the preface and half of its SETTINGS", Buffer.concat([preface, settings().subarray(0, 5)]), 0, tooSlow],
    ["speaks HTTP/1 and stays", Buffer.from("GET / HTTP/1.1\r\n\r\n"), 0, undefined],
  ] as const) {
    it(`and ${what} is dropped after the handshake's time, told so where it can hear it, and counted`, async () => {
      const before = openSockets();
      const { address, clock, silent, recorder } = await start({ handshakeTimeoutMs: 5_000 });
      const caller = new Caller(address);
      await until(() => clock.pending === 1, "the caller is accepted");
      if (bytes.length > 0) caller.socket.write(bytes);
      await turns();
      clock.advance(4_999);
      await turns();
      assert.equal(caller.closed, false);
      clock.advance(1);
      caller.socket.end();
      await until(() => caller.closed, "the caller is dropped");
      await until(() => openSockets() === before, "no socket is left");
      assert.equal(clock.pending, 0);
      assert.equal(silent(), silences);
      assert.deepEqual(recorder.take(), faults === tooSlow ? ["closed"] : []);
      if (faults !== undefined) assert.deepEqual(caller.said, faults);
    });
  }

  it("has all the time there is once it has greeted", async () => {
    const { ready, clock, listener } = await start();
    await ready();
    clock.advance(3_600_000);
    await turns();
    assert.equal(listener.connectionCount, 1);
  });

  it("and resets its socket instead takes nobody along", async () => {
    const { address, clock, ready } = await start();
    const caller = new Caller(address);
    await until(() => clock.pending === 1, "the caller is accepted");
    caller.socket.resetAndDestroy();
    await until(() => clock.pending === 0, "the caller is gone");
    await ready();
  });

  it("and ends its half without a word is let go at once", async () => {
    const { address, clock } = await start();
    const caller = new Caller(address);
    caller.socket.end();
    await until(() => caller.closed, "the socket is closed");
    await until(() => clock.pending === 0, "its timer is gone");
  });
});

describe("a listener's end", () => {
  afterEach(() => own.close());

  it("announces itself, finishes open calls, and is over with the last connection", async () => {
    const { ready, clock, recorder, listener, address } = await start();
    const [busy, idle] = [await ready(), await ready()];
    busy.request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    let over = false;
    const drained = listener.drain().then(() => {
      over = true;
    });
    const announced = ["GOAWAY 2147483647 NO_ERROR", "PING 0000000000000000"];
    await until(() => busy.said.length === 2 && idle.said.length === 2, "both are told");
    assert.deepEqual([busy.said, idle.said], [announced, announced]);
    const late = new Caller(address);
    await until(() => late.closed, "nobody else is taken");
    // The one answers the PING, for the other the time runs out.
    idle.socket.write(ping("\0\0\0\0\0\0\0\0", true));
    await until(() => idle.said.length === 3, "the idle one is told to go");
    idle.socket.end();
    await until(() => listener.connectionCount === 1, "the idle one is gone");
    clock.advance(1_000);
    await until(() => busy.said.length === 3, "the busy one is told which call is its last");
    assert.equal(busy.said[2], "GOAWAY 1 NO_ERROR");
    assert.equal(over, false);
    recorder.stream(1).sendHeaders(blockOf(responseFields), true);
    await until(() => busy.said.length === 4, "the call is answered");
    busy.socket.end();
    await drained;
    assert.equal(listener.connectionCount, 0);
    assert.equal(clock.pending, 0);
  });

  it("is at once where nobody is connected", async () => {
    const { listener } = await start();
    await listener.drain();
  });

  it("takes a caller that was accepted before and speaks only now for one on its way out", async () => {
    const { address, clock, recorder, listener, ready } = await start();
    const busy = await ready();
    busy.request(1);
    await until(() => recorder.streams.size === 1, "somebody has a call under way");
    const caller = new Caller(address);
    await until(() => clock.pending === 1, "the caller is accepted");
    void listener.drain();
    caller.greet().request(3);
    await until(() => caller.said.length === 2, "the caller is told");
    assert.deepEqual(caller.said, ["GOAWAY 2147483647 NO_ERROR", "PING 0000000000000000"]);
    await until(() => recorder.streams.size === 2, "its call is taken");
  });

  it("hears nothing of a caller that speaks only after everybody has gone, and tells it so", async () => {
    const { address, clock, recorder, listener } = await start();
    const caller = new Caller(address);
    await until(() => clock.pending === 1, "the caller is accepted");
    await listener.drain();
    caller.greet().request(1);
    await until(() => caller.said.length === 3, "the caller is told");
    assert.deepEqual(caller.said, ["GOAWAY 2147483647 NO_ERROR", "PING 0000000000000000", "GOAWAY 0 NO_ERROR"]);
    await until(() => caller.ended, "its connection is ended");
    assert.equal(recorder.streams.size, 0);
  });

  it("by force drops everybody, also those who never spoke, and leaves no timer", async () => {
    const before = openSockets();
    const { ready, address, clock, listener } = await start();
    const [known, stranger] = [await ready(), new Caller(address)];
    await until(() => clock.pending === 1, "the stranger is accepted");
    listener.destroy();
    await until(() => known.ended && stranger.ended, "both are dropped");
    const late = new Caller(address);
    await until(() => late.closed, "nobody else is taken");
    known.socket.end();
    stranger.socket.end();
    await until(() => known.closed && stranger.closed, "their sockets are closed");
    await until(() => openSockets() === before, "no socket is left");
    assert.equal(clock.pending, 0);
  });

  it("leaves no timer behind for a connection that goes first", async () => {
    const { ready, clock, listener } = await start();
    const caller = await ready();
    const drained = listener.drain();
    assert.equal(clock.pending, 1);
    caller.socket.destroy();
    await drained;
    assert.equal(clock.pending, 0);
  });
});

describe("a caller's connection", () => {
  afterEach(() => own.close());

  it("ends gracefully at its age, with its last call", async () => {
    const { ready, clock, recorder, retired } = await start({ callerMaxAgeMs: 60_000 }, true);
    const caller = await ready();
    caller.request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    clock.advance(60_010);
    await until(() => caller.said.length === 2, "the caller is told");
    assert.deepEqual([caller.said, retired], [["GOAWAY 2147483647 NO_ERROR", "PING 0000000000000000"], ["max_age"]]);
    clock.advance(1_000);
    await until(() => caller.said.includes("GOAWAY 1 NO_ERROR"), "the caller is told which call is its last");
    recorder.stream(1).sendHeaders(blockOf(responseFields), true);
    await until(() => caller.ended, "the connection is ended");
    assert.ok(caller.said.includes("HEADERS 1 END_STREAM"));
  });

  it("ends gracefully where no call came for an hour", async () => {
    const { ready, clock, retired } = await start({ callerKeepaliveMs: 0 }, true);
    const caller = await ready();
    clock.advance(3_599_000);
    assert.deepEqual(retired, []);
    clock.advance(1_010);
    assert.deepEqual(retired, ["idle"]);
    await until(() => caller.said.length === 2, "the caller is told");
    clock.advance(1_000);
    await until(() => caller.ended, "the connection is ended");
  });

  it("is asked for a sign of life, and goes with its calls where none comes", async () => {
    const { ready, clock, recorder, listener } = await start({}, true);
    const caller = await ready();
    caller.request(1);
    await until(() => recorder.streams.size === 1, "the request is here");
    clock.advance(300_010);
    await until(() => caller.said.includes("PING 616c6976653f2e2e"), "the caller is asked");
    clock.advance(20_010);
    assert.equal(recorder.events.at(-2), "reset 1 NO_ERROR lost");
    caller.socket.end();
    await until(() => listener.connectionCount === 0, "the connection is gone");
  });
});

describe("a caller that breaks HTTP/2", () => {
  afterEach(() => own.close());

  it("loses its connection and nobody else's", async () => {
    const { ready, recorder, listener } = await start();
    const [bad, good] = [await ready(), await ready()];
    bad.socket.write(data(0, 1));
    await until(() => bad.said.length === 1, "the caller is told");
    assert.deepEqual(bad.said, ["GOAWAY 0 PROTOCOL_ERROR"]);
    bad.socket.end();
    await until(() => listener.connectionCount === 1, "its connection is gone");
    good.request(1);
    await until(() => recorder.streams.size === 1, "the other's request is here");
  });
});
