import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { valueAt } from "../support/exposition.ts";
import { answerHead, ClientPeer, freeAddress, Peer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { rawServer } from "../support/raw-server.ts";
import { type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";
import { varint } from "../support/wire-bytes.ts";

const own = new Owned();
const message = framed(tfRequest());
const ok = framed(tfResponse([0.5]));

interface Given extends SidecarOptions {
  /** What the shadow does with a copy; nothing by default. */
  readonly onCopy?: (stream: PeerStream) => void;
  /** Settings of the shadow in the route. */
  readonly shadow?: Readonly<Record<string, unknown>>;
  readonly variant?: Readonly<Record<string, unknown>>;
  /** Where the shadow is, if not at a server of its own. */
  readonly address?: string;
}

async function between({
  onCopy = () => undefined,
  shadow: limits = {},
  variant = {},
  address,
  ...options
}: Given = {}) {
  const clock = new ManualClock();
  const champion = own.add(await ServerPeer.answering(ok));
  const shadow = own.add(await ServerPeer.start(onCopy));
  const variants = { v41: champion.address, v43: { address: address ?? shadow.address, ...variant } };
  const snapshot = snapshotOf({ variants, shadows: { v43: limits } });
  const sidecar = own.add(await TestSidecar.listen(snapshot, { clock, ...options }));
  const { routes } = sidecar.sidecar.generation ?? assert.fail();
  await until(() => routes[0]?.champion.pool.ready === true, "the champion is connected");
  if (address === undefined) await sidecar.connected();
  const client = own.add(await ClientPeer.connect(sidecar.address));
  const ask = async (body: Uint8Array = message): Promise<void> => {
    assert.equal((await client.unary(tfPredict, body)).value("grpc-status"), "0");
  };
  const dropped = () => sidecar.variant("v43").shadowDropped;
  return { clock, champion, shadow, sidecar, client, ask, dropped };
}

describe("a shadow's limits", () => {
  afterEach(() => own.close());

  it("hold over reloads that change it: what is under way by the one before counts", async () => {
    const champion = own.add(await ServerPeer.answering(ok));
    const shadow = own.add(await ServerPeer.start()); // never answers
    const variants = { v41: champion.address, v43: shadow.address };
    const snapshot = (limits: Readonly<Record<string, unknown>>) =>
      snapshotOf({ variants, shadows: { v43: { timeout: "30s", ...limits } } });
    const sidecar = own.add(await TestSidecar.start(snapshot({ maxInFlight: 3 })));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const dropped = () => sidecar.variant("v43").shadowDropped;
    const calls = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) await client.unary(tfPredict, message);
      await turns(20);
    };
    await calls();
    for (const maxPerSecond of [1_000, 1_001, 1_002]) {
      sidecar.apply(snapshot({ maxInFlight: 3, maxPerSecond }));
      await calls();
    }
    assert.deepEqual([shadow.streams.length, dropped()], [3, { in_flight_full: 17 }]);
    sidecar.apply(snapshot({ maxInFlight: 5, maxBytes: 10_000, maxMessageBytes: 1_000 }));
    await calls();
    assert.deepEqual([shadow.streams.length, dropped()], [5, { in_flight_full: 20 }]);
    assert.equal(
      valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind: "shadow_copies" }),
      5 * message.length,
    );
    // Once they have ended, there is room again: for copies of the gate in force, and once each.
    for (const stream of shadow.streams) stream.answer(ok);
    await until(() => sidecar.shadow("v43").requests === 5, "the copies have ended");
    await calls();
    assert.equal(shadow.streams.length, 10);
  });
});

