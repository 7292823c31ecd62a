/** A sidecar and its config service, over real connections: what is taken, what is refused, and what an absence changes. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { status as codes } from "@grpc/grpc-js";
import { environmentSnapshot } from "../../src/config/environment-route.ts";
import { parseSettings } from "../../src/config/settings.ts";
import { compileAssigner } from "../../src/router/route-assigner.ts";
import { ConfigService, type WatchStream } from "../support/config-service.ts";
import { Follower, type FollowerOptions } from "../support/followed-service.ts";
import { freeAddress } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { parsedValue } from "../support/parsed.ts";
import { answer, type RouteOptions, sentRoute } from "../support/snapshots.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { turns, until } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

const weighted = (v2: number, more: RouteOptions = {}) => sentRoute({ weights: { v1: 100 - v2, v2 }, ...more });
const fallback = environmentSnapshot(parsedValue(parseSettings({ CONTENDER_CHAMPION: "127.0.0.1:8600" })));
const follower = (options: FollowerOptions): Follower => owned.add(new Follower(options));

/** A sidecar that has ten per cent in force, by revision 5. */
async function following(more: Partial<FollowerOptions> = {}) {
  const service = owned.add(await ConfigService.open());
  const sidecar = follower({ address: service.address, ...more });
  const opened = sidecar.source.open();
  const stream = await service.stream(0);
  stream.send(answer(5, [weighted(10)]));
  assert.deepEqual(await opened, []);
  sidecar.source.begin();
  await stream.request(1);
  return { service, sidecar, stream };
}

/** The paths of the problems with which it refuses an answer. */
async function refusal(stream: WatchStream, sent: object): Promise<string[]> {
  const before = stream.requests.length;
  stream.send(sent);
  const { problems } = await stream.request(before);
  return problems.map(({ path }) => path);
}

