import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Door, type RawHandle } from "../../../src/transport/door.ts";
import type { Group } from "../../../src/workers/group.ts";
import { connectTo } from "../../support/h2-peer.ts";
import { Owned } from "../../support/owned.ts";
import { scriptedGroup } from "../../support/scripted-group.ts";

import { until } from "../../support/until.ts";

const own = new Owned();
const snapshot = { version: "v1", source: "test", routes: [] };
const setUp = (workers: number, script: string) => own.add(scriptedGroup(workers, script));

/** A connection that only notes whether it was closed: a scripted worker that is none gets nothing. */
function connection(): RawHandle & { closed: boolean } {
  return {
    closed: false,
    close() {
      this.closed = true;
    },
  };
}

/** A port whose connections a group gets. */
async function doorTo(group: Group): Promise<string> {
  const door = own.add(new Door({ backlog: 8, onRefused: () => undefined }, (handle) => group.hand(handle)));
  return await door.listen({ kind: "tcp", host: "127.0.0.1", port: 0 });
}

/** Connects, and resolves once the connection is greeted or closed. */
async function callers(group: Group): Promise<() => Promise<Socket>> {
  const address = await doorTo(group);
  return async () => {
    const socket = connectTo(address).on("error", () => undefined);
    own.add({ close: () => socket.destroy() });
    await Promise.race([once(socket, "data"), once(socket, "close")]);
    return socket;
  };
}