describe("a copy is dropped, and the call goes on,", () => {
  afterEach(() => own.close());

  it("where as many are in flight as may (in_flight_full), until one ends", async () => {
    const { shadow, sidecar, ask, dropped } = await between({ shadow: { maxInFlight: 2 } });
    for (let i = 0; i < 5; i++) await ask();
    await until(() => shadow.streams.length === 2, "two copies are at the shadow");
    assert.deepEqual(dropped(), { in_flight_full: 3 });
    shadow.streams[0]?.answer(ok);
    await until(() => sidecar.shadow("v43").requests === 1, "one is answered");
    await ask();
    await shadow.stream(2);
    assert.deepEqual(dropped(), { in_flight_full: 3 });
  });

  it("where those in flight hold as many bytes as may (bytes_full), and what they hold is told", async () => {
    const body = framed(tfRequest({ inputs: { text: ["x".repeat(10_000)] } }));
    const { shadow, sidecar, ask, dropped } = await between({ shadow: { maxBytes: 25_000, maxMessageBytes: 20_000 } });
    const held = async () => valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind: "shadow_copies" });
    for (let i = 0; i < 3; i++) await ask(body);
    await until(() => shadow.streams.length === 2, "two copies are at the shadow");
    assert.deepEqual(dropped(), { bytes_full: 1 });
    assert.equal(await held(), 2 * body.length);
    for (const stream of shadow.streams) stream.answer(ok);
    await until(() => sidecar.shadow("v43").requests === 2, "both are answered");
    assert.equal(await held(), 0);
    await ask(body);
    await shadow.stream(2);
  });

  it("where it is longer than may be copied (over_size), and not where it is just as long", async () => {
    const body = tfRequest({ inputs: { text: ["x".repeat(100_000)] } });
    const { shadow, ask, dropped } = await between({ shadow: { maxMessageBytes: body.length } });
    await ask(framed(tfRequest({ inputs: { text: ["x".repeat(100_001)] } })));
    await turns();
    assert.deepEqual([dropped(), shadow.streams.length], [{ over_size: 1 }, 0]);
    await ask(framed(body));
    await shadow.stream();
    assert.deepEqual(dropped(), { over_size: 1 });
  });

  it("where there were enough of them this second (rate_limited), until time has passed", async () => {
    const { clock, shadow, ask, dropped } = await between({
      onCopy: (stream) => stream.answer(ok),
      shadow: { maxPerSecond: 2 },
    });
    for (let i = 0; i < 4; i++) await ask();
    await shadow.stream();
    assert.deepEqual(dropped(), { rate_limited: 3 });
    clock.advance(500);
    await ask();
    await ask();
    await shadow.stream(1);
    assert.deepEqual(dropped(), { rate_limited: 4 });
  });

  it("where the shadow can't be reached (not_connected), and the breaker opens (breaker_open)", async () => {
    const { sidecar, ask, dropped } = await between({ address: await freeAddress() });
    for (let i = 0; i < 25; i++) await ask();
    assert.deepEqual(dropped(), { not_connected: 20, breaker_open: 5 });
    const open = { kind: "breaker", route: "fraud", variant: "v43", traffic: "shadow", from: "closed", to: "open" };
    assert.deepEqual(
      sidecar.events.filter(({ kind }) => kind === "breaker"),
      [open],
    );
    const labels = { route: "fraud", variant: "v43", traffic: "shadow" };
    assert.equal(valueAt(await sidecar.exposed(), "contender_breaker_open", labels), 1);
  });

  it("where the shadow has no stream left (in_flight_full), which is no fault of its", async () => {
    const clock = new ManualClock();
    const champion = own.add(await ServerPeer.answering(ok));
    const shadow = own.add(await ServerPeer.start(undefined, { maxConcurrentStreams: 2 }));
    const snapshot = snapshotOf({ variants: { v41: champion.address, v43: shadow.address }, shadows: { v43: {} } });
    const sidecar = own.add(await TestSidecar.start(snapshot, { clock }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    for (let i = 0; i < 30; i++) await client.unary(tfPredict, message);
    await until(() => shadow.streams.length === 2, "two copies are at the shadow");
    assert.deepEqual(sidecar.variant("v43").shadowDropped, { in_flight_full: 28 });
    for (const stream of shadow.streams) stream.answer(ok);
    await until(() => sidecar.shadow("v43").requests === 2, "both are answered");
    await client.unary(tfPredict, message);
    await shadow.stream(2);
  });

  it("where the shadow is still being connected to (not_connected), without a mark against it", async () => {
    const clock = new ManualClock();
    const champion = own.add(await ServerPeer.answering(ok));
    const sockets: Socket[] = [];
    const address = await rawServer(own, (socket) => sockets.push(socket));
    const snapshot = snapshotOf({ variants: { v41: champion.address, v43: address }, shadows: { v43: {} } });
    const sidecar = own.add(await TestSidecar.listen(snapshot, { clock }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    for (let i = 0; i < 30; i++) await client.unary(tfPredict, message);
    assert.deepEqual(sidecar.variant("v43").shadowDropped, { not_connected: 30 });
    // One connection for copies, one for live calls, of which a pin may make some.
    await until(() => sockets.length === 2, "the shadow accepts");
    const peers = sockets.map((socket) => own.add(new Peer(socket, "server", {})));
    await sidecar.connected();
    await client.unary(tfPredict, message);
    await until(() => peers.flatMap(({ streams }) => streams).length === 1, "the next copy is sent");
  });

  it("where the breaker is open; after its pause one copy tries, and closes it", async () => {
    let broken = true;
    const { shadow, sidecar, ask, dropped } = await between({
      limits: { breaker: { resetMs: 50 } },
      onCopy: (stream) => (broken ? stream.refuse(14) : stream.answer(ok)),
    });
    for (let i = 0; i < 20; i++) {
      await ask();
      await until(() => sidecar.shadow("v43").requests === i + 1, "the copy is answered");
    }
    await ask();
    assert.deepEqual(dropped(), { breaker_open: 1 });
    broken = false;
    await until(
      () => sidecar.events.some((event) => event.kind === "breaker" && event.to === "half_open"),
      "half open",
    );
    await ask();
    await until(() => sidecar.shadow("v43").requests === 21, "the probe is answered");
    await ask();
    await shadow.stream(21);
    assert.deepEqual(dropped(), { breaker_open: 1 });
  });

  it("where the sidecar drains (draining)", async () => {
    const { clock, champion, shadow, sidecar, client, dropped } = await between();
    const call = client.open(tfPredict);
    call.data(message.subarray(0, 5));
    await champion.stream();
    const drained = sidecar.sidecar.drain(0, 10_000);
    clock.advance(1);
    await until(() => client.goaways.length > 0, "the drain has begun");
    call.data(message.subarray(5), true);
    await call.done();
    assert.equal(await drained, true);
    assert.deepEqual([dropped(), shadow.streams.length], [{ draining: 1 }, 0]);
  });

  it("where the model can't be set in it (not_overridable)", async () => {
    const { shadow, ask, dropped } = await between({ variant: { model: { version: "43" } } });
    await ask(framed(gzipSync(tfRequest()), 1));
    await turns();
    assert.deepEqual([dropped(), shadow.streams.length], [{ not_overridable: 1 }, 0]);
    await ask();
    await shadow.stream();
  });

  it("where its model would have to be set in a message that was cut off, however long that says it is", async () => {
    const { shadow, client, dropped } = await between({ variant: { model: { name: "another-model" } } });
    const spec = tfRequest();
    // A field of so many bytes, of which three are there; the message as long as both say.
    const inputs = (bytes: number) => Buffer.from([0x12, ...varint(bytes), 0x61, 0x62, 0x63]);
    const declared = [2_000, 0x10_0000, 0xffff_fff0];
    for (const length of declared) {
      const field = length - spec.length - 1 - varint(length - spec.length).length;
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(length, 1);
      const call = client.open(tfPredict);
      await turns();
      call.data(Buffer.concat([prefix, spec, inputs(field)]), true);
      assert.equal((await call.done()).value("grpc-status"), "0");
      await turns();
    }
    assert.deepEqual([dropped(), shadow.streams.length], [{ not_overridable: declared.length }, 0]);
  });

  for (const [what, end] of [
    ["its caller gives up", (call: { cancel(): void }) => call.cancel()],
    ["the champion answers", (_: unknown, upstream: PeerStream) => upstream.refuse(3)],
  ] as const) {
    it(`where ${what} before the request is complete (cancelled)`, async () => {
      const champion = own.add(await ServerPeer.start());
      const shadow = own.add(await ServerPeer.start());
      const snapshot = snapshotOf({ variants: { v41: champion.address, v43: shadow.address }, shadows: { v43: {} } });
      const sidecar = own.add(await TestSidecar.start(snapshot));
      const client = own.add(await ClientPeer.connect(sidecar.address));
      const call = client.open(tfPredict);
      call.data(message.subarray(0, 5));
      end(call, await champion.stream());
      await until(() => sidecar.live("v41").requests === 1, "the call is over");
      assert.deepEqual(sidecar.variant("v43").shadowDropped, { cancelled: 1 });
      assert.equal(shadow.streams.length, 0);
    });
  }
});

describe("a copy under way", () => {
  afterEach(() => own.close());

  it("ends at the shadow's own timeout, counted as a deadline and cancelled at the shadow (ShadowOnlyTimeout)", async () => {
    const { clock, shadow, sidecar, ask } = await between({ shadow: { timeout: "2s" } });
    await ask();
    const copy = await (await shadow.stream()).done();
    clock.advance(1_980);
    assert.equal(sidecar.shadow("v43").requests, 0);
    clock.advance(40);
    await until(() => copy.reset !== undefined, "the copy is reset");
    assert.equal(copy.reset?.code, 8);
    assert.deepEqual(sidecar.shadow("v43").byCode, { DEADLINE_EXCEEDED: 1 });
    assert.deepEqual(sidecar.live("v41").byCode, { OK: 1 });
  });

  it("that the shadow gives up at its deadline has run out of time, as a call would have", async () => {
    const { clock, shadow, sidecar, ask } = await between({ shadow: { timeout: "2s" } });
    await ask();
    const copy = await shadow.stream();
    clock.advance(1_980);
    copy.stream.reset(8);
    await until(() => sidecar.shadow("v43").requests === 1, "the copy is counted");
    assert.deepEqual(sidecar.shadow("v43").byCode, { DEADLINE_EXCEEDED: 1 });
  });

  it("that the shadow never looked at, as it goes away, is dropped: it says nothing of the model", async () => {
    const { shadow, sidecar, ask, dropped } = await between();
    await ask();
    await shadow.stream();
    shadow.peers.find(({ streams }) => streams.length > 0)?.goaway(0);
    await until(() => dropped().not_connected === 1, "the copy is dropped");
    assert.deepEqual(sidecar.shadow("v43").byCode, {});
  });

  it("that the shadow resets leaves its call alone (ShadowUpstreamReset)", async () => {
    const { shadow, sidecar, ask } = await between();
    await ask();
    (await shadow.stream()).stream.reset(2);
    await until(() => sidecar.shadow("v43").requests === 1, "the copy is counted");
    assert.deepEqual(sidecar.shadow("v43").byCode, { INTERNAL: 1 });
    assert.deepEqual([sidecar.live("v41").byCode, sidecar.localReplies], [{ OK: 1 }, {}]);
  });

  for (const [what, name] of [
    ["its call is cancelled by the caller (DownstreamReset)", "caller"],
    ["the champion resets its call (MainUpstreamReset)", "champion"],
    ["its call runs out of time (EarlyDownstreamTimeout, LateDownstreamTimeoutAndShadowComplete)", "deadline"],
  ] as const) {
    it(`goes on where ${what}`, async () => {
      const clock = new ManualClock();
      const champion = own.add(await ServerPeer.start());
      const shadow = own.add(await ServerPeer.start());
      const snapshot = snapshotOf({ variants: { v41: champion.address, v43: shadow.address }, shadows: { v43: {} } });
      const sidecar = own.add(await TestSidecar.start(snapshot, { clock }));
      const client = own.add(await ClientPeer.connect(sidecar.address));
      const call = client.call(tfPredict, message, [["grpc-timeout", "1S"]]);
      const upstream = await champion.stream();
      const copy = await shadow.stream();
      if (name === "caller") call.cancel();
      else if (name === "champion") upstream.stream.reset(2);
      else clock.advance(1_010);
      await until(() => sidecar.live("v41").requests === 1, "the call is over");
      await turns();
      assert.equal(copy.reset, undefined);
      copy.answer(ok);
      await until(() => sidecar.shadow("v43").requests === 1, "the copy is answered");
      assert.deepEqual(sidecar.shadow("v43").byCode, { OK: 1 });
    });
  }

  it("holds nothing of its call up where the shadow takes no bytes of it", async () => {
    const champion = own.add(await ServerPeer.answering(ok));
    const shadow = own.add(await ServerPeer.start(undefined, { reading: false }));
    const snapshot = snapshotOf({ variants: { v41: champion.address, v43: shadow.address }, shadows: { v43: {} } });
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const large = framed(tfRequest({ inputs: { text: ["x".repeat(2_000_000)] } }));
    for (let i = 0; i < 3; i++) assert.equal((await client.unary(tfPredict, large)).value("grpc-status"), "0");
    assert.ok(champion.streams.every((stream) => stream.bytes === large.length));
    await until(() => shadow.streams.length === 3, "the copies have begun");
    assert.ok(shadow.streams.every((stream) => !stream.ended));
  });

  it("is ended where its answer has no end, and counts as failed", async () => {
    const { shadow, sidecar, ask } = await between({ limits: { proxy: { shadowAnswerBytes: 100_000 } } });
    await ask();
    const copy = await shadow.stream();
    copy.headers(answerHead);
    copy.data(Buffer.alloc(1_000_000));
    await until(() => copy.reset !== undefined, "the copy is reset");
    assert.deepEqual(sidecar.shadow("v43").byCode, { UNKNOWN: 1 });
  });
});
