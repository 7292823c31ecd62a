import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { answerHead, ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import {
  framed,
  oipInfer,
  oipRequest,
  oipStream,
  tfMetadata,
  tfPredict,
  tfRequest,
  tfResponse,
} from "../support/predict.ts";
import { type RouteSource, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const keyed = (user: string): Fields => [["x-user-id", user]];

/** A champion v41, a challenger v42 without weight and a shadow v43. */
async function between(route: Partial<RouteSource> = {}, v43: Readonly<Record<string, unknown>> = {}) {
  const champion = own.add(await ServerPeer.answering(framed(tfResponse([0.25]))));
  const challenger = own.add(await ServerPeer.answering(framed(tfResponse([0.75]))));
  const shadow = own.add(await ServerPeer.answering(framed(tfResponse([0.5, 0.5], "43"))));
  const variants = {
    v41: champion.address,
    v42: challenger.address,
    v43: { address: shadow.address, expectVersion: "42", ...v43 },
  };
  const snapshot = snapshotOf({
    key: { from: [{ metadata: "x-user-id" }] },
    score: { output: "scores", index: 1 },
    shadows: { v43: {} },
    ...route,
    variants,
  });
  const sidecar = own.add(await TestSidecar.start(snapshot));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { champion, challenger, shadow, sidecar, client };
}

/** Waits for as many copies as there are, by the sidecar's own count of their answers. */
async function copies(sidecar: TestSidecar, count: number): Promise<void> {
  await until(() => sidecar.shadow("v43").requests === count, `${count} copies are answered`);
}

const without = ({ head }: PeerStream, ...names: readonly string[]): Fields =>
  head.filter(([name]) => !names.includes(name));

describe("a copy of a call", () => {
  afterEach(() => own.close());

  it("is sent when the request is complete, and not before", async () => {
    const { champion, shadow, sidecar, client } = await between();
    const call = client.open(tfPredict);
    call.data(message.subarray(0, 9));
    await until(() => champion.streams[0]?.bytes === 9, "the champion has the beginning");
    await turns();
    assert.equal(shadow.streams.length, 0);
    call.data(message.subarray(9), true);
    const copy = await (await shadow.stream()).done();
    assert.deepEqual(copy.body, message);
    assert.equal((await call.done()).value("grpc-status"), "0");
    await copies(sidecar, 1);
  });

  it("is sent also where the answer has begun before the request was complete", async () => {
    const { champion, shadow, client } = await between();
    const call = client.open(tfPredict);
    const stream = await champion.stream();
    stream.headers(answerHead);
    await until(() => call.answer !== undefined, "the answer has begun");
    call.data(message, true);
    assert.deepEqual((await (await shadow.stream()).done()).body, message);
    call.cancel();
  });

  it("is the request as it was, marked as a copy, with the shadow's own timeout and no credentials", async () => {
    const { champion, shadow, client } = await between({ shadows: { v43: { timeout: "3s" } } });
    await client.unary(tfPredict, message, [
      ...keyed("u1"),
      ["authorization", "Bearer secret"],
      ["cookie", "session=1"],
      ["x-request-id", "r1"],
      ["x-invalid", "\xc3\x28"],
      ["grpc-timeout", "500m"],
    ]);
    const [original, copy] = [await champion.stream(), await shadow.stream()];
    assert.deepEqual(copy.values("x-contender-traffic"), ["shadow"]);
    assert.deepEqual(copy.values("x-contender-hop"), ["fraud"]);
    assert.deepEqual(copy.values("grpc-timeout"), ["3000000u"]);
    assert.deepEqual(copy.values(":authority"), [shadow.address]);
    const differing = ["x-contender-traffic", "authorization", "cookie", "grpc-timeout", ":authority"];
    assert.deepEqual(without(copy, ...differing), without(original, ...differing));
    assert.deepEqual([copy.values("authorization"), copy.values("cookie")], [[], []]);
    assert.deepEqual(original.values("authorization"), ["Bearer secret"]);
    assert.deepEqual(original.values("x-contender-traffic"), []);
  });

  it("has the credentials where the route asks for them", async () => {
    const { shadow, client } = await between({ shadows: { v43: { forwardAuthorization: true } } });
    const credentials: Fields = [
      ["authorization", "Bearer secret"],
      ["cookie", "session=1"],
    ];
    await client.unary(tfPredict, message, credentials);
    const copy = await shadow.stream();
    assert.deepEqual([copy.values("authorization"), copy.values("cookie")], [["Bearer secret"], ["session=1"]]);
  });

  it("goes to every shadow, with each one's own metadata", async () => {
    const second = own.add(await ServerPeer.answering(framed("x")));
    const { champion, shadow } = await between();
    const snapshot = snapshotOf({
      variants: {
        v41: champion.address,
        v43: { address: shadow.address, metadata: { "x-api-key": "k43" } },
        v44: { address: second.address, authority: "v44.ml" },
      },
      shadows: { v43: {}, v44: {} },
    });
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    await client.unary(tfPredict, message, [["x-api-key", "callers"]]);
    const [a, b] = [await shadow.stream(), await second.stream()];
    assert.deepEqual([a.value("x-api-key"), a.value(":authority")], ["k43", shadow.address]);
    assert.deepEqual([b.value("x-api-key"), b.value(":authority")], ["callers", "v44.ml"]);
  });

  it("has its answer measured as shadow traffic, apart from the live one", async () => {
    const { sidecar, client } = await between();
    for (let i = 0; i < 3; i++) await client.unary(tfPredict, message);
    await copies(sidecar, 3);
    const { live, shadow } = sidecar.variant("v43").traffic;
    assert.deepEqual([shadow.byCode, shadow.durations.ok.count], [{ OK: 3 }, 3]);
    assert.deepEqual([shadow.score?.count, shadow.score?.sum], [6, 3]);
    assert.deepEqual([live.requests, live.score?.count], [0, 0]);
    assert.equal(sidecar.variant("v43").versionMismatches, 3);
    assert.deepEqual(sidecar.variant("v43").assignments, {});
    const champion = sidecar.variant("v41").traffic;
    assert.deepEqual([champion.live.byCode, champion.live.score?.sum], [{ OK: 3 }, 0.75]);
    assert.equal(champion.shadow.requests, 0);
  });

  it("of a compressed request is sent as it came", async () => {
    const { shadow, client } = await between();
    const zipped = framed(gzipSync(tfRequest()), 1);
    await client.unary(tfPredict, zipped, [...keyed("u1"), ["grpc-encoding", "gzip"]]);
    const copy = await (await shadow.stream()).done();
    assert.deepEqual([copy.body, copy.value("grpc-encoding")], [zipped, "gzip"]);
  });

  it("of a large request is sent whole, though nothing of it was kept for a second try", async () => {
    const { shadow, client } = await between();
    const large = framed(tfRequest({ inputs: { text: ["x".repeat(1_000_000)] } }));
    await client.unary(tfPredict, large);
    assert.ok((await (await shadow.stream()).done()).body.equals(large));
  });

  it("never reaches the caller: not its status, not its metadata, not its variant", async () => {
    const { champion, sidecar } = await between();
    const odd = own.add(await ServerPeer.start((stream) => stream.answer(framed("shadow"), [["grpc-status", "13"]])));
    const variants = { v41: champion.address, v43: odd.address };
    sidecar.apply(snapshotOf({ variants, shadows: { v43: {} } }));
    await sidecar.connected();
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const answer = await client.unary(tfPredict, message);
    assert.deepEqual([answer.value("grpc-status"), answer.value("x-contender-variant")], ["0", "v41"]);
    await copies(sidecar, 1);
    assert.deepEqual(sidecar.shadow("v43").byCode, { INTERNAL: 1 });
    assert.deepEqual(sidecar.localReplies, {});
  });
});

describe("which calls are copied", () => {
  afterEach(() => own.close());

  it("the share of users that the route says, the same ones every time", async () => {
    const { shadow, sidecar, client } = await between({ shadows: { v43: { percent: 25, maxInFlight: 1_000 } } });
    const users = Array.from({ length: 400 }, (_, i) => `user-${i}`);
    const rounds: (string | undefined)[][] = [];
    for (let round = 0; round < 2; round++) {
      const before = shadow.streams.length;
      await Promise.all(users.map((user) => client.unary(tfPredict, message, keyed(user))));
      await until(() => sidecar.shadow("v43").requests === shadow.streams.length, "every copy is answered");
      rounds.push(
        shadow.streams
          .slice(before)
          .map((stream) => stream.value("x-user-id"))
          .sort(),
      );
    }
    const [first = [], second] = rounds;
    assert.deepEqual(first, second);
    assert.ok(first.length > 75 && first.length < 125, `${first.length} of 400`);
  });

  for (const [what, path, request] of [
    ["of a streaming method", oipStream, framed(oipRequest())],
    ["that ask about models", tfMetadata, message],
    ["of a service that nobody knows", "/my.Own/Method", message],
  ] as const) {
    it(`none ${what}`, async () => {
      const { champion, shadow, sidecar, client } = await between();
      await client.unary(path, request);
      await turns();
      assert.deepEqual([champion.streams.length, shadow.streams.length], [1, 0]);
      assert.deepEqual(sidecar.variant("v43").shadowDropped, {});
    });
  }

  it("none that a challenger answers, by weight or by pin", async () => {
    const { challenger, shadow, client } = await between({ weights: { v42: 1 }, pin: true });
    await client.unary(tfPredict, message, keyed("u1"));
    await client.unary(tfPredict, message, [...keyed("u1"), ["x-contender-pin", "v42"]]);
    await client.unary(tfPredict, message, [...keyed("u1"), ["x-contender-pin", "v41"]]);
    await turns();
    assert.deepEqual([challenger.streams.length, shadow.streams.length], [2, 0]);
  });

  for (const [reason, request] of [
    ["sequence", oipRequest({ sequenceId: 7 })],
    ["shared_memory", oipRequest({ sharedMemory: true })],
  ] as const) {
    it(`none with a ${reason.replace("_", " ")}, which a second server must not touch; it is counted as dropped`, async () => {
      const { champion, shadow, sidecar, client } = await between();
      await client.unary(oipInfer, framed(request), keyed("u1"));
      await client.unary(oipInfer, framed(oipRequest()), keyed("u1"));
      await copies(sidecar, 1);
      assert.deepEqual([champion.streams.length, shadow.streams.length], [2, 1]);
      assert.deepEqual(sidecar.variant("v43").shadowDropped, { [reason]: 1 });
    });
  }
});

describe("of a service that a route names and no dialect knows, the sidecar copies", () => {
  const path = "/acme.Scorer/Score";

  /** @param onStream what the champion does; by default it answers once the request is complete. */
  async function scorers(onStream?: (stream: PeerStream) => void) {
    const answer = (stream: PeerStream): undefined => void stream.done().then(() => stream.answer(framed("ok")));
    const champion = own.add(await ServerPeer.start(onStream ?? answer));
    const shadow = own.add(await ServerPeer.start(answer));
    const variants = { v41: champion.address, v43: shadow.address };
    const snapshot = snapshotOf({ match: { services: ["acme.Scorer"] }, shadows: { v43: {} }, variants });
    const sidecar = own.add(await TestSidecar.start(snapshot));
    const client = own.add(await ClientPeer.connect(sidecar.address));
    return { champion, shadow, sidecar, client };
  }

  afterEach(() => own.close());

  it("calls of one message, also one that is longer than what is kept of other calls", async () => {
    const { shadow, sidecar, client } = await scorers();
    const long = framed(Buffer.alloc(300_000, "long "));
    await client.unary(path, framed("short"));
    await client.unary(path, long);
    await copies(sidecar, 2);
    assert.deepEqual(
      shadow.streams.map(({ body }) => body),
      [framed("short"), long],
    );
    assert.deepEqual(sidecar.shadow("v43").byCode, { OK: 2 });
  });

  it("no calls of several messages, whether they come together or one by one", async () => {
    const { champion, shadow, sidecar, client } = await scorers();
    const two = Buffer.concat([framed("one"), framed("two")]);
    await client.unary(path, two);
    const call = client.open(path);
    call.data(framed("one"));
    await until(() => champion.streams[1]?.bytes === 8, "the champion has the first");
    call.data(framed("two"), true);
    await call.done();
    const long = client.open(path);
    long.data(framed(Buffer.alloc(200_000)));
    await until(() => champion.streams[2]?.bytes === 200_005, "the champion has a long one");
    long.data(framed("and another"), true);
    await long.done();
    await turns();
    assert.deepEqual([shadow.streams.length, sidecar.variant("v43").shadowDropped], [0, {}]);
  });

  it("no conversations: calls that are answered before they have ended", async () => {
    const { champion, shadow, sidecar, client } = await scorers((stream) => stream.headers(answerHead));
    const call = client.open(path);
    call.data(framed("one"));
    await until(() => call.answer !== undefined, "the answer has begun");
    call.stream.sendData(Buffer.alloc(0), 0, 0, true);
    const stream = await champion.stream();
    await until(() => stream.ended, "the champion has it all");
    stream.end([["grpc-status", "0"]]);
    await call.done();
    await turns();
    assert.deepEqual([shadow.streams.length, sidecar.variant("v43").shadowDropped], [0, {}]);
  });

  it("nothing of long streams, and holds no more of them than of other calls", async () => {
    const { champion, sidecar, client } = await scorers();
    const held = async () => {
      const samples = (await sidecar.exposed()).get("contender_buffered_bytes")?.samples ?? [];
      return samples.find(({ labels }) => labels.kind === "streams")?.value;
    };
    const call = client.open(path);
    const first = framed(Buffer.alloc(200_000));
    call.data(first);
    await until(() => champion.streams[0]?.bytes === first.length, "the champion has the first message");
    assert.equal(await held(), first.length);
    call.data(framed("second"));
    await until(() => (champion.streams[0]?.bytes ?? 0) > first.length, "and the second");
    assert.equal(await held(), 0);
    call.cancel();
  });
});
