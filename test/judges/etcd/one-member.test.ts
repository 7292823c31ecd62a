/** One member that is compacted, killed and started again, paused, wants a password or a certificate. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { type Store, storeBounds } from "../../../src/control/store.ts";
import { Authority } from "../../support/certificates.ts";
import { Etcd } from "../../support/etcd.ts";
import { Owned } from "../../support/owned.ts";
import { committed, del, put, RecordingWatcher } from "../../support/store-contract.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { ToxicRelay } from "../../support/toxic-relay.ts";
import { versions } from "./versions.ts";
import { CountingWatcher, count, openStore, timed } from "./world.ts";

for (const { version, binary } of versions) {
  describe(`one member of etcd ${version}`, function () {
    this.timeout(60_000);
    const owned = new Owned();
    let etcd: Etcd;
    let store: Store;
    /** One for all tests, each under a prefix of its own. */
    let prefix: string;
    let tests = 0;

    before(async () => {
      etcd = await Etcd.start(binary);
    });

    after(() => etcd.close());

    beforeEach(async () => {
      prefix = `test${++tests}/`;
      store = owned.add(await openStore(etcd, { prefix }));
    });

    afterEach(() => owned.close());

    it("ends a watch that begins before what it keeps, and lets one begin after", async () => {
      const first = await committed(store, [put("a", "1")]);
      for (let i = 0; i < 5; i++) await committed(store, [put("a", `${i}`)]);
      const now = (await store.get("")).revision;
      await etcd.compact(now);
      const old = new RecordingWatcher();
      store.watch("", first, old);
      assert.match(await old.end(), /etcd keeps nothing before|does not keep/);
      const fresh = new RecordingWatcher();
      store.watch("", now, fresh);
      await committed(store, [put("b", "1")]);
      await fresh.saw("b");
      assert.deepEqual([old.told, old.ended.length, fresh.ended], [[], 1, []]);
    });

    it("ends a watch whose next revision is the oldest that is kept, and was a deletion", async () => {
      const first = await committed(store, [put("a", "1"), put("b", "1")]);
      const deleted = await committed(store, [del("a")]);
      await etcd.compact(deleted);
      const watcher = new RecordingWatcher();
      store.watch("", first, watcher);
      assert.match(await watcher.end(), /does not keep revision/);
    });

    it("goes on with a watch that is up to date while the past is compacted", async () => {
      const watcher = new CountingWatcher();
      store.watch("n", (await store.get("")).revision, watcher);
      for (let i = 1; i <= 10; i++) {
        await count(store, i);
        await etcd.compact((await store.get("")).revision);
      }
      await watcher.saw(10);
      watcher.holds(10);
    });

    it("loses and doubles no commit in a watch, and none that it confirmed, over kills", async () => {
      const watcher = new CountingWatcher();
      store.watch("n", (await store.get("")).revision, watcher);
      for (let i = 1; i <= 30; i++) {
        const restarting = i % 10 === 0 ? etcd.first.restart() : undefined;
        await count(store, i);
        await restarting;
      }
      await watcher.saw(30);
      watcher.holds(30);
      assert.equal((await store.get("n")).entries[0]?.value, "30");
    });

    it("tells of what was committed while a watch was cut off", async () => {
      const watcher = new CountingWatcher();
      store.watch("n", (await store.get("")).revision, watcher);
      await count(store, 1);
      await watcher.saw(1);
      etcd.first.pause();
      const counting = count(store, 2);
      await assert.rejects(store.get(""), { code: "STORE_UNAVAILABLE" });
      etcd.first.resume();
      await counting;
      await count(store, 3);
      await watcher.saw(3);
      watcher.holds(3);
    });

    it("tells of what others committed while a watch had no connection", async () => {
      const relay = owned.add(await ToxicRelay.start(() => new URL(etcd.first.endpoint).host));
      const cutOff = owned.add(await openStore(etcd, { endpoints: [`http://${relay.address}`], prefix }));
      const watcher = new CountingWatcher();
      cutOff.watch("n", (await store.get("")).revision, watcher);
      await count(store, 1);
      await watcher.saw(1);
      relay.be("hold");
      relay.reset();
      for (let i = 2; i <= 6; i++) await count(store, i);
      relay.be("pass");
      await count(store, 7);
      await watcher.saw(7);
      watcher.holds(7);
    });

    it("says within its time what is wrong with which member, where none answers", async () => {
      await etcd.first.kill();
      try {
        const refused = {
          code: "STORE_UNAVAILABLE",
          message: /^\[STORE_UNAVAILABLE\] etcd does not answer: http:\/\/127\.0\.0\.1:\d+: .*REFUSED/,
        };
        const tookMs = await timed(assert.rejects(store.get(""), refused));
        assert.ok(tookMs < 6_500, `${tookMs} ms`);
        await assert.rejects(store.commit({ when: [], changes: [put("a", "1")] }), refused);
        await assert.rejects(openStore(etcd), { code: "STORE_UNAVAILABLE", message: /REFUSED/ });
      } finally {
        await etcd.first.restart();
      }
    });

    const cuts = ["hold", "close"] as const;
    for (const cut of cuts) {
      it(`tells the holder of a lease whose connections ${cut} before its key can be claimed`, async () => {
        const relay = owned.add(await ToxicRelay.start(() => new URL(etcd.first.endpoint).host));
        const holder = owned.add(await openStore(etcd, { endpoints: [`http://${relay.address}`], prefix }));
        const next = await store.lease(20_000, () => undefined);
        const watcher = new RecordingWatcher();
        store.watch("leader", (await store.get("")).revision, watcher);
        const lost = Promise.withResolvers<number>();
        const lease = await holder.lease(3_000, () => lost.resolve(performance.now()));
        assert.equal(await lease.claim("leader", "me"), true);
        if (cut === "hold") relay.be("hold");
        else await relay.close();
        await watcher.sawDeleted("leader");
        const goneMs = performance.now();
        assert.equal(await next.claim("leader", "other"), true);
        assert.ok((await lost.promise) < goneMs);
        await assert.rejects(lease.put("leader", "me"), { code: "STORE_UNAVAILABLE" });
      });
    }

    it("tells the holder of a lease that somebody else has ended", async () => {
      const lost = Promise.withResolvers<string>();
      const lease = await store.lease(3_000, lost.resolve);
      await lease.claim("leader", "me");
      const { leases } = await etcd.first.ask<{ leases: readonly { ID: string }[] }>("lease/leases", {});
      for (const { ID } of leases) await etcd.first.ask("lease/revoke", { ID });
      assert.match(await lost.promise, /etcd has ended the lease/);
    });

    it("keeps a lease for longer than its time while its holder is well", async () => {
      const lost: string[] = [];
      const lease = await store.lease(2_000, (why) => lost.push(why));
      await lease.claim("leader", "me");
      const began = performance.now();
      while (performance.now() - began < 5_000) await store.get("leader");
      assert.equal((await store.get("leader")).entries.length, 1);
      assert.deepEqual(lost, []);
    });

    it("reads hundreds of the largest values as of one revision, while others write", async () => {
      // Two of them go into one commit, with their keys.
      const large = "x".repeat(storeBounds.valueBytes - 100);
      const start = (await store.get("")).revision;
      for (let i = 0; i < 140; i += 2) await committed(store, [put(`v/${100 + i}`, large), put(`v/${101 + i}`, large)]);
      const reading = store.get("v/");
      const writing = Array.from({ length: 20 }, (_, i) => committed(store, [put(`v/${239 - i}`, "small")]));
      const { entries, revision } = await reading;
      assert.equal(entries.length, 140);
      for (const entry of entries) assert.ok(entry.revision <= revision);
      const written = await Promise.all(writing);
      const small = entries.filter(({ value }) => value === "small").map((entry) => entry.revision);
      assert.deepEqual(small.toSorted(), written.filter((at) => at <= revision).toSorted());
      // Far behind, a watch gets them in fragments.
      const watcher = new RecordingWatcher();
      store.watch("v/", start, watcher);
      await watcher.saw("v/239");
      await committed(store, [put("v/end", "x")]);
      await watcher.saw("v/end");
      assert.equal(watcher.told.length, 70 + 20 + 1);
      for (const { changes } of watcher.told.slice(0, 70)) assert.equal(changes.length, 2);
    });
  });

  describe(`one member of etcd ${version} that wants to know who asks`, function () {
    this.timeout(60_000);
    const owned = new Owned();

    afterEach(() => owned.close());

    it("signs in, again where the member has forgotten who it is, and says so where it may not", async () => {
      const etcd = owned.add(await Etcd.start(binary));
      const store = owned.add(await openStore(etcd));
      const user = { name: "contender", password: "secret" };
      await etcd.requireUser(user.name, user.password, "contender/");
      await assert.rejects(store.get(""), { code: "STORE_UNAVAILABLE", message: /user name is empty/ });
      await assert.rejects((await openStore(etcd, { user: { ...user, password: "wrong" } })).get(""), {
        code: "STORE_UNAVAILABLE",
        message: /authentication failed/,
      });
      const known = owned.add(await openStore(etcd, { user }));
      const watcher = new CountingWatcher();
      known.watch("n", (await known.get("")).revision, watcher);
      const lost: string[] = [];
      const lease = await known.lease(6_000, (why) => lost.push(why));
      await lease.put("held", "x");
      await count(known, 1);
      await etcd.first.restart();
      await etcd.forgetTokens(user.name, user.password);
      await count(known, 2);
      await watcher.saw(2);
      watcher.holds(2);
      const elsewhere = owned.add(await openStore(etcd, { user, prefix: "other/" }));
      await assert.rejects(elsewhere.get(""), { code: "STORE_UNAVAILABLE", message: /permission denied/ });
      await lease.put("held", "y");
      assert.deepEqual(lost, []);
      await lease.close();
      assert.deepEqual((await known.get("held")).entries, []);
    });

    it("takes who shows a certificate, and is taken only where its own is trusted", async () => {
      const folder = owned.add(new TempFolder());
      const authority = await Authority.create();
      const { cert, key } = await authority.sign({ ip: ["127.0.0.1"] });
      const files = { ca: folder.at("ca.pem"), cert: folder.at("cert.pem"), key: folder.at("key.pem") };
      writeFileSync(files.ca, authority.cert);
      writeFileSync(files.cert, cert);
      writeFileSync(files.key, key);
      const etcd = owned.add(await Etcd.start(binary, 1, files));
      const ca = readFileSync(files.ca);
      const tls = { ca, cert: Buffer.from(cert), key: Buffer.from(key) };
      const store = owned.add(await openStore(etcd, { tls }));
      await committed(store, [put("a", "1")]);
      assert.equal((await store.get("a")).entries[0]?.value, "1");
      await assert.rejects(openStore(etcd, { tls: { ca } }), { code: "STORE_UNAVAILABLE" });
      await assert.rejects(openStore(etcd), { code: "STORE_UNAVAILABLE", message: /certificate/ });
    });
  });
}
