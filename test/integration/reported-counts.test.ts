/** What is counted for a config service: each call once, under the version and for the variant that it was drawn by. */
import assert from "node:assert/strict";
import { callsOf } from "../../src/observe/counted-sums.ts";
import { ReportStore } from "../../src/observe/report-store.ts";
import type { Call } from "../../src/proxy/call.ts";
import { ClientPeer, type Fields, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipStream, tfMetadata, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { type RouteSource, type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());
const keyed = (user: string): Fields => [["x-user-id", user]];
const variantOf = (answer: PeerStream): string => answer.value("x-contender-variant") ?? "none";

/** A model server whose score tells which it is. */
async function model(score: number, answers?: (stream: PeerStream) => void): Promise<ServerPeer> {
  const answer = framed(tfResponse([score]));
  return own.add(answers === undefined ? await ServerPeer.answering(answer) : await ServerPeer.start(answers));
}

/** A champion v41 and a challenger v42. */
async function between(route: Partial<RouteSource> = {}, options: SidecarOptions & { v42?: ServerPeer } = {}) {
  const { v42 = await model(0.75), ...rest } = options;
  const addresses: Readonly<Record<string, string>> = {
    v41: (await model(0.25)).address,
    v42: v42.address,
    v43: (await model(0.5)).address,
  };
  const { variants: more = {}, ...spec } = route;
  const at = (changed: Partial<RouteSource>) =>
    snapshotOf({
      key: { from: [{ metadata: "x-user-id" }] },
      score: { output: "scores", index: 1, range: [0, 1] },
      weights: { v41: 50, v42: 50 },
      ...spec,
      ...changed,
      variants: Object.fromEntries(
        Object.entries(addresses).map(([name, address]) => [name, { address, ...(more[name] as object | undefined) }]),
      ),
    });
  const counts = new ReportStore();
  const first = at({});
  const sidecar = own.add(await TestSidecar.start(first, { counts, ...rest }));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  return { at, counts, first, sidecar, client };
}

const valuesOf = (histogram: { readonly counts: readonly number[] } | undefined): number =>
  (histogram?.counts ?? []).reduce((a, b) => a + b, 0);

/** Calls and scores, by the words that tell series apart. */
function told(counts: ReportStore): Record<string, readonly [codes: Record<number, number>, scores: number]> {
  return Object.fromEntries(
    counts
      .read()
      .series.map((each) => [
        [each.variant, each.traffic, each.keyed ? "keyed" : "unkeyed"].join(" "),
        [Object.fromEntries([...each.codes.entries()].filter(([, count]) => count > 0)), valuesOf(each.score)],
      ]),
  );
}

describe("what is counted for a config service", () => {
  afterEach(() => own.close());

  it("is each call once, under the version that it began by, while weights change under load", async () => {
    const began = new Map<string, number>();
    const note = (call: Call): void => {
      const key = [call.generation.version, call.assigned.name, call.keyed ? "keyed" : "unkeyed"].join(" ");
      began.set(key, (began.get(key) ?? 0) + 1);
    };
    const { at, counts, first, sidecar, client } = await between({}, { records: () => ({ add: note }) });
    const snapshots = [40, 60, 30, 70, 45].map((v42) => at({ weights: { v41: 100 - v42, v42 } }));
    const answered = { v41: 0, v42: 0, none: 0 };
    const load = async (more: number): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        const number = i * 20 + more;
        const answer = await client.unary(tfPredict, message, number % 4 === 0 ? [] : keyed(`u${number}`));
        answered[variantOf(answer) as keyof typeof answered]++;
        const next = number % 200 === 199 ? snapshots.shift() : undefined;
        if (next !== undefined) sidecar.apply(next);
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, more) => load(more)));
    const { series, versions } = counts.read();
    assert.deepEqual([versions.length, versions[0], snapshots], [6, first.version, []]);
    assert.equal(callsOf(series), 1_200);
    const told = series.map((each) => {
      return [[each.version, each.variant, each.keyed ? "keyed" : "unkeyed"].join(" "), each.codes[0]] as const;
    });
    assert.deepEqual(new Map(told), began);
    assert.equal(told.length, 24, "every version had calls of both variants, with keys and without");
    for (const variant of ["v41", "v42"] as const) {
      assert.equal(callsOf(series.filter((each) => each.variant === variant)), answered[variant]);
    }
    assert.ok(series.every((each) => each.traffic === "live" && each.route === "fraud"));
    for (const each of series) {
      assert.deepEqual([valuesOf(each.latency), valuesOf(each.score)], [callsOf([each]), callsOf([each])]);
      // The mean of a variant's scores is the one that its server gives.
      assert.ok(Math.abs((each.score?.sum ?? 0) / callsOf([each]) - (each.variant === "v42" ? 0.75 : 0.25)) < 1e-6);
    }
  });

  it("is a call that ends late under the version that it began by, and its score too", async () => {
    const streams: PeerStream[] = [];
    const v42 = await model(0, (stream) => void stream.done().then(() => streams.push(stream)));
    const { at, counts, first, sidecar, client } = await between({ weights: { v42: 1 } }, { v42 });
    const call = client.call(tfPredict, message, keyed("u1"));
    await until(() => streams.length === 1, "the call is under way");
    sidecar.apply(at({ weights: { v41: 1 } }));
    await client.unary(tfPredict, message, keyed("u1"));
    streams[0]?.answer(framed(tfResponse([0.75])));
    await call.done();
    const series = counts
      .read()
      .series.map((each) => [each.version === first.version, each.variant, valuesOf(each.score)]);
    assert.deepEqual(series, [
      [true, "v42", 1],
      [false, "v41", 1],
    ]);
  });

  it("is a call under the name that what is in force had when it began, where only the name is another", async () => {
    const held: PeerStream[] = [];
    const answer = (stream: PeerStream): void => void stream.done().then(() => held.push(stream));
    const { counts, first, sidecar, client } = await between({ weights: { v42: 1 } }, { v42: await model(0, answer) });
    const call = async (count: number): Promise<{ done(): Promise<unknown> }> => {
      const under = client.call(tfPredict, message, keyed("u1"));
      await until(() => held.length === count, "the call is under way");
      return under;
    };
    const before = await call(1);
    sidecar.sidecar.rename("renamed");
    const after = await call(2);
    for (const stream of held) stream.answer(framed(tfResponse([0.75])));
    await Promise.all([before.done(), after.done()]);
    const { series, versions } = counts.read();
    assert.deepEqual(
      [versions, series.map((each) => [each.version, callsOf([each]), valuesOf(each.score)])],
      [
        [first.version, "renamed"],
        [
          [first.version, 1, 1],
          ["renamed", 1, 1],
        ],
      ],
    );
  });

  it("is one call of the challenger's with its own status, where the champion answered in its place", async () => {
    const v42 = await model(0, (stream) => void stream.done().then(() => stream.refuse(14)));
    const { counts, client } = await between(
      { weights: { v42: 1 }, variants: { v42: { onFailure: "champion" } } },
      { v42 },
    );
    const answer = await client.unary(tfPredict, message, keyed("u1"));
    assert.deepEqual([answer.value("grpc-status"), variantOf(answer)], ["0", "v41"]);
    assert.deepEqual(told(counts), { "v42 live keyed": [{ 14: 1 }, 0] });
  });

  it("is no score of the champion's where it answered in a challenger's place", async () => {
    const v42 = await model(0, (stream) => void stream.done().then(() => stream.refuse(14)));
    const { counts, sidecar, client } = await between({ variants: { v42: { onFailure: "champion" } } }, { v42 });
    for (let i = 0; i < 40; i++) await client.unary(tfPredict, message, keyed(`u${i}`));
    const [champion, challenger] = [sidecar.live("v41").requests, sidecar.live("v42").requests];
    assert.equal(champion + challenger, 40);
    assert.ok((sidecar.live("v41").score?.count ?? 0) > champion, "it did answer some");
    assert.deepEqual(told(counts), {
      "v41 live keyed": [{ 0: champion }, champion],
      "v42 live keyed": [{ 14: challenger }, 0],
    });
  });

  it("is a call of the challenger's that its breaker kept from it", async () => {
    const v42 = await model(0, (stream) => void stream.done().then(() => stream.refuse(14)));
    const { counts, sidecar, client } = await between(
      { weights: { v42: 1 }, variants: { v42: { onFailure: "champion" } } },
      { v42, clock: new ManualClock() },
    );
    for (let i = 0; i < 40; i++) await client.unary(tfPredict, message, keyed("u1"));
    assert.ok((sidecar.variant("v42").assignments.breaker_open ?? 0) > 0);
    const { "v42 live keyed": challenger, ...rest } = told(counts);
    assert.deepEqual([challenger, rest], [[{ 14: 40 }, 0], {}]);
  });

  it("is the drawn challenger's while the champion stands in for one that is cold", async () => {
    const { at, counts, sidecar, client } = await between({ weights: { v41: 1 } });
    const cold = at({ weights: { v42: 1 }, champion: "v41" });
    const warmed = {
      ...cold,
      version: "warmed",
      routes: cold.routes.map((route) => ({
        ...route,
        variants: route.variants.map((each) =>
          each.name === "v42" ? { ...each, warmup: { copies: 50, timeoutMs: 60_000 } } : each,
        ),
      })),
    };
    sidecar.apply(warmed);
    await sidecar.connected();
    assert.equal(variantOf(await client.unary(tfPredict, message, keyed("u1"))), "v41");
    assert.deepEqual(sidecar.variant("v41").assignments, { warming: 1 });
    await until(() => sidecar.warmup("v42").requests === 1, "the copy is answered");
    assert.deepEqual(told(counts), { "v42 live keyed": [{ 0: 1 }, 0], "v42 warmup keyed": [{ 0: 1 }, 1] });
  });

  it("is no call that was pinned, or is no prediction, or can't be read", async () => {
    const { counts, sidecar, client } = await between({ pin: true });
    await client.unary(tfPredict, message, [["x-contender-pin", "v42"]]);
    await client.unary(tfMetadata, message, keyed("u1"));
    await client.unary("/some.Service/Call", message, keyed("u1"));
    await client.unary(tfPredict, message, [["x-contender-pin", "nobody"]]);
    assert.equal(sidecar.live("v42").requests + sidecar.live("v41").requests, 3);
    assert.deepEqual(counts.read().series, []);
    // Nor do their scores count with those of calls that were drawn.
    for (let i = 0; i < 20; i++) await client.unary(tfPredict, message, keyed(`u${i}`));
    await client.unary(tfPredict, message, [["x-contender-pin", "v42"], ...keyed("u1")]);
    const { series } = counts.read();
    assert.deepEqual(
      [callsOf(series), series.map(({ score }) => valuesOf(score)).reduce((a, b) => a + b, 0)],
      [20, 20],
    );
  });

  for (const [reason, body, path] of [
    ["malformed", Buffer.from([0, 0, 0, 0, 9, 1]), tfPredict],
    ["compressed", framed(tfRequest(), 1), tfPredict],
    ["no_model", framed(tfRequest({ model: "other" })), tfPredict],
  ] as const) {
    it(`is no call that goes to the champion as ${reason}`, async () => {
      const match = { dialect: "tensorflow-serving", models: ["fraud"] };
      const { counts, sidecar, client } = await between({ match, key: { from: [{ input: "customer" }] } });
      await client.unary(path, body);
      assert.deepEqual(sidecar.variant("v41").assignments, { [reason]: 1 });
      assert.equal(sidecar.live("v41").requests, 1);
      assert.deepEqual(counts.read().series, []);
    });
  }

  it("is no call that a sidecar before has split", async () => {
    const { counts, sidecar, client } = await between();
    await client.unary(tfPredict, message, [["x-contender-hop", "fraud"], ...keyed("u1")]);
    assert.equal(["v41", "v42", "v43"].filter((each) => sidecar.variant(each).assignments.hop === 1).length, 1);
    assert.deepEqual(counts.read().series, []);
  });

  it("is a copy as a shadow's, with a key where the call has one, and apart from the call", async () => {
    const { counts, sidecar, client } = await between({ weights: { v41: 1 }, shadows: { v43: {} } });
    for (const fields of [keyed("u1"), keyed("u2"), []]) await client.unary(tfPredict, message, fields);
    await until(() => sidecar.shadow("v43").requests === 3, "the copies are answered");
    assert.deepEqual(told(counts), {
      "v41 live unkeyed": [{ 0: 1 }, 1],
      "v41 live keyed": [{ 0: 2 }, 2],
      "v43 shadow unkeyed": [{ 0: 1 }, 1],
      "v43 shadow keyed": [{ 0: 2 }, 2],
    });
  });

  it("is a copy under the version of the call that it is of, which stays until the copy has ended", async () => {
    const { at, counts, first, sidecar, client } = await between(
      { weights: { v41: 1 }, shadows: { v42: {} } },
      {
        v42: await model(0, () => undefined),
        clock: new ManualClock(),
      },
    );
    await client.unary(tfPredict, message, keyed("u1"));
    await until(() => sidecar.sidecar.generation?.routes[0]?.shadows[0]?.gate.inFlight === 1, "the copy is under way");
    for (let i = 1; i <= 10; i++) {
      sidecar.apply(at({ weights: { v41: i, v43: 100 - i } }));
      counts.acknowledge(counts.read().id);
    }
    assert.equal(counts.read().versions[0], first.version);
  });

  it("is a call that its caller gave up, or that ran out of time, as that", async () => {
    const v42 = await model(0, () => undefined);
    const { counts, client, sidecar } = await between({ weights: { v42: 1 } }, { v42 });
    const call = client.open(oipStream, keyed("u1"));
    call.data(message);
    await v42.stream();
    call.cancel();
    await client.unary(tfPredict, message, [["grpc-timeout", "1m"], ...keyed("u1")]);
    await until(() => sidecar.live("v42").requests === 2, "both have ended");
    assert.deepEqual(told(counts), { "v42 live keyed": [{ 1: 1, 4: 1 }, 0] });
  });

  it("is nothing, where nobody wants reports", async () => {
    const { first } = await between();
    const sidecar = own.add(await TestSidecar.start(first));
    const { routes } = sidecar.sidecar.generation ?? assert.fail();
    assert.ok(routes.every(({ variants }) => variants.every(({ counts }) => counts === undefined)));
  });
});
