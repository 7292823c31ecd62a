/** Three members, of which some are killed or paused: what was confirmed stays, and whoever can go on goes on. */
import assert from "node:assert/strict";
import type { Store } from "../../../src/control/store.ts";
import { Etcd, type EtcdMember } from "../../support/etcd.ts";
import { Owned } from "../../support/owned.ts";
import { versions } from "./versions.ts";
import { CountingWatcher, count, openStore, timed } from "./world.ts";

for (const { version, binary } of versions) {
  describe(`three members of etcd ${version}`, function () {
    this.timeout(90_000);
    const owned = new Owned();
    let etcd: Etcd;
    let store: Store;
    let watcher: CountingWatcher;
    let leader: EtcdMember;
    let followers: readonly EtcdMember[];

    beforeEach(async () => {
      etcd = owned.add(await Etcd.start(binary, 3));
      ({ leader, followers } = await etcd.roles());
    });

    afterEach(() => owned.close());

    /** A store that speaks to this member first, and a watch of it. */
    async function begin(first: EtcdMember): Promise<void> {
      const endpoints = [first, ...etcd.members.filter((member) => member !== first)].map(({ endpoint }) => endpoint);
      store = owned.add(await openStore(etcd, { endpoints }));
      watcher = new CountingWatcher();
      store.watch("n", (await store.get("")).revision, watcher);
      for (let i = 1; i <= 3; i++) await count(store, i);
      await watcher.saw(3);
    }

    async function goOn(): Promise<void> {
      for (let i = 4; i <= 8; i++) await count(store, i);
      await watcher.saw(8);
      watcher.holds(8);
    }

    const whom = [
      ["the leader, which it speaks to", () => leader, () => leader],
      ["the leader, while it speaks to another", () => leader, () => followers[0]],
      ["a follower, which it speaks to", () => followers[0], () => followers[0]],
    ] as const;
    for (const [who, victim, spokenTo] of whom) {
      it(`go on within seconds after SIGKILL of ${who}`, async () => {
        await begin(spokenTo() ?? leader);
        await victim()?.kill();
        assert.ok((await timed(goOn())) < 15_000);
      });

      it(`go on within seconds after SIGSTOP of ${who}`, async () => {
        await begin(spokenTo() ?? leader);
        victim()?.pause();
        assert.ok((await timed(goOn())) < 15_000);
        victim()?.resume();
        await count(store, 9);
        await watcher.saw(9);
        watcher.holds(9);
      });
    }

    it("keep a lease while the leader is killed", async () => {
      await begin(leader);
      const lost: string[] = [];
      const lease = await store.lease(8_000, (why) => lost.push(why));
      await lease.claim("leader", "me");
      await leader.kill();
      const began = performance.now();
      await goOn();
      while (performance.now() - began < 9_000) await store.get("leader").catch(() => undefined);
      assert.equal((await store.get("leader")).entries.length, 1);
      assert.deepEqual(lost, []);
    });

    it("say so within the time of a call where two are gone, and go on once one is back", async () => {
      await begin(leader);
      for (const follower of followers) await follower.kill();
      const asked = [store.get(""), store.commit({ when: [], changes: [{ key: "x", value: "1" }] })];
      const refused = { code: "STORE_UNAVAILABLE", message: /127\.0\.0\.1:\d+: / };
      const tookMs = await timed(Promise.all(asked.map((each) => assert.rejects(each, refused))));
      assert.ok(tookMs < 6_500, `${tookMs} ms`);
      await followers[0]?.restart();
      await goOn();
    });

    it("tell a watch on a member without a leader's majority nothing stale, and all once it has one", async () => {
      await begin(followers[0] ?? leader);
      await Promise.all([leader.kill(), followers[1]?.kill()]);
      await leader.restart();
      await goOn();
    });
  });
}