describe("a group of workers", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("says so where one ends before it is ready", async () => {
    const { group } = setUp(2, "ends");
    await assert.rejects(group.start(snapshot), /worker \d ended before it was ready/);
  });

  it("ends at once where it is told to before any worker listens: they have no calls", async () => {
    const { group } = setUp(2, "works");
    const started = assert.rejects(group.start(snapshot), /told to end before all were ready/);
    assert.equal(await group.drain(10_000), true);
    await started;
  });

  it("ends in order where it is told to while its workers start", async () => {
    const { group } = setUp(2, "dawdles");
    const started = assert.rejects(group.start(snapshot), /told to end before all were ready/);
    await until(() => group.begun.length === 2, "both have their start");
    assert.equal(await group.drain(10_000), true);
    await started;
  });

  it("does not wait for a worker that was about to take another's place, and ends in order", async () => {
    const { clock, group, kinds } = setUp(2, "works");
    await group.start(snapshot);
    group.alive[0]?.kill();
    await until(() => kinds("worker_ended") === 1, "it has ended");
    clock.advance(100);
    assert.deepEqual([group.alive.length, group.begun.length], [2, 1]);
    assert.equal(await group.drain(10_000), true);
  });

  it("replaces one that says nothing for ten questions, and not before", async () => {
    const { clock, events, group, kinds } = setUp(1, "mute");
    await group.start(snapshot);
    const [worker] = group.alive;
    for (let second = 0; second < 11; second++) {
      assert.deepEqual([kinds("worker_silent"), worker?.gone], [0, false]);
      clock.advance(1_000);
      await until(() => true, "promises have been told");
    }
    await until(() => kinds("worker_ended") === 1, "it is made to end");
    assert.equal(kinds("worker_silent"), 1);
    assert.deepEqual([group.restarts, group.ready], [1, 0]);
    clock.advance(100);
    await until(() => group.ready === 1, "another is in its place");
    assert.equal(events.at(-1)?.kind, "worker_started");
  });

  it("waits longer before each new attempt, up to five seconds", async () => {
    const { clock, events, group, kinds } = setUp(1, "works");
    await group.start(snapshot);
    const pauses = (): number[] => events.flatMap((event) => (event.kind === "worker_ended" ? event.restartInMs : []));
    for (let i = 1; i <= 10; i++) {
      group.alive[0]?.kill();
      await until(() => kinds("worker_ended") === i, "it has ended");
      clock.advance(pauses().at(-1) ?? 0);
      await until(() => group.ready === 1, "another is in its place");
    }
    assert.deepEqual(pauses(), [100, 160, 256, 410, 655, 1049, 1678, 2684, 4295, 5000]);
    clock.advance(61_000);
    group.alive[0]?.kill();
    await until(() => kinds("worker_ended") === 11, "it has ended");
    assert.equal(pauses().at(-1), 100, "one that lived long begins anew");
  });

  it("tries again later where another can't even be started", async () => {
    const { args, clock, events, group, kinds } = setUp(1, "works");
    await group.start(snapshot);
    args[0] = "what no system takes: \0";
    group.alive[0]?.kill();
    await until(() => kinds("worker_ended") === 1, "it has ended");
    clock.advance(100);
    const last = events.at(-1);
    assert.ok(last?.kind === "worker_ended" && last.pid === undefined && last.how.includes("null bytes"));
    assert.deepEqual([last.restartInMs, group.restarts, group.ready], [160, 2, 0]);
    args[0] = "works";
    clock.advance(160);
    await until(() => group.ready === 1, "another is in its place");
  });

  it("keeps connections for a worker to come, as many as it may, and closes them when it ends", async () => {
    const { group, kinds } = setUp(1, "works");
    await group.start(snapshot);
    group.alive[0]?.kill();
    await until(() => kinds("worker_ended") === 1, "it has ended");
    const [kept, beyond] = [connection(), connection()];
    group.hand(kept);
    group.hand(beyond);
    assert.deepEqual([kept.closed, beyond.closed], [false, true]);
    await group.drain(0);
    assert.equal(kept.closed, true);
  });

  it("has room again for as many as a worker had that ended", async () => {
    const { clock, group, kinds } = setUp(2, "takes");
    await group.start(snapshot);
    const dial = await callers(group);
    const first = [await dial(), await dial(), await dial()]; // as many as may be open
    group.alive[0]?.kill();
    await until(() => kinds("worker_ended") === 1, "it has ended");
    await until(() => first.filter(({ closed }) => closed).length === 2, "its two connections are closed");
    assert.equal((await dial()).closed, false);
    clock.advance(100);
    await until(() => group.ready === 2, "another is in its place");
    assert.equal((await dial()).closed, false);
    assert.equal((await dial()).closed, true);
  });

  it("gives those that are left no more than each can take, while another is away", async () => {
    const { group, kinds } = setUp(2, "takes");
    await group.start(snapshot);
    const dial = await callers(group);
    group.alive[0]?.kill();
    await until(() => kinds("worker_ended") === 1, "it has ended");
    assert.equal((await dial()).closed, false);
    assert.equal((await dial()).closed, false);
    assert.equal((await dial()).closed, true);
    assert.equal(group.alive[0]?.connections, 2);
  });

  it("hands a connection out again that got lost on the way to its worker", async () => {
    const { clock, events, group, kinds } = setUp(1, "forgets");
    await group.start(snapshot);
    const socket = connectTo(await doorTo(group));
    own.add({ close: () => socket.destroy() });
    await until(() => group.alive[0]?.connections === 1, "it is on its way");
    clock.advance(1_000);
    await until(() => kinds("connections_lost") === 1, "the loss is noticed");
    assert.deepEqual(events.at(-1), { kind: "connections_lost", worker: 1, count: 1 });
    await once(socket, "data");
    assert.equal(group.alive[0]?.connections, 1);
  });

  it("hears the last words of a worker whose exit is known before they are read", async () => {
    const { group } = setUp(1, "bequeaths");
    await group.start(snapshot);
    assert.equal(await group.drain(10_000), true);
  });

  it("makes those end that a drain's time does not suffice for", async () => {
    const { clock, group } = setUp(2, "mute");
    await group.start(snapshot);
    const drained = group.drain(500);
    clock.advance(1_500);
    assert.equal(await drained, false);
  });
});
