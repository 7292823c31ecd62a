import assert from "node:assert/strict";
import { ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { type RouteSource, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const keyed = (user: string): Fields => [["x-user-id", user]];
const variantOf = (answer: PeerStream): string | undefined => answer.value("x-contender-variant");

interface Pod {
  readonly server: ServerPeer;
  readonly sidecar: TestSidecar;
}

/** A pod: a model server and the sidecar before it, whose route comes when both pods are there. */
async function pod(trustHop: string): Promise<Pod> {
  const server = own.add(await ServerPeer.answering(framed(tfResponse([0.5]))));
  const waiting = snapshotOf({ variants: { waiting: server.address } });
  const sidecar = own.add(await TestSidecar.start(waiting, { trustHop, local: server.address }));
  return { server, sidecar };
}

/**
 * Two pods with sidecars, v41 in the one and v42 in the other. Each reaches its own model directly and the other's through
 * the sidecar there, as an injected pod is reached.
 */
async function pods({ trustHop = "private", ...route }: Partial<RouteSource> & { trustHop?: string } = {}) {
  const [one, two] = [await pod(trustHop), await pod(trustHop)];
  const common = {
    key: { from: [{ metadata: "x-user-id" }] },
    weights: { v41: 50, v42: 50 },
    champion: "v41",
    score: { output: "scores", index: 1 },
    ...route,
  };
  one.sidecar.apply(snapshotOf({ ...common, variants: { v41: one.server.address, v42: two.sidecar.address } }));
  two.sidecar.apply(snapshotOf({ ...common, variants: { v41: one.sidecar.address, v42: two.server.address } }));
  await Promise.all([one.sidecar.connected(), two.sidecar.connected()]);
  return { one, two };
}

describe("two sidecars in a row", () => {
  afterEach(() => own.close());

  it("split once: the first decides, the second hands on to the model beside it", async () => {
    const { one, two } = await pods();
    const client = own.add(await ClientPeer.connect(one.sidecar.address));
    const calls = Array.from({ length: 200 }, (_, i) => client.call(tfPredict, message, keyed(`user-${i}`)));
    const answers = await Promise.all(calls.map((call) => call.done()));
    const toTwo = answers.filter((answer) => variantOf(answer) === "v42").length;
    assert.ok(toTwo > 60 && toTwo < 140, `${toTwo} of 200 went to v42`);
    assert.deepEqual([one.server.streams.length, two.server.streams.length], [200 - toTwo, toTwo]);
    assert.ok(two.server.streams.every((stream) => stream.value("x-contender-hop") === "fraud"));
  });

  it("count once: requests, latency and scores at the first only", async () => {
    const { one, two } = await pods({ weights: { v42: 1 } });
    const client = own.add(await ClientPeer.connect(one.sidecar.address));
    for (let i = 0; i < 10; i++) await client.unary(tfPredict, message, keyed(`user-${i}`));
    const counted = one.sidecar.live("v42");
    assert.deepEqual([counted.byCode, counted.score?.count, counted.durations.ok.count], [{ OK: 10 }, 10, 10]);
    for (const variant of ["v41", "v42"]) {
      const { requests, score, durations } = two.sidecar.live(variant);
      assert.deepEqual([requests, score?.count, durations.ok.count], [0, 0, 0]);
    }
    assert.deepEqual(two.sidecar.variant("v42").assignments, { hop: 10 });
    assert.deepEqual(one.sidecar.variant("v42").assignments, { weight: 10 });
  });

  it("give a user one variant, whichever of them is asked", async () => {
    const { one, two } = await pods();
    const [a, b] = [
      own.add(await ClientPeer.connect(one.sidecar.address)),
      own.add(await ClientPeer.connect(two.sidecar.address)),
    ];
    for (let i = 0; i < 50; i++) {
      const [first, second] = await Promise.all([a, b].map((each) => each.unary(tfPredict, message, keyed(`u${i}`))));
      assert.equal(first && variantOf(first), second && variantOf(second));
    }
  });

  it("of which the second is asked for what is no prediction hand that on as well", async () => {
    const { one, two } = await pods();
    const client = own.add(await ClientPeer.connect(two.sidecar.address));
    await client.unary("/grpc.health.v1.Health/Check", message);
    assert.deepEqual([one.server.streams.length, two.server.streams.length], [1, 0]);
  });
});

describe("the mark of a hop", () => {
  afterEach(() => own.close());

  const hop = (route: string): Fields => [["x-contender-hop", route]];

  it("of a peer that is not trusted is ignored: the call is split here", async () => {
    const { one, two } = await pods({ trustHop: "none", weights: { v41: 1 } });
    const client = own.add(await ClientPeer.connect(one.sidecar.address));
    const answer = await client.unary(tfPredict, message, [...keyed("user-1"), ...hop("fraud")]);
    assert.equal(variantOf(answer), "v41");
    assert.deepEqual(one.sidecar.variant("v41").assignments, { weight: 1 });
    assert.deepEqual(one.sidecar.live("v41").byCode, { OK: 1 });
    assert.equal(two.server.streams.length, 0);
  });

  it("counts from networks that are named, and from no others", async () => {
    for (const [trustHop, reason] of [
      ["10.0.0.0/8", "weight"],
      ["127.0.0.1/32", "hop"],
    ] as const) {
      const { one } = await pods({ trustHop, weights: { v41: 1 } });
      const client = own.add(await ClientPeer.connect(one.sidecar.address));
      await client.unary(tfPredict, message, [...keyed("user-1"), ...hop("fraud")]);
      assert.deepEqual(one.sidecar.variant("v41").assignments, { [reason]: 1 });
    }
  });

  it("that names no route of this sidecar is ignored, and replaced by our own", async () => {
    const { one } = await pods({ weights: { v41: 1 } });
    const client = own.add(await ClientPeer.connect(one.sidecar.address));
    await client.unary(tfPredict, message, [...keyed("user-1"), ...hop("elsewhere")]);
    assert.deepEqual(one.sidecar.variant("v41").assignments, { weight: 1 });
    const stream = await one.server.stream();
    assert.deepEqual(stream.values("x-contender-hop"), ["fraud"]);
  });

  it("keeps a call from being pinned, copied or refused here: all that was the first one's business", async () => {
    const shadow = own.add(await ServerPeer.answering(framed("copy")));
    const { server, sidecar } = await pod("private");
    const variants = { v41: server.address, v43: shadow.address };
    sidecar.apply(snapshotOf({ pin: true, variants, shadows: { v43: {} } }));
    await sidecar.connected();
    const client = own.add(await ClientPeer.connect(sidecar.address));
    const answer = await client.unary(tfPredict, message, [...hop("fraud"), ["x-contender-pin", "v99"]]);
    assert.equal(answer.value("grpc-status"), "0");
    await turns();
    assert.equal(shadow.streams.length, 0);
    assert.deepEqual(sidecar.variant("v43").shadowDropped, {});
  });
});

describe("a copy for a shadow that has a sidecar of its own", () => {
  afterEach(() => own.close());

  it("reaches the model there still marked as a copy, and is counted by the sidecar that made it only", async () => {
    const champion = own.add(await ServerPeer.answering(framed(tfResponse([0.25]))));
    const there = await pod("private");
    const variants = { v41: champion.address, v43: there.server.address };
    there.sidecar.apply(snapshotOf({ variants, shadows: { v43: {} } }));
    const here = own.add(
      await TestSidecar.start(
        snapshotOf({ variants: { ...variants, v43: there.sidecar.address }, shadows: { v43: {} } }),
        { local: champion.address },
      ),
    );
    const client = own.add(await ClientPeer.connect(here.address));
    await client.unary(tfPredict, message);
    const copy = await there.server.stream();
    assert.deepEqual(copy.values("x-contender-traffic"), ["shadow"]);
    await until(() => here.shadow("v43").requests === 1, "the copy is counted here");
    for (const name of ["v41", "v43"]) {
      const { live, shadow } = there.sidecar.variant(name).traffic;
      assert.deepEqual([live.requests, shadow.requests], [0, 0]);
    }
    assert.equal(there.server.streams.length, 1);
  });
});
