import assert from "node:assert/strict";
import type { EtcdOptions } from "../../../src/etcd/options.ts";
import { EtcdWatch } from "../../../src/etcd/watch.ts";
import { clientOfFakes } from "../../support/etcd-client.ts";
import { event, type FakeHandlers, type FakeWatch, failure, never, status } from "../../support/fake-etcd.ts";
import { Owned } from "../../support/owned.ts";
import { turns, until } from "../../support/until.ts";

describe("a watch of etcd", () => {
  const owned = new Owned();
  afterEach(() => owned.close());

  /** A watch from revision 4 on; each stream that it begins. */
  async function begin(size: number, handlers: Partial<FakeHandlers> = {}, more: Partial<EtcdOptions> = {}) {
    const streams: { readonly member: number; readonly watch: FakeWatch }[] = [];
    const members = Array.from({ length: size }, (_, member) => ({
      ...handlers,
      watch: (watch: FakeWatch) => void streams.push({ member, watch }),
    }));
    const { client, clock, fakes } = await clientOfFakes(owned, members, more);
    const told: [number, string[]][] = [];
    const lost: string[] = [];
    let resumed = 0;
    const watch = owned.add(
      new EtcdWatch(client, Buffer.from("p/"), 4, {
        changed: (revision, events) => told.push([revision, events.map(({ kv }) => kv.key.toString())]),
        lost: (why) => lost.push(why),
        resumed: () => {
          resumed++;
        },
      }),
    );
    const stream = async (index: number, stepMs = 1) => {
      // Pauses between tries are over at once.
      await until(() => {
        if (streams.length <= index) clock.advance(stepMs);
        return streams.length > index;
      }, `stream ${index} was begun`);
      const found = streams[index];
      assert.ok(found);
      return { member: found.member, watch: found.watch, begun: await found.watch.begun };
    };
    return { watch, clock, told, lost, stream, fakes, streams, resumed: () => resumed };
  }

  it("begins after the revision that is known, wants fragments and a leader", async () => {
    const { stream } = await begin(1);
    const { begun, watch } = await stream(0);
    assert.equal(begun.start_revision, "5");
    assert.equal(begun.fragment, true);
    assert.deepEqual(watch.metadata.get("hasleader"), ["true"]);
  });

  it("goes on elsewhere after the last revision that came whole", async () => {
    const { stream, told } = await begin(3);
    const first = await stream(0);
    await first.watch.create();
    first.watch.tell([event("p/a", 5, "1"), event("p/a", 6, "1")], true);
    await until(() => told.length === 1, "the first revision was told");
    first.watch.fail(status.UNAVAILABLE, "etcdserver: no leader");
    const second = await stream(1);
    assert.deepEqual([first.member, second.member, second.begun.start_revision], [0, 1, "6"]);
    await second.watch.create();
    second.watch.tell([event("p/a", 6, "1"), event("p/b", 6, "1")]);
    await until(() => told.length === 2, "the second was");
    assert.deepEqual(told, [
      [5, ["p/a"]],
      [6, ["p/a", "p/b"]],
    ]);
  });

  it("says that it goes on, once another stream has begun", async () => {
    const { stream, resumed } = await begin(2);
    const first = await stream(0);
    await first.watch.create();
    first.watch.end();
    const second = await stream(1);
    assert.equal(resumed(), 0);
    await second.watch.create();
    await until(() => resumed() === 1, "it was said");
  });

  it("goes on where a member ends the stream without a word", async () => {
    const { stream } = await begin(2);
    (await stream(0)).watch.end();
    assert.equal((await stream(1)).member, 1);
  });

  it("leaves a member that says nothing for its patience, and not one that answers what it is asked", async () => {
    const { stream, clock, streams } = await begin(2);
    const { watch } = await stream(0);
    await watch.create();
    for (let asked = 1; asked <= 5; asked++) {
      await turns(50);
      clock.advance(1_600);
      await until(() => watch.asked === asked, "it was asked");
      watch.say({ watch_id: "-1", header: { revision: "100" } });
      await turns(50);
    }
    assert.equal(streams.length, 1);
    const beganMs = clock.nowMs();
    for (let step = 0; step < 3; step++) clock.advance(1_600);
    assert.equal((await stream(1)).member, 1);
    assert.ok(clock.nowMs() - beganMs < 6_000);
  });

  it("takes the revision of etcd's own notifications, and none of those that it asks for", async () => {
    const { stream } = await begin(2);
    const first = await stream(0);
    await first.watch.create();
    first.watch.say({ watch_id: "-1", header: { revision: "90" } });
    first.watch.end();
    const second = await stream(1);
    assert.equal(second.begun.start_revision, "5");
    await second.watch.create();
    second.watch.say({ watch_id: "0", header: { revision: "80" } });
    second.watch.end();
    assert.equal((await stream(2)).begun.start_revision, "81");
  });

  it("ends where etcd no longer keeps what it needs, once", async () => {
    const { stream, lost, streams, told } = await begin(2);
    const { watch } = await stream(0);
    watch.say({ created: true, canceled: true, compact_revision: "9" });
    watch.say({ events: [event("p/a", 9, "1")] });
    await until(() => lost.length > 0, "it was lost");
    await turns(50);
    assert.deepEqual([lost, streams.length, told], [["etcd keeps nothing before revision 9"], 1, []]);
  });

  for (const said of ["has been compacted", "is a future revision"]) {
    it(`ends where the revision that it knows ${said}, though etcd would begin it`, async () => {
      const range = () => {
        throw failure(status.OUT_OF_RANGE, `etcdserver: mvcc: required revision ${said}`);
      };
      const { stream, lost } = await begin(2, { range });
      await (await stream(0)).watch.create();
      await until(() => lost.length > 0, "it was lost");
      assert.deepEqual(lost, ["etcd does not keep revision 4"]);
    });
  }

  it("signs in anew where a member denies it: that is what some say of an old token", async () => {
    let tokens = 0;
    const authenticate = () => ({ token: `${++tokens}` });
    const { stream } = await begin(2, { authenticate }, { user: { name: "a", password: "b" } });
    const first = await stream(0);
    first.watch.say({ created: true, canceled: true, cancel_reason: "etcdserver: permission denied" });
    const second = await stream(1);
    assert.deepEqual(
      [first, second].map(({ watch }) => watch.metadata.get("token")),
      [["1"], ["2"]],
    );
  });

  it("pauses once every member has failed, longer each time, up to a second", async () => {
    const { stream, clock } = await begin(1);
    const pausesMs: number[] = [];
    for (let index = 0; index < 8; index++) {
      const { watch } = await stream(index, 20);
      const beganMs = clock.nowMs();
      watch.end();
      await stream(index + 1, 20);
      pausesMs.push(clock.nowMs() - beganMs);
    }
    const grown = [25, 50, 100, 200, 400, 500, 500, 500];
    for (const [index, pauseMs] of pausesMs.entries()) assert.ok(pauseMs >= (grown[index] ?? 0), `${pausesMs}`);
    assert.ok(pausesMs.every((pauseMs) => pauseMs < 1_000));
  });

  it("hears nothing any more of a stream that it has given up", async () => {
    const { stream, told } = await begin(2);
    const first = await stream(0);
    first.watch.say({ created: true, canceled: true, cancel_reason: "etcdserver: no leader" });
    for (let revision = 5; revision < 200; revision++) first.watch.tell([event("p/a", revision, "1")]);
    assert.equal((await stream(1)).begun.start_revision, "5");
    await turns(100);
    assert.deepEqual(told, []);
  });

  it("tells nothing once it is closed, and leaves no timer", async () => {
    const { stream, told, watch: closed, clock } = await begin(1);
    const { watch } = await stream(0);
    await watch.create();
    closed.close();
    watch.tell([event("p/a", 5, "1")]);
    await until(() => clock.pending === 0, "no timer is left");
    await turns(50);
    assert.deepEqual(told, []);
  });

  it("waits for a member that can't say whether the revision is kept", async () => {
    const { stream, lost, clock } = await begin(2, { range: () => never });
    await (await stream(0)).watch.create();
    for (let step = 0; step < 60; step++) {
      await turns(5);
      clock.advance(100);
    }
    assert.equal((await stream(1)).begun.start_revision, "5");
    assert.deepEqual(lost, []);
  });
});
