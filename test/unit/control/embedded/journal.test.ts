import assert from "node:assert/strict";
import { encodeFrame } from "../../../../src/control/embedded/frame.ts";
import { isJournalName, recover } from "../../../../src/control/embedded/journal.ts";
import { contentsOf, openAlone } from "../../../support/embedded-world.ts";
import { PowerDisk } from "../../../support/power-disk.ts";
import { committed, del, put } from "../../../support/store-contract.ts";

const name = "journal-0000000001";
/** As 0.1.0 wrote it: everything in one record. */
const snapshot = { format: 1, revision: 5, entries: [["a", "1", 4]] };
/** As it is written now: in several. */
const head = { format: 2, revision: 5, entries: 3 };
const parts = [
  { entries: [["a", "1", 4]] },
  {
    entries: [
      ["b", "2", 4],
      ["c", "3", 5],
    ],
  },
];
const diskOf = (...frames: readonly Buffer[]) => PowerDisk.with(new Map([[name, Buffer.concat(frames)]]));
const journalOf = (...contents: readonly unknown[]) => diskOf(...contents.map(encodeFrame));

async function written(): Promise<{ whole: Buffer; ends: number[] }> {
  const disk = new PowerDisk();
  const store = await openAlone(disk);
  const sizeNow = () => disk.files().get(name)?.length ?? 0;
  const ends = [sizeNow()];
  for (const changes of [[put("a", "1")], [put("b", "2"), put("c", "3")], [del("a")], [put("d", "4")]]) {
    await committed(store, changes);
    ends.push(sizeNow());
  }
  return { whole: disk.files().get(name) ?? Buffer.alloc(0), ends };
}