describe("a sidecar and its config service", () => {
  it("say who the one is, what the other has, and that it is in force", async () => {
    const { sidecar, stream } = await following();
    const [first, second] = stream.requests;
    assert.deepEqual([first?.node?.workload, first?.version, first?.nonce], ["fraud", "", ""]);
    assert.deepEqual([second?.nonce, second?.problems, second?.node], ["n5", [], null]);
    assert.equal(sidecar.weight, 10);
    assert.equal(sidecar.status.state.service.version, answer(5, [weighted(10)]).version);
  });

  it("acknowledge nothing before calls are served", async () => {
    const service = owned.add(await ConfigService.open());
    const sidecar = follower({ address: service.address });
    const opened = sidecar.source.open();
    const stream = await service.stream(0);
    stream.send(answer(5, [weighted(10)]));
    await opened;
    await turns();
    assert.equal(stream.requests.length, 1);
    sidecar.source.begin();
    assert.equal((await stream.request(1)).nonce, "n5");
  });

  it("put a user where the table has them, whatever the weights would say", async () => {
    const { sidecar, stream } = await following();
    stream.send(answer(6, [weighted(50, { slots: 0 })]));
    await stream.request(2);
    const [route] = sidecar.inForce?.routes ?? [];
    assert.ok(route !== undefined);
    assert.ok(parsedValue(compileAssigner(route)).places.every((index) => index === 1));
  });

  const bad: readonly (readonly [what: string, route: RouteOptions, paths: readonly string[]])[] = [
    ["a negative weight", { weights: { v1: 101, v2: -1 }, slots: 65_536 }, ["spec.weights.v2"]],
    ["a weight that is no number", { weights: { v1: Number.NaN, v2: 1 } }, ["spec.weights.v1"]],
    ["two of them", { weights: { v1: Number.NaN, v2: -1 } }, ["spec.weights.v1", "spec.weights.v2"]],
    ["an infinite weight", { weights: { v1: Number.POSITIVE_INFINITY, v2: 1 } }, ["spec.weights.v1"]],
    ["weights that are all zero", { weights: { v1: 0, v2: 0 } }, ["spec.weights"]],
    ["a weight of nobody", { weights: { v1: 1, v9: 1 } }, ["spec.weights.v9"]],
  ];
  for (const [what, route, paths] of bad) {
    it(`refuse ${what} whole, with every path, and go on with what is in force`, async () => {
      const { sidecar, stream } = await following();
      const good = weighted(70, { name: "good", spec: { default: true, match: { models: ["good"] } } });
      const wrong = sentRoute({ name: "wrong", ...route, spec: { default: false, match: { models: ["wrong"] } } });
      assert.deepEqual(await refusal(stream, answer(6, [good, wrong])), paths);
      assert.equal(sidecar.weight, 10);
      const { service } = sidecar.status.state;
      assert.deepEqual(
        service.rejected?.map(({ path }) => path),
        paths,
      );
      assert.equal(service.version, answer(5, [weighted(10)]).version);
      stream.send(answer(7, [weighted(30)]));
      await until(() => sidecar.weight === 30, "the next good routes are in force");
      assert.equal(sidecar.status.state.service.rejected, undefined);
    });
  }

  it("refuse a weight that is there twice, no routes, and a table with a hole", async () => {
    const { sidecar, stream } = await following();
    const twice = {
      ...weighted(10),
      weights: [
        { variant: "v1", weight: 1 },
        { variant: "v1", weight: 2 },
      ],
    };
    assert.deepEqual(await refusal(stream, answer(6, [twice])), ["spec.weights.v1"]);
    assert.deepEqual(await refusal(stream, answer(6, [])), ["routes"]);
    const hole = { ...weighted(10), table: { variants: [0], lengths: [65_535] } };
    assert.deepEqual(await refusal(stream, answer(6, [hole])), ["table"]);
    const nobody = { ...weighted(10), table: { variants: [7], lengths: [65_536] } };
    assert.deepEqual(await refusal(stream, answer(6, [nobody])), ["table.variants[0]"]);
    assert.equal(sidecar.weight, 10);
  });

  it("refuse a version that is not that of the routes, and a lower one of the same store", async () => {
    const { sidecar, stream } = await following();
    const torn = { ...answer(6, [weighted(20)]), version: answer(6, [weighted(30)]).version };
    assert.deepEqual(await refusal(stream, torn), ["version"]);
    assert.deepEqual(await refusal(stream, answer(4, [weighted(20)])), ["version"]);
    assert.equal(sidecar.weight, 10);
  });

  it("follow a store that was restored, whatever its revision", async () => {
    const { sidecar, stream } = await following();
    stream.send(answer(1, [weighted(40)], { from: "fedcba987654" }));
    await until(() => sidecar.weight === 40, "the restored store's routes are in force");
    assert.deepEqual((await stream.request(2)).problems, []);
  });

  it("name what is in force anew where only its version is another, without putting it in force again", async () => {
    const { sidecar, stream } = await following();
    const renamed = answer(9, [weighted(10)]);
    const times = sidecar.applied.length;
    stream.send({ ...renamed, snapshot: null });
    assert.deepEqual((await stream.request(2)).problems, []);
    assert.equal(sidecar.inForce?.version, renamed.version);
    assert.equal(sidecar.status.state.service.version, renamed.version);
    assert.equal(sidecar.applied.length, times);
    assert.deepEqual(await refusal(stream, answer(8, [weighted(10)])), ["version"]);
  });

  it("are told what keeps routes from being served that are right by themselves", async () => {
    const { sidecar, stream } = await following();
    sidecar.problems = [{ path: "fraud.variants.v2.tls.ca", message: "there is no such file" }];
    assert.deepEqual(await refusal(stream, answer(6, [weighted(20)])), ["fraud.variants.v2.tls.ca"]);
  });

  it("begin a new stream with the version in force, which need not be sent again", async () => {
    const { service, sidecar, stream } = await following();
    stream.end();
    await until(() => !sidecar.status.connected, "the stream has ended");
    sidecar.clock.advance(2_000);
    const again = await service.stream(1);
    const { node, version } = await again.request(0);
    assert.deepEqual([node?.instance, version], ["i", answer(5, [weighted(10)]).version]);
    again.send({ version, nonce: "", heartbeat: { seconds: 5, nanos: 0 } });
    await until(() => sidecar.status.connected, "it is connected again");
    assert.deepEqual([sidecar.status.failures.size, sidecar.applied.length], [0, 1]);
    assert.deepEqual(sidecar.kinds(), ["config_source_connected"]);
  });

  it("part when the service says nothing for three heartbeats", async () => {
    const { service, sidecar, stream } = await following();
    sidecar.clock.advance(29_999);
    assert.equal(sidecar.status.connected, true);
    sidecar.clock.advance(1);
    await stream.closed();
    assert.equal(sidecar.status.failures.get("silent"), 1);
    sidecar.clock.advance(2_000);
    await service.stream(1);
    assert.equal(sidecar.weight, 10);
  });

  it("survive garbage: it is counted, and the next stream is as good as any", async () => {
    let garbage = false;
    const junk = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    const service = owned.add(await ConfigService.open(0, undefined, () => (garbage ? junk : undefined)));
    const sidecar = follower({ address: service.address });
    const opened = sidecar.source.open();
    const stream = await service.stream(0);
    stream.send(answer(5, [weighted(10)]));
    await opened;
    sidecar.source.begin();
    garbage = true;
    stream.send(answer(6, [weighted(20)]));
    await until(() => sidecar.status.failures.get("garbage") === 1, "the garbage is counted");
    assert.equal(sidecar.weight, 10);
    garbage = false;
    sidecar.clock.advance(2_000);
    (await service.stream(1)).send(answer(6, [weighted(20)]));
    await until(() => sidecar.weight === 20, "the next stream's routes are in force");
  });

  it("part when the service does not let the sidecar in, which is told", async () => {
    const service = owned.add(await ConfigService.open());
    service.onStream = (stream) => stream.end({ code: codes.PERMISSION_DENIED, details: "no role" });
    const sidecar = follower({ address: service.address, fallback });
    const opened = sidecar.source.open();
    await until(() => sidecar.status.failures.get("forbidden") === 1, "it is refused");
    sidecar.clock.advance(2_000);
    assert.deepEqual(await opened, []);
    assert.match(sidecar.status.state.service.failure ?? "", /forbidden: PERMISSION_DENIED: no role/);
  });
});

