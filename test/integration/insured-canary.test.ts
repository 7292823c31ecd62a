import assert from "node:assert/strict";
import { frameType } from "../../src/http2/constants.ts";
import { valueAt } from "../support/exposition.ts";
import { cutFrames } from "../support/h2-frames.ts";
import { answerHead, ClientPeer, freeAddress, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipStream, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const good = framed(tfResponse([0.25]));

interface Given extends SidecarOptions {
  readonly onChallenger?: (stream: PeerStream) => void;
  readonly onChampion?: (stream: PeerStream) => void;
  readonly onFailure?: "champion" | "error";
  readonly address?: string;
  readonly maxConcurrentStreams?: number;
  /** More about the variants. */
  readonly v41?: Readonly<Record<string, unknown>>;
  readonly v42?: Readonly<Record<string, unknown>>;
}

/** All weight on a challenger that is insured by the champion. */
async function between(given: Given = {}) {
  const { onFailure = "champion", maxConcurrentStreams = 100, address, ...options } = given;
  const clock = new ManualClock();
  const answering = (stream: PeerStream) => void stream.done().then(() => stream.answer(good));
  const champion = own.add(await ServerPeer.start(given.onChampion ?? answering));
  const challenger = own.add(await ServerPeer.start(given.onChallenger, { maxConcurrentStreams }));
  const snapshot = snapshotOf({
    variants: {
      v41: { address: champion.address, ...given.v41 },
      v42: { address: address ?? challenger.address, onFailure, ...given.v42 },
    },
    weights: { v42: 1 },
    score: { output: "scores", index: 1 },
  });
  const sidecar = own.add(await TestSidecar.listen(snapshot, { clock, ...options }));
  const { routes } = sidecar.sidecar.generation ?? assert.fail();
  await until(() => routes[0]?.champion.pool.ready === true, "the champion is connected");
  if (address === undefined) await sidecar.connected();
  else await until(() => sidecar.events.some(({ kind }) => kind === "connect_failed"), "the challenger is refused");
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { clock, champion, challenger, sidecar, client };
}

const statusOf = (answer: PeerStream): number => Number(answer.value("grpc-status"));
const variantOf = (answer: PeerStream): string | undefined => answer.value("x-contender-variant");

/** What the sidecar has counted of one call that the champion answered in the challenger's place. */
function assertPaid(sidecar: TestSidecar, code: string): void {
  const [champion, challenger] = [sidecar.variant("v41"), sidecar.variant("v42")];
  assert.deepEqual(challenger.traffic.live.byCode, { [code]: 1 }, "one observation, the challenger's");
  assert.equal(challenger.traffic.live.durations.error.count, 1);
  assert.equal(champion.traffic.live.requests, 0);
  assert.deepEqual([challenger.assignments, champion.assignments], [{ fallback: 1 }, {}]);
  assert.deepEqual(challenger.fallbacks, { ok: 1 });
  assert.deepEqual([champion.traffic.live.score?.count, challenger.traffic.live.score?.count], [1, 0]);
  assert.deepEqual(sidecar.localReplies, {});
}

describe("an insured challenger", () => {
  afterEach(() => own.close());

  for (const [what, code, onChallenger] of [
    ["answers UNAVAILABLE", "UNAVAILABLE", (stream: PeerStream) => stream.refuse(14)],
    ["resets the call before its answer", "INTERNAL", ({ stream }: PeerStream) => stream.reset(2)],
    ["is at its limit and says so by a reset", "RESOURCE_EXHAUSTED", ({ stream }: PeerStream) => stream.reset(11)],
    ["refuses the call twice", "UNAVAILABLE", ({ stream }: PeerStream) => stream.reset(7)],
    ["answers HTTP 503", "UNAVAILABLE", (stream: PeerStream) => stream.headers([[":status", "503"]], true)],
  ] as const) {
    it(`that ${what} costs the caller nothing: the champion answers, the challenger has the failure`, async () => {
      const { champion, sidecar, client } = await between({ onChallenger });
      const answer = await client.unary(tfPredict, message, [["x-request-id", "r1"]]);
      assert.deepEqual([statusOf(answer), variantOf(answer), answer.body], [0, "v41", good]);
      const stream = await champion.stream();
      assert.deepEqual([stream.body, stream.value("x-request-id")], [message, "r1"]);
      assert.equal(stream.value(":authority"), champion.address);
      assertPaid(sidecar, code);
    });
  }

  it("that can't be reached costs the caller nothing", async () => {
    const { sidecar, client } = await between({ address: await freeAddress() });
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([statusOf(answer), variantOf(answer)], [0, "v41"]);
    assertPaid(sidecar, "UNAVAILABLE");
  });

  it("that dies before it answers costs the caller nothing", async () => {
    const { challenger, sidecar, client } = await between();
    const call = client.call(tfPredict, message);
    await challenger.stream();
    challenger.peers[0]?.close();
    assert.equal(variantOf(await call.done()), "v41");
    assertPaid(sidecar, "UNAVAILABLE");
  });

  it("that has no stream left in time costs the caller nothing", async () => {
    const limits = { transport: { maxConnections: 1, queueTimeoutMs: 100 } };
    const { clock, challenger, client, sidecar } = await between({ maxConcurrentStreams: 1, limits });
    client.call(tfPredict, message);
    await challenger.stream();
    const call = client.call(tfPredict, message);
    await client.unary(tfPredict, message, [["grpc-timeout", "-"]]); // the sidecar has seen the one before
    clock.advance(100);
    assert.equal(variantOf(await call.done()), "v41");
    assert.deepEqual(sidecar.live("v42").byCode, { UNAVAILABLE: 1 });
  });

  it("that has none in time for a message longer than its caller's window leaves it to a champion who needs it whole", async () => {
    const limits = { transport: { maxConnections: 1, queueTimeoutMs: 100 } };
    const v41 = { model: { name: "other" } };
    const { clock, champion, challenger, client } = await between({ maxConcurrentStreams: 1, limits, v41 });
    client.call(tfPredict, message);
    await challenger.stream();
    const call = client.call(tfPredict, framed(tfRequest({ inputs: { text: ["y".repeat(400_000)] } })));
    await client.unary(tfPredict, message, [["grpc-timeout", "-"]]); // the sidecar has seen what the window let through
    clock.advance(100);
    assert.equal(variantOf(await call.done()), "v41");
    assert.ok((champion.streams[0]?.bytes ?? 0) > 400_000);
  });

  it("that has answered in full is not reset: servers count that, and close connections for it", async () => {
    const { challenger, client } = await between({
      onChallenger: (stream) => void stream.done().then(() => stream.refuse(14)),
    });
    let said = Buffer.alloc(0);
    for (const { socket } of challenger.peers) {
      socket.prependListener("data", (chunk: Buffer) => {
        said = Buffer.concat([said, chunk]);
      });
    }
    for (let i = 0; i < 2; i++) assert.equal(variantOf(await client.unary(tfPredict, message)), "v41");
    await turns();
    const types = cutFrames(said).frames.map(({ type }) => type);
    assert.equal(types.filter((type) => type === frameType.HEADERS).length, 2);
    assert.ok(!types.includes(frameType.RST_STREAM), `${types}`);
  });

  it("that fails while the request is still coming has the champion get all of it", async () => {
    const { champion, challenger, client } = await between();
    const call = client.open(tfPredict);
    call.data(message.subarray(0, 7));
    (await challenger.stream()).refuse(14);
    const stream = await champion.stream();
    call.data(message.subarray(7), true);
    assert.deepEqual((await stream.done()).body, message);
    assert.equal(variantOf(await call.done()), "v41");
  });

  it("leaves the champion what remains of the deadline", async () => {
    const { clock, champion, challenger, client } = await between();
    const call = client.call(tfPredict, message, [["grpc-timeout", "2S"]]);
    const first = await challenger.stream();
    clock.advance(500);
    first.refuse(14);
    assert.equal((await champion.stream()).value("grpc-timeout"), "1500000u");
    await call.done();
  });

  it("whose champion fails as well leaves the caller the champion's word, and has one failure", async () => {
    const { sidecar, client } = await between({
      onChallenger: (stream) => stream.refuse(14),
      onChampion: (stream) => stream.refuse(8, "busy"),
    });
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([statusOf(answer), answer.value("grpc-message"), variantOf(answer)], [8, "busy", "v41"]);
    assert.deepEqual(sidecar.live("v42").byCode, { UNAVAILABLE: 1 });
    assert.deepEqual(sidecar.variant("v42").fallbacks, { error: 1 });
    assert.equal(sidecar.live("v41").requests, 0);
  });
});

describe("an insured call that waited for its challenger", () => {
  afterEach(() => own.close());

  it("has all of its credit back once the champion has it, whose model has to be set", async () => {
    const clock = new ManualClock();
    const champion = own.add(await ServerPeer.start());
    const challenger = own.add(await ServerPeer.start(undefined, { maxConcurrentStreams: 1 }));
    const variants = {
      v41: { address: champion.address, model: { name: "other" } },
      v42: { address: challenger.address, onFailure: "champion" },
    };
    const limits = { transport: { maxConnections: 1, queueTimeoutMs: 100 } };
    const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants, weights: { v42: 1 } }), { clock, limits }));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    client.call(tfPredict, framed(tfRequest()));
    await challenger.stream();
    const message = framed(tfRequest({ inputs: { text: ["x".repeat(200_000)] } }));
    const call = client.open(tfPredict);
    const window = call.stream.sendWindow;
    call.data(message); // and no end yet
    // The answer to a call that is refused at once: by then the sidecar has read the message.
    await client.unary(tfPredict, framed(tfRequest()), [["grpc-timeout", "-"]]);
    await turns(50);
    clock.advance(100);
    const stream = await champion.stream();
    await until(() => stream.bytes >= message.length, "the champion has all of it");
    await until(() => call.stream.sendWindow > window / 2, "the caller may go on");
  });
});

