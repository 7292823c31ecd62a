/** What several workers count for a config service is told as one process would tell it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { CountsReading } from "../../src/model/counts.ts";
import { callsOf } from "../../src/observe/counted-sums.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { GroupCounts } from "../../src/processes/group-counts.ts";
import { Door } from "../../src/transport/door.ts";
import { Group } from "../../src/workers/group.ts";
import { Switchover } from "../../src/workers/switchover.ts";
import { ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { addressOf, snapshotOf } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const path = fileURLToPath(new URL("../../bin/contender.js", import.meta.url));
const message = framed(tfRequest());

/** Two workers, led as a primary leads them, a caller of each, and a configuration that can be changed. */
async function started() {
  const server = own.add(await ServerPeer.answering(framed(tfResponse([0.25]))));
  const variants = { v41: server.address, v42: server.address };
  const at = (v42: number) =>
    snapshotOf({
      key: { from: [{ metadata: "x-user-id" }] },
      score: { output: "scores", index: 1 },
      variants,
      weights: { v41: 100 - v42, v42 },
    });
  const events: string[] = [];
  const metrics = new Metrics({ clock: systemClock, version: "0", node: "v24" });
  const counts: GroupCounts = new GroupCounts(metrics, () => group.serving);
  const group: Group = new Group(
    {
      clock: systemClock,
      chance: systemChance,
      program: { path, args: ["worker"] },
      settingsOf: (worker) => ({
        worker,
        workers: 2,
        local: addressOf("127.0.0.1:8500"),
        unix: false,
        tls: undefined,
        trustHop: [],
        nonGrpc: "refuse",
        limits: {},
        logLevel: "warn",
        accessLog: 0,
        predictionLog: false,
        predictionLogSample: 0,
        counts: true,
        gracePeriodMs: 5_000,
      }),
      onLine: () => undefined,
      onEvent: ({ kind }) => events.push(kind),
      onBreaker: () => undefined,
      onRefused: () => undefined,
      onGone: (worker, last) => counts.end(worker, last?.counts),
    },
    { workers: 2, breaker: {}, maxConnections: 100, maxConnectionsPerWorker: 100, maxWaiting: 10 },
  );
  own.add({
    close: async () => {
      group.close();
      await until(() => group.alive.length === 0, "all workers have ended");
    },
  });
  const switchover = new Switchover(group, {});
  const first = at(50);
  await switchover.start(first);
  const door = own.add(new Door({ backlog: 8, onRefused: () => undefined }, (handle) => group.hand(handle)));
  const address = await door.listen({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const clients = [own.add(await ClientPeer.connect(address)), own.add(await ClientPeer.connect(address))];
  const call = async (count: number): Promise<void> => {
    for (const client of clients.filter(({ gone }) => !gone)) {
      for (let i = 0; i < count; i++)
        await client.unary(tfPredict, message, i % 2 === 0 ? [] : [["x-user-id", `u${i}`]]);
    }
  };
  return { at, call, counts, events, first, group, metrics, switchover };
}

/** Calls by version and by whether they had a key. */
function told({ series, versions }: CountsReading): Record<string, readonly [unkeyed: number, keyed: number]> {
  const of = (version: string, keyed: boolean): number =>
    callsOf(series.filter((each) => each.version === version && each.keyed === keyed));
  return Object.fromEntries(versions.map((version) => [version, [of(version, false), of(version, true)]]));
}

describe("the counts of two workers", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("are one set of counts, by version, and keep those of a worker that was killed", async () => {
    const { at, call, counts, events, first, group, switchover } = await started();
    await call(20);
    const next = at(10);
    assert.deepEqual(await switchover.apply(next, first), []);
    await call(6);
    const reading = await counts.read();
    assert.deepEqual(told(reading), { [first.version]: [20, 20], [next.version]: [6, 6] });
    // One series for what both have counted.
    assert.equal(
      reading.series.length,
      new Set(reading.series.map((s) => `${s.version} ${s.variant} ${s.keyed}`)).size,
    );
    counts.acknowledge(reading.id);
    group.alive[0]?.kill();
    await until(() => events.includes("worker_ended"), "a worker has ended");
    await call(2);
    assert.deepEqual(told(await counts.read()), { [first.version]: [20, 20], [next.version]: [7, 7] });
    await until(() => group.ready === 2, "another has taken its place");
    assert.deepEqual(told(await counts.read()), { [first.version]: [20, 20], [next.version]: [7, 7] });
  });

  it("go by another name of what is in force from when that is told", async () => {
    const { call, counts, first, switchover } = await started();
    await call(2);
    switchover.adopt({ ...first, version: "renamed" }, first.version);
    // Both have it: what is said to them keeps its order.
    await counts.read();
    await call(4);
    assert.deepEqual(told(await counts.read()), { [first.version]: [2, 2], renamed: [4, 4] });
  });

  it("have all that was counted until the end, also what nobody had asked for", async () => {
    const { call, counts, first, group } = await started();
    await call(4);
    assert.equal(await group.drain(5_000), true);
    assert.deepEqual(told(await counts.read()), { [first.version]: [4, 4] });
  });

  it("are given up in workers, too, once they have been reported and newer ones have come", async () => {
    const { at, call, counts, first, group, switchover } = await started();
    await call(2);
    let inForce = first;
    for (let i = 1; i <= 10; i++) {
      const next = at(i);
      await switchover.apply(next, inForce);
      inForce = next;
    }
    const known = async (): Promise<readonly string[][]> => {
      const answers = group.serving.map((worker) => worker.ask({ kind: "counts", acknowledged: 0 }, 5_000));
      return (await Promise.all(answers)).map((text) => [...(JSON.parse(text) as CountsReading).versions]);
    };
    assert.ok((await known()).every((versions) => versions.includes(first.version)));
    for (let i = 0; i < 2; i++) counts.acknowledge((await counts.read()).id);
    assert.ok((await known()).every((versions) => !versions.includes(first.version) && versions.length === 8));
  });
});
