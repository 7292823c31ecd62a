/**
 * Losses of power, at every operation and with everything that a disk may then forget; and disks that refuse. What was
 * acknowledged has to be there afterwards, and nothing by halves.
 */
import assert from "node:assert/strict";
import { recover } from "../../../../src/control/embedded/journal.ts";
import { contentsOf, openAlone, Script, stoppedClock } from "../../../support/embedded-world.ts";
import { mixer } from "../../../support/mixer.ts";
import { type Fate, PowerDisk } from "../../../support/power-disk.ts";
import { committed, put } from "../../../support/store-contract.ts";

const options = { journalBytes: 300 };
const commits = 30;

/** Runs until all is done or power is lost. @returns whether all was done. */
async function runOn(disk: PowerDisk, script: Script, count: number): Promise<boolean> {
  const all = (async () => {
    const store = await openAlone(disk, options);
    await script.run(store, count);
    await store.close();
    return true;
  })();
  return Promise.race([all, disk.lossOfPower.then(() => false)]);
}

async function operationsOfWholeRun(): Promise<readonly string[]> {
  const disk = new PowerDisk();
  assert.ok(await runOn(disk, new Script(mixer(1)), commits));
  return disk.operations;
}

const losing =
  (at: number) =>
  (_: string, index: number): Fate =>
    index === at ? "power loss" : "done";

describe("the embedded store, when power is lost", () => {
  it("begins anew several times in the run that these tests are about", async () => {
    const operations = await operationsOfWholeRun();
    const begun = operations.filter((operation) => operation.startsWith("publish journal"));
    assert.ok(begun.length >= 5, `${begun.length} times`);
  });

  it("has what it acknowledged, whole, whatever of the rest was written, at each operation of a run", async () => {
    const { length } = await operationsOfWholeRun();
    for (let at = 0; at < length; at++) {
      const disk = new PowerDisk();
      disk.fateOf = losing(at);
      const script = new Script(mixer(1));
      assert.equal(await runOn(disk, script, commits), false, `operation ${at} of ${length}`);
      for (let variant = 0; variant < 12; variant++) {
        const how = `power lost at operation ${at} (${disk.operations.at(-1)}), variant ${variant}`;
        const store = await openAlone(disk.restarted(mixer(at * 100 + variant)), options);
        await script.check(store, how);
      }
    }
  });

  it("has it also after losses amid the recovery from losses", async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const draw = mixer(seed);
      let disk = new PowerDisk();
      let script = new Script(draw);
      for (let loss = 0; loss < 5; loss++) {
        disk.fateOf = losing(Math.floor(draw() * (draw() < 0.4 ? 16 : 90)));
        await runOn(disk, script, 1_000);
        disk = disk.restarted(draw);
        // What is found is found on a copy: looking must not be what saves it.
        const copy = disk.restarted(draw);
        const store = await openAlone(copy, options);
        await script.check(store, `seed ${seed}, loss ${loss}`);
        const held = await contentsOf(store);
        const next = new Script(draw, Number(new Map(held).get("n") ?? 0), held);
        next.revision = script.revision;
        script = next;
      }
    }
  });
});