describe("an insured challenger's caller gets its failure all the same", () => {
  afterEach(() => own.close());

  for (const code of [3, 5, 8, 9, 12, 13]) {
    it(`where it answers with status ${code}: that is an answer`, async () => {
      const { champion, sidecar, client } = await between({ onChallenger: (stream) => stream.refuse(code) });
      const answer = await client.unary(tfPredict, message);
      assert.deepEqual([statusOf(answer), variantOf(answer)], [code, "v42"]);
      assert.equal(champion.streams.length, 0);
      assert.deepEqual(sidecar.variant("v42").assignments, { no_key: 1 });
    });
  }

  it("where its answer has begun", async () => {
    const { champion, challenger, client } = await between();
    const reset = client.call(tfPredict, message);
    const first = await challenger.stream();
    first.headers(answerHead);
    await until(() => reset.answer !== undefined, "the head is out");
    first.stream.reset(2);
    assert.equal((await reset.done()).trailers?.[0]?.[1], "13");
    const failed = client.call(tfPredict, message);
    (await challenger.stream(1)).answer(good, [["grpc-status", "14"]]);
    assert.equal(statusOf(await failed.done()), 14);
    assert.equal(champion.streams.length, 0);
  });

  for (const path of [oipStream, "/my.Own/Method"]) {
    it(`where the call is not known to be unary: ${path}`, async () => {
      const champion = own.add(await ServerPeer.answering(good));
      const challenger = own.add(await ServerPeer.start((stream) => stream.refuse(14)));
      const snapshot = snapshotOf({
        variants: { v41: champion.address, v42: { address: challenger.address, onFailure: "champion" } },
        weights: { v42: 1 },
        match: { services: ["my.Own", "inference.GRPCInferenceService"] },
      });
      const sidecar = own.add(await TestSidecar.start(snapshot));
      const client = own.add(await ClientPeer.connect(sidecar.address));
      assert.equal(statusOf(await client.unary(path, message)), 14);
      assert.equal(champion.streams.length, 0);
    });
  }

  it("where the request is longer than is kept", async () => {
    const { champion, sidecar, client } = await between({
      onChallenger: (stream) => void stream.done().then(() => stream.refuse(14)),
    });
    const kept = framed(tfRequest({ inputs: { text: ["x".repeat(200_000)] } }));
    assert.equal(variantOf(await client.unary(tfPredict, kept)), "v41");
    assert.ok((await champion.stream()).body.equals(kept));
    const long = framed(tfRequest({ inputs: { text: ["x".repeat(300_000)] } }));
    assert.equal(statusOf(await client.unary(tfPredict, long)), 14);
    assert.deepEqual(sidecar.variant("v42").fallbacks, { ok: 1, over_size: 1 });
  });

  it("where the champion has taken on enough: ten at once, then one for five calls of its own", async () => {
    const { clock, champion, sidecar, client } = await between({ onChallenger: (stream) => stream.refuse(14) });
    const ask = async (count: number) => {
      const codes: number[] = [];
      for (let i = 0; i < count; i++) codes.push(statusOf(await client.unary(tfPredict, message)));
      return codes.filter((code) => code === 0).length;
    };
    assert.equal(await ask(12), 10);
    assert.deepEqual(sidecar.variant("v42").fallbacks, { ok: 10, over_budget: 2 });
    // What is no prediction is the champion's own.
    for (let i = 0; i < 10; i++) await client.unary("/grpc.health.v1.Health/Check", message);
    assert.equal(await ask(4), 2);
    assert.equal(champion.streams.length, 22);
    clock.advance(10_000);
    assert.equal(await ask(1), 1);
  });

  it("where the route does not insure it", async () => {
    const { champion, sidecar, client } = await between({
      onFailure: "error",
      onChallenger: (stream) => stream.refuse(14),
    });
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([statusOf(answer), variantOf(answer)], [14, "v42"]);
    assert.equal(champion.streams.length, 0);
    assert.deepEqual(sidecar.variant("v42").fallbacks, {});
  });
});

