import assert from "node:assert/strict";
import { openOn } from "../../../../src/control/embedded/open.ts";
import { storeBounds } from "../../../../src/control/store.ts";
import { contentsOf, loneProcess, openAlone } from "../../../support/embedded-world.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { mixer } from "../../../support/mixer.ts";
import { PowerDisk } from "../../../support/power-disk.ts";
import { committed, del, put, RecordingWatcher } from "../../../support/store-contract.ts";
import { turns } from "../../../support/until.ts";

describe("the embedded store", () => {
  let disk: PowerDisk;

  beforeEach(() => {
    disk = new PowerDisk();
  });

  const syncs = () => disk.operations.filter((operation) => operation.startsWith("sync journal")).length;

  it("writes commits that wait together with one sync", async () => {
    const store = await openAlone(disk);
    const before = syncs();
    await Promise.all(Array.from({ length: 100 }, (_, i) => committed(store, [put(`k${i}`, "x")])));
    assert.equal(syncs() - before, 1);
  });

  it("bounds what it writes together by its length", async () => {
    const store = await openAlone(disk);
    const before = syncs();
    const value = "x".repeat(storeBounds.valueBytes);
    await Promise.all(Array.from({ length: 32 }, (_, i) => committed(store, [put(`k${i % 2}`, value)])));
    assert.ok(syncs() - before >= 2);
    assert.ok(Math.max(...[...disk.files().values()].map(({ length }) => length)) < 20_000_000);
  });

  it("goes on after each group, however soon the next is asked for", async () => {
    const store = await openAlone(disk);
    const chain = async (n: number): Promise<void> => {
      await committed(store, [put("n", `${n}`)]);
      if (n < 200) await chain(n + 1);
    };
    await Promise.all([chain(0), chain(100), chain(150)]);
    assert.equal((await store.get("")).entries.length, 1);
  });

  it("keeps a commit as it was given, whatever becomes of the object", async () => {
    const store = await openAlone(disk);
    const change = { key: "a", value: "given" };
    const commit = store.commit({ when: [], changes: [change] });
    change.value = "changed";
    await commit;
    assert.deepEqual(await contentsOf(store), [["a", "given"]]);
  });

  it("acknowledges and shows nothing before its sync", async () => {
    const store = await openAlone(disk);
    const watcher = new RecordingWatcher();
    store.watch("", 1, watcher);
    const going = Promise.withResolvers<void>();
    disk.holds = (operation) => (operation.startsWith("sync") ? going.promise : undefined);
    let acknowledged = false;
    const commit = committed(store, [put("a", "1")]).then(() => {
      acknowledged = true;
    });
    await turns();
    assert.deepEqual([acknowledged, watcher.told, (await store.get("")).entries], [false, [], []]);
    going.resolve();
    await commit;
    assert.equal(watcher.told.length, 1);
  });

  it("uses up a revision at each opening, so that none is told for two contents", async () => {
    for (const revision of [1, 2, 3]) {
      const store = await openAlone(disk);
      assert.equal((await store.get("")).revision, revision);
      await store.close();
    }
  });

  it("still does what was asked for before it is closed, and nothing after", async () => {
    const store = await openAlone(disk);
    const before = committed(store, [put("a", "1")]);
    const closing = store.close();
    await assert.rejects(store.commit({ when: [], changes: [put("b", "1")] }), {
      code: "STORE_UNAVAILABLE",
      message: "[STORE_UNAVAILABLE] dir:disk: closed",
    });
    await assert.rejects(store.get(""), { code: "STORE_UNAVAILABLE" });
    await before;
    await closing;
    await store.close();
    assert.deepEqual(await contentsOf(await openAlone(disk)), [["a", "1"]]);
  });

  it("leaves no timer behind", async () => {
    const clock = new ManualClock();
    const store = await openOn(disk, loneProcess, { clock, chance: { next: mixer(1) } });
    await committed(store, [put("a", "1")]);
    await store.close();
    assert.equal(clock.pending, 0);
  });

  it("ends a lease whose end the disk refused once the disk is back", async () => {
    const clock = new ManualClock();
    const store = await openOn(disk, loneProcess, { clock, chance: { next: mixer(1) } });
    const watcher = new RecordingWatcher();
    const lease = await store.lease(1_000, () => assert.fail("lost"));
    await lease.put("leased", "1");
    store.watch("", (await store.get("")).revision, watcher);
    disk.fateOf = (operation) => (/^(append|create)/.test(operation) ? "refused" : "done");
    await lease.close();
    clock.advance(1_000);
    await turns();
    assert.equal((await store.get("")).entries.length, 1);
    disk.fateOf = () => "done";
    clock.advance(1_000);
    await watcher.sawDeleted("leased");
    assert.deepEqual(
      watcher.told.map(({ changes }) => changes),
      [[del("leased")]],
    );
    await store.close();
  });

  it("does not write for a lease that has ended", async () => {
    const store = await openAlone(disk);
    const lease = await store.lease(1_000, () => assert.fail("lost"));
    const late = [lease.put("a", "1"), lease.close(), lease.put("b", "1")];
    const results = await Promise.allSettled(late);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "fulfilled", "rejected"],
    );
    assert.deepEqual(await contentsOf(store), []);
  });

  it("refuses conditions that no revision can meet as the caller's bug", async () => {
    const store = await openAlone(disk);
    for (const revision of [-1, 0.5, Number.NaN]) {
      await assert.rejects(store.commit({ when: [{ key: "a", revision }], changes: [] }), { code: "INTERNAL" });
    }
  });
});