describe("the embedded store, on a disk that refuses", () => {
  /** Opens, and commits one after another, going on after failures. @returns what went through. */
  async function stubborn(
    disk: PowerDisk,
  ): Promise<{ through: string[]; store: Awaited<ReturnType<typeof openAlone>> | undefined }> {
    const through: string[] = [];
    const store = await openAlone(disk, options).catch((reason) => {
      assert.equal(reason.code, "STORE_UNAVAILABLE", reason.message);
      return undefined;
    });
    for (let n = 0; n < 16 && store !== undefined; n++) {
      const commit = store.commit({ when: [], changes: [put(`k${n}`, "x".repeat(60)), put("n", `${n}`)] });
      const ok = await commit.then(
        () => true,
        (reason) => {
          assert.equal(reason.code, "STORE_UNAVAILABLE", reason.message);
          return false;
        },
      );
      if (ok) through.push(`k${n}`);
    }
    // One that fails may have been written, as long as nothing goes through after it.
    if (store !== undefined) await committed(store, [put("end", "x")]).catch(() => committed(store, [put("end", "x")]));
    return { through, store };
  }

  const refusals: readonly Fate[] = ["refused", "refused but done"];
  for (const fate of refusals) {
    it(`keeps to what it acknowledged, in memory and on disk, where any one operation is ${fate}`, async () => {
      const whole = new PowerDisk();
      assert.equal((await stubborn(whole)).through.length, 16);
      for (let at = 0; at < whole.operations.length; at++) {
        const disk = new PowerDisk();
        disk.fateOf = (_, index) => (index === at ? fate : "done");
        const { through, store } = await stubborn(disk);
        const how = `${disk.operations[at]} (${at})`;
        assert.ok(store === undefined || through.length >= 15, `${how}: more than one commit failed`);
        const found =
          store === undefined ? [] : (await contentsOf(store)).map(([key]) => key).filter((key) => key.startsWith("k"));
        assert.deepEqual(found, through.toSorted(), how);
        for (let variant = 0; variant < 6; variant++) {
          const again = await openAlone(disk.restarted(mixer(at * 10 + variant)), options);
          const keys = (await contentsOf(again)).map(([key]) => key).filter((key) => key.startsWith("k"));
          assert.deepEqual(keys, through.toSorted(), `${how}, variant ${variant}`);
        }
      }
    });
  }

  it("is unavailable as long as the disk is full, readable meanwhile, and back by itself", async () => {
    const disk = new PowerDisk();
    const store = await openAlone(disk, options);
    const first = await committed(store, [put("a", "1")]);
    disk.fateOf = (operation) => (/^(append|create)/.test(operation) ? "refused" : "done");
    for (let i = 0; i < 3; i++) {
      await assert.rejects(store.commit({ when: [], changes: [put("a", "2")] }), {
        code: "STORE_UNAVAILABLE",
        message: "[STORE_UNAVAILABLE] disk: can't write: EIO: refused",
      });
      assert.deepEqual((await store.get("")).entries, [{ key: "a", value: "1", revision: first }]);
    }
    disk.fateOf = () => "done";
    await committed(store, [put("b", "1")], [{ key: "a", revision: first }]);
    const again = await openAlone(disk.restarted(mixer(1)), options);
    assert.deepEqual(await contentsOf(again), [
      ["a", "1"],
      ["b", "1"],
    ]);
  });

  it("opens on a full disk with what is there, takes nothing meanwhile, and goes on by itself", async () => {
    const before = new PowerDisk();
    const first = await openAlone(before, options);
    const revision = await committed(first, [put("a", "1")]);
    const disk = before.restarted(mixer(1));
    disk.fateOf = (operation) => (/^append/.test(operation) ? "refused" : "done");
    const store = await openAlone(disk, options);
    assert.deepEqual((await store.get("")).entries, [{ key: "a", value: "1", revision }]);
    for (let i = 0; i < 3; i++) {
      await assert.rejects(store.commit({ when: [], changes: [put("a", "2")] }), { code: "STORE_UNAVAILABLE" });
    }
    // Power is lost before there was room: nothing has become of what was refused.
    assert.deepEqual(await contentsOf(await openAlone(disk.restarted(mixer(2)), options)), [["a", "1"]]);
    disk.fateOf = () => "done";
    await committed(store, [put("b", "1")], [{ key: "a", revision }]);
    const both = [
      ["a", "1"],
      ["b", "1"],
    ];
    assert.deepEqual(await contentsOf(await openAlone(disk.restarted(mixer(3)), options)), both);
  });

  it("does not write all there is again and again where there is no room for it", async () => {
    const before = new PowerDisk();
    await committed(await openAlone(before, options), [put("a", "1")]);
    let nowMs = 0;
    const disk = before.restarted(mixer(1));
    let tries = 0;
    disk.fateOf = (operation) => {
      if (!/^append/.test(operation)) return "done";
      tries++;
      nowMs += 200;
      return "refused";
    };
    const store = await openAlone(disk, options, { ...stoppedClock, nowMs: () => nowMs });
    const refused = () => assert.rejects(store.commit({ when: [], changes: [put("a", "2")] }), /EIO: refused/);
    await refused();
    const first = tries;
    await refused();
    nowMs += 1_999;
    await refused();
    assert.equal(tries, first);
    nowMs += 1;
    await refused();
    assert.ok(tries > first);
  });

  it("says what helps where the disk is full", async () => {
    const disk = new PowerDisk();
    const store = await openAlone(disk, options);
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    disk.holds = (operation) => (/^append/.test(operation) ? Promise.reject(full) : undefined);
    await assert.rejects(store.commit({ when: [], changes: [put("a", "2")] }), {
      message: "[STORE_UNAVAILABLE] disk: can't write: ENOSPC: no space left on device, write. Make room on this disk",
    });
    await assert.rejects(openAlone(Object.assign(new PowerDisk(), { holds: disk.holds }), options), {
      message: /^\[STORE_UNAVAILABLE\] disk: can't open the store: ENOSPC: .* Make room on this disk$/,
    });
  });

  it("refuses a whole group with the one write that it was, and does not judge by it", async () => {
    const disk = new PowerDisk();
    const store = await openAlone(disk, options);
    disk.fateOf = (operation) => (operation.startsWith("sync") ? "refused" : "done");
    const absent = [{ key: "a", revision: 0 }];
    const both = await Promise.allSettled([
      store.commit({ when: absent, changes: [put("a", "1")] }),
      store.commit({ when: absent, changes: [put("a", "2")] }),
    ]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    disk.fateOf = () => "done";
    await committed(store, [put("a", "3")], absent);
  });
});

describe("the embedded store, from any beginning of its journal", () => {
  it("has every commit that the beginning has whole, and nothing of the one that it cuts", async () => {
    const disk = new PowerDisk();
    const store = await openAlone(disk, { journalBytes: 3_000 });
    const script = new Script(mixer(7));
    /** Length of the journal at each acknowledgement, with the commits acknowledged by then. */
    const reached: [length: number, commits: number][] = [];
    const newest = () =>
      [...disk.files()].filter(([name]) => name.startsWith("journal")).at(-1) ?? ["", Buffer.alloc(0)];
    const first = newest()[0];
    for (let i = 0; i < 36; i++) {
      const [name] = newest();
      await script.run(store, 1);
      if (newest()[0] !== name) reached.length = 0;
      reached.push([newest()[1].length, script.acknowledged]);
    }
    const [name, whole] = newest();
    assert.notEqual(name, first, "there was no switch");
    assert.ok(reached.length > 12);
    const begun = (reached[0]?.[1] ?? 0) - 1;
    // Two records: how much there is, and what.
    const headBytes = 12 + whole.readUInt32LE(4);
    const snapshotBytes = headBytes + 12 + whole.readUInt32LE(headBytes + 4);
    const cutTo = (length: number) => PowerDisk.with(new Map([[name, whole.subarray(0, length)]]));
    for (let length = 0; length < snapshotBytes; length++) {
      await assert.rejects(recover(cutTo(length)), { code: "STORE_DAMAGED" });
    }
    for (let length = snapshotBytes; length <= whole.length; length++) {
      const { state } = await recover(cutTo(length));
      const found = JSON.stringify(state.entries("").map(({ key, value }) => [key, value]));
      const last = reached.findLast(([end]) => end <= length)?.[1] ?? begun;
      assert.equal(found, script.expected.states[last], `${length} of ${whole.length} bytes`);
    }
  });
});