describe("an insured challenger's breaker", () => {
  afterEach(() => own.close());

  const limits = { breaker: { minCalls: 4, resetMs: 50 } };

  it("opens after enough failures; its calls then go to the champion at once, as breaker_open", async () => {
    const { challenger, sidecar, client } = await between({ limits, onChallenger: (stream) => stream.refuse(14) });
    for (let i = 0; i < 6; i++) assert.equal(statusOf(await client.unary(tfPredict, message)), 0);
    assert.equal(challenger.streams.length, 4);
    assert.deepEqual(sidecar.variant("v42").assignments, { fallback: 4, breaker_open: 2 });
    assert.deepEqual(sidecar.variant("v42").fallbacks, { ok: 4 });
    assert.deepEqual(sidecar.live("v42").byCode, { UNAVAILABLE: 6 }, "the champion's answers are not its own");
    assert.deepEqual([sidecar.variant("v41").assignments, sidecar.live("v41").requests], [{}, 0]);
    const labels = { route: "fraud", variant: "v42", traffic: "live" };
    assert.equal(valueAt(await sidecar.exposed(), "contender_breaker_open", labels), 1);
  });

  it("lets one call try after its pause, and closes when that is answered", async () => {
    let broken = true;
    const { challenger, sidecar, client } = await between({
      limits,
      onChallenger: (stream) => (broken ? stream.refuse(14) : stream.answer(good)),
    });
    for (let i = 0; i < 4; i++) await client.unary(tfPredict, message);
    broken = false;
    await until(
      () => sidecar.events.some((event) => event.kind === "breaker" && event.to === "half_open"),
      "half open",
    );
    assert.equal(variantOf(await client.unary(tfPredict, message)), "v42");
    assert.equal(variantOf(await client.unary(tfPredict, message)), "v42");
    assert.equal(challenger.streams.length, 6);
    const states = sidecar.events.flatMap((event) => (event.kind === "breaker" ? [event.to] : []));
    assert.deepEqual(states, ["open", "half_open", "closed"]);
  });

  it("learns nothing of a call whose message could not be given its model: it was never asked", async () => {
    const { challenger, sidecar, client } = await between({
      limits,
      v42: { model: { name: "b" } },
      onChallenger: (stream) => stream.refuse(14),
    });
    const states = () => sidecar.events.flatMap((event) => (event.kind === "breaker" ? [event.to] : []));
    for (let i = 0; i < 4; i++) await client.unary(tfPredict, message);
    await until(() => states().at(-1) === "half_open", "half open");
    const asked = challenger.streams.length;
    const answer = await client.unary(tfPredict, framed(Buffer.from([0x12, 0x7f, 1])));
    assert.deepEqual([statusOf(answer), variantOf(answer)], [0, "v41"]);
    assert.equal(challenger.streams.length, asked);
    assert.deepEqual(states(), ["open", "half_open"]);
    await client.unary(tfPredict, message);
    assert.equal(challenger.streams.length, asked + 1, "the next call is the probe");
  });

  for (const [what, end] of [
    ["callers who give up", (call: { cancel(): void }) => call.cancel()],
    ["wrong requests", (_: unknown, stream: PeerStream) => stream.refuse(3)],
    ["a load that it asks to be spared", (_: unknown, stream: PeerStream) => stream.refuse(8)],
  ] as const) {
    it(`is not opened by ${what}`, async () => {
      const { challenger, sidecar, client } = await between({ limits });
      for (let i = 0; i < 8; i++) {
        const call = client.call(tfPredict, message);
        end(call, await challenger.stream(i));
        await until(() => sidecar.live("v42").requests === i + 1, "the call is over");
      }
      assert.deepEqual(sidecar.variant("v42").assignments, { no_key: 8 });
    });
  }

  it("is not opened by an upstream that cancels what is late for its caller", async () => {
    const { clock, challenger, champion, sidecar, client } = await between({ limits });
    for (let i = 0; i < 8; i++) {
      const call = client.call(tfPredict, message, [["grpc-timeout", "1S"]]);
      const { stream } = await challenger.stream(i);
      clock.advance(999);
      stream.reset(8);
      assert.equal(statusOf(await call.done()), 4);
    }
    assert.deepEqual(sidecar.variant("v42").assignments, { no_key: 8 });
    assert.equal(champion.streams.length, 0);
  });

  it("is opened by an upstream that cancels what it is asked", async () => {
    const { challenger, sidecar, client } = await between({ limits, onChallenger: ({ stream }) => stream.reset(8) });
    for (let i = 0; i < 5; i++) await client.unary(tfPredict, message);
    assert.equal(challenger.streams.length, 4);
    assert.equal(sidecar.variant("v42").assignments.breaker_open, 1);
  });
});