describe("a sidecar that starts", () => {
  it("waits for the service as long as it is told, and not longer", async () => {
    const sidecar = follower({ address: await freeAddress(), fallback });
    let open = true;
    const opened = sidecar.source.open().finally(() => {
      open = false;
    });
    await turns();
    sidecar.clock.advance(1_999);
    await turns();
    assert.equal(open, true);
    sidecar.clock.advance(1);
    assert.deepEqual(await opened, []);
    assert.equal(sidecar.inForce?.source, "environment");
  });

  it("says what is wrong with what is beside the service only where it has nothing else", async () => {
    const sidecar = follower({ address: await freeAddress() });
    const opened = sidecar.source.open();
    await turns();
    sidecar.clock.advance(2_000);
    assert.deepEqual(await opened, [{ path: "", message: "nothing" }]);
    await following();
  });

  it("takes what is beside the service at once where the service's routes are wrong", async () => {
    const service = owned.add(await ConfigService.open());
    const sidecar = follower({ address: service.address, fallback });
    const opened = sidecar.source.open();
    (await service.stream(0)).send(answer(5, []));
    assert.deepEqual(await opened, []);
    assert.equal(sidecar.inForce?.source, "environment");
  });

  it("leaves what is beside the service for the first routes that it gives, and for good", async () => {
    const service = owned.add(await ConfigService.open());
    const sidecar = follower({ address: service.address, fallback });
    const opened = sidecar.source.open();
    const stream = await service.stream(0);
    sidecar.clock.advance(2_000);
    await opened;
    sidecar.source.begin();
    const { applyFallback } = sidecar;
    assert.ok(applyFallback !== undefined);
    assert.deepEqual(await applyFallback(fallback, false), []);
    assert.equal(sidecar.applied.length, 2);
    stream.send(answer(5, [weighted(10)]));
    await until(() => sidecar.weight === 10, "the service's routes are in force");
    await stream.request(1);
    assert.equal(sidecar.fallbackClosed, true);
    await applyFallback(fallback, false);
    assert.equal(sidecar.weight, 10);
  });

  it("serves its last good routes before the service is asked, and asks by their version", async () => {
    const folder = owned.add(new TempFolder());
    const { service, sidecar } = await following({ directory: folder.path });
    await sidecar.close();
    const again = follower({ address: service.address, directory: folder.path, clock: new ManualClock() });
    assert.deepEqual(await again.source.open(), []);
    assert.deepEqual([again.weight, service.streams.length], [10, 1]);
    assert.deepEqual(again.kinds(), ["last_good_used"]);
    again.source.begin();
    again.clock.advance(20);
    const { version } = await (await service.stream(1)).request(0);
    assert.equal(version, answer(5, [weighted(10)]).version);
    assert.deepEqual(again.status.state.lastGood?.version, version);
  });

  it("refuses a lower revision of the store that its last good routes are from", async () => {
    const folder = owned.add(new TempFolder());
    const { service, sidecar } = await following({ directory: folder.path });
    await sidecar.close();
    const again = follower({ address: service.address, directory: folder.path });
    await again.source.open();
    again.source.begin();
    again.clock.advance(20);
    assert.deepEqual(await refusal(await afterFirst(service), answer(4, [weighted(40)])), ["version"]);
  });

  async function afterFirst(service: ConfigService): Promise<WatchStream> {
    const stream = await service.stream(1);
    await stream.request(0);
    return stream;
  }

  for (const [what, spoil] of [
    ["torn", (path: string) => writeFileSync(path, "half")],
    ["gone", (path: string) => writeFileSync(path, "")],
  ] as const) {
    it(`asks the service where the file is ${what}`, async () => {
      const folder = owned.add(new TempFolder());
      spoil(folder.at("last-good.json"));
      const { sidecar } = await following({ directory: folder.path });
      assert.deepEqual(sidecar.kinds(), ["last_good_ignored", "config_source_connected"]);
      assert.equal(sidecar.weight, 10);
    });
  }

  it("tells that routes could not be kept, and serves them all the same", async () => {
    const folder = owned.add(new TempFolder());
    writeFileSync(folder.at("file"), "");
    const { sidecar } = await following({ directory: folder.at("file") });
    await until(() => sidecar.status.writes.get("failed") === 1, "the write has failed");
    assert.equal(sidecar.weight, 10);
    assert.ok(sidecar.kinds().includes("last_good_failed"));
  });
});