describe("the journal of an embedded store", () => {
  it("is read as it was written", async () => {
    const { whole } = await written();
    const { state, generation } = await recover(diskOf(whole));
    assert.equal(generation, 1);
    assert.equal(state.revision, 5);
    assert.deepEqual(state.entries(""), [
      { key: "b", value: "2", revision: 3 },
      { key: "c", value: "3", revision: 3 },
      { key: "d", value: "4", revision: 5 },
    ]);
  });

  it("is refused, with the place, wherever a byte is changed before its last record", async () => {
    const { whole, ends } = await written();
    const lastBegins = ends.at(-2) ?? 0;
    for (let at = 0; at < lastBegins; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const begins = ends.findLast((end) => end <= at) ?? 0;
      await assert.rejects(recover(diskOf(bytes)), (reason: Error & { code?: string }) => {
        assert.equal(reason.code, "STORE_DAMAGED");
        assert.ok(
          reason.message.includes(`disk/${name}: `) && reason.message.includes(` at byte ${begins}. `),
          reason.message,
        );
        return true;
      });
    }
  });

  it("is taken without its last record wherever a byte of that is changed", async () => {
    const { whole, ends } = await written();
    for (let at = ends.at(-2) ?? 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const { state } = await recover(diskOf(bytes));
      assert.equal(state.revision, 4);
      assert.deepEqual(
        state.entries("").map(({ key }) => key),
        ["b", "c"],
      );
    }
  });

  it("is refused where a record in its middle is missing", async () => {
    const { whole, ends } = await written();
    const without = Buffer.concat([whole.subarray(0, ends[1]), whole.subarray(ends[2])]);
    await assert.rejects(recover(diskOf(without)), {
      message: `[STORE_DAMAGED] disk/${name}: revision 4 follows revision 2 at byte ${ends[1]}. Restore the directory from a backup`,
    });
  });

  const foreign: [string, readonly unknown[]][] = [
    ["a snapshot of a later format", [{ ...snapshot, format: 3 }]],
    ["a snapshot of several records without the last", [head, parts[0]]],
    ["commits amid a snapshot", [head, parts[0], { commits: [[6, [["a", "1"]]]] }]],
    ["more entries than its snapshot has", [{ ...head, entries: 2 }, ...parts]],
    ["a part of a snapshot after it", [head, ...parts, parts[0]]],
    ["a part of a snapshot whose entries are none", [head, { entries: [["a", 1, 4]] }]],
    ["commits before any snapshot", [{ commits: [[1, [["a", "1"]]]] }]],
    ["a snapshot without a revision", [{ ...snapshot, revision: "5" }]],
    ["a snapshot whose entries are none", [{ ...snapshot, entries: [["a", 1, 4]] }]],
    ["a record of something else", [snapshot, { commit: 6 }]],
    ["a commit without a revision", [snapshot, { commits: [[null, []]] }]],
    ["a commit whose changes are none", [snapshot, { commits: [[6, [[1]]]] }]],
    ["a revision that comes again", [snapshot, { commits: [[6, []]] }, { commits: [[6, []]] }]],
  ];
  for (const [what, contents] of foreign) {
    it(`is refused with ${what}`, async () => {
      await assert.rejects(recover(journalOf(...contents)), { code: "STORE_DAMAGED" });
    });
  }

  const read = [
    ["a", "1", 4],
    ["b", "2", 4],
    ["c", "3", 5],
  ];
  it("is read in one record, as earlier releases wrote it, and in several", async () => {
    for (const records of [[{ ...snapshot, entries: read }], [head, ...parts]]) {
      const { state } = await recover(journalOf(...records, { commits: [[6, [["d", "4"]]]] }));
      const found = state.entries("").map(({ key, value, revision }) => [key, value, revision]);
      assert.deepEqual([state.revision, found], [6, [...read, ["d", "4", 6]]]);
    }
  });

  it("lets others have their turn between the records that it begins with, and is not read on where they object", async () => {
    let turns = 0;
    await recover(journalOf(head, ...parts), async () => {
      turns++;
    });
    assert.equal(turns, parts.length - 1);
    const objection = new Error("the directory is another's");
    await assert.rejects(
      recover(journalOf(head, ...parts), () => Promise.reject(objection)),
      objection,
    );
  });

  it("begins with records of a bounded length, however much there is", async () => {
    const disk = new PowerDisk();
    let store = await openAlone(disk, { journalBytes: 1 });
    const value = "x".repeat(400_000);
    for (let i = 0; i < 12; i++) await committed(store, [put(`k${i}`, value), put("end", `${i}`)]);
    await store.close();
    store = await openAlone(disk);
    const [bytes = Buffer.alloc(0)] = [...disk.files()].filter(([file]) => isJournalName(file)).map(([, each]) => each);
    const lengths: number[] = [];
    for (let at = 0; at < bytes.length; at += lengths.at(-1) ?? 0) lengths.push(12 + bytes.readUInt32LE(at + 4));
    assert.ok(lengths.length >= 5, `${lengths}`);
    assert.ok(Math.max(...lengths) < 2_000_000, `${lengths}`);
    assert.deepEqual(
      (await contentsOf(store)).map(([key, { length }]) => [key, length]).sort(),
      [...Array.from({ length: 12 }, (_, i) => [`k${i}`, value.length]), ["end", 2]].sort(),
    );
  });

  it("takes a mark within a torn end for what it is: no record", async () => {
    const torn = encodeFrame({ commits: [[6, [["a", "2"]]]] }).subarray(0, 20);
    const disk = diskOf(encodeFrame(snapshot), torn, Buffer.from([0xff, 0x43, 0x4a, 0x31]), torn);
    assert.equal((await recover(disk)).state.revision, 5);
  });

  it("counts the file of the highest number, whatever else was left", async () => {
    const files = new Map([
      ["journal-0000000009", encodeFrame({ ...snapshot, revision: 9 })],
      ["journal-0000000010", encodeFrame({ ...snapshot, revision: 10 })],
      ["journal-0000000010.ab", Buffer.from("half")],
      ["journal-0000000011.ab", encodeFrame({ ...snapshot, revision: 11 })],
      ["journal-0000000012.ab", encodeFrame({ ...snapshot, revision: 12 })],
      ["journal-0000000008", Buffer.from("not even one")],
    ]);
    const disk = PowerDisk.with(files);
    const { generation, state } = await recover(disk);
    assert.deepEqual([generation, state.revision], [10, 10]);
    const store = await openAlone(disk);
    assert.deepEqual(await contentsOf(store), [["a", "1"]]);
    // A draft that is not of a lower number may be someone's at work.
    const drafts = ["journal-0000000011.ab", "journal-0000000012.ab"];
    assert.deepEqual([...disk.files().keys()].sort(), ["journal-0000000011", ...drafts, "lock"]);
  });

  it("has none of a lease's contents, and their revisions", async () => {
    const disk = new PowerDisk();
    const store = await openAlone(disk, { journalBytes: 1 });
    const lease = await store.lease(1_000, () => undefined);
    for (let i = 0; i < 10; i++) {
      await lease.put("key-of-lease", `value-of-lease ${i}`);
      await committed(store, [put("a", `${i}`)]);
      for (const [file, bytes] of disk.files()) assert.ok(!bytes.includes("of-lease"), file);
    }
    assert.equal((await store.get("")).revision, 21);
    assert.equal((await recover(disk)).state.revision, 21);
  });

  it("knows its own names, and no others", () => {
    for (const own of [name, `${name}.0a1b`]) assert.ok(isJournalName(own), own);
    for (const other of ["journal", "journal-1", `${name}.bak.1`, `a${name}`, `${name}~`])
      assert.ok(!isJournalName(other), other);
  });
});
