/** A configuration for a group of scripted workers: all take it, one refuses, one never answers. */
import assert from "node:assert/strict";
import { Switchover } from "../../../src/workers/switchover.ts";
import { Owned } from "../../support/owned.ts";
import { scriptedGroup } from "../../support/scripted-group.ts";
import { until } from "../../support/until.ts";

const own = new Owned();
const snapshotOf = (version: string) => ({ version, source: "test", routes: [] });

async function setUp(script: string) {
  const scripted = own.add(scriptedGroup(3, script));
  const switchover = new Switchover(scripted.group, {});
  await switchover.start(snapshotOf("v1"));
  const versions = (): string[] => switchover.versions().map(({ config }) => config);
  return { ...scripted, switchover, versions };
}

describe("a configuration for several workers", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("is in force in all once all have planned it", async () => {
    const { switchover, versions } = await setUp("works");
    assert.deepEqual(versions(), ["v1", "v1", "v1"]);
    assert.deepEqual(await switchover.apply(snapshotOf("v2"), snapshotOf("v1")), []);
    assert.deepEqual(versions(), ["v2", "v2", "v2"]);
  });

  it("goes by another version in all once that is so, those that begin later included", async () => {
    const { clock, group, switchover, versions } = await setUp("works");
    await switchover.apply(snapshotOf("v2"), snapshotOf("v1"));
    switchover.adopt(snapshotOf("v3"), "v2");
    assert.deepEqual(versions(), ["v3", "v3", "v3"]);
    group.alive[0]?.kill();
    await until(() => group.ready === 2, "it has ended");
    clock.advance(100);
    await until(() => group.ready === 3, "another is in its place");
    assert.deepEqual(versions(), ["v3", "v3", "v3"]);
  });

  it("is in force in none where one refuses, which is named", async () => {
    const { switchover, versions } = await setUp("refuse");
    assert.deepEqual(await switchover.apply(snapshotOf("v2"), snapshotOf("v1")), [
      { path: "routes", message: "worker 2: not for me" },
    ]);
    assert.deepEqual(versions(), ["v1", "v1", "v1"]);
  });

  it("ends one that began while the others planned it, and refuses it when they have taken it", async () => {
    const { clock, group, kinds, switchover, versions } = await setUp("refuse");
    const [first, second] = group.alive;
    second?.kill();
    await until(() => kinds("worker_ended") === 1, "it has ended");
    process.kill(first?.pid ?? 0, "SIGSTOP"); // what it has to say to the configuration comes when we want it
    clock.advance(100);
    const applied = switchover.apply(snapshotOf("v2"), snapshotOf("v1"));
    await until(() => group.ready === 3, "another is in its place");
    process.kill(first?.pid ?? 0, "SIGCONT");
    assert.deepEqual(await applied, []);
    await until(() => kinds("worker_ended") === 2, "it has ended too");
    clock.advance(1_000);
    await until(() => group.ready === 3, "the next is in its place");
    assert.deepEqual(versions(), ["v2", "v2", "v2"]);
  });

  it("does not wait for ever for one that says nothing: it is ended, and who takes its place begins with it", async () => {
    const { clock, group, kinds, switchover, versions } = await setUp("stuck");
    const applied = switchover.apply(snapshotOf("v2"), snapshotOf("v1"));
    // The channel keeps order: who answers this has answered the other.
    await Promise.all(group.alive.map((worker) => worker.number !== 2 && worker.ask({ kind: "ping" }, 1_000)));
    clock.advance(10_000);
    assert.deepEqual(await applied, []);
    await until(() => kinds("worker_ended") === 1, "the silent one has ended");
    clock.advance(100);
    await until(() => group.ready === 3, "another is in its place");
    assert.deepEqual(versions(), ["v2", "v2", "v2"]);
  });
});
