/** What is kept of the history of routes, and how much of it is read. */
import assert from "node:assert/strict";
import { ContenderError } from "../../../../src/base/errors.ts";
import { History, type HistoryBounds } from "../../../../src/control/routes/history.ts";
import { historyKey, recordText } from "../../../../src/control/routes/records.ts";
import type { Entries, Part, Store } from "../../../../src/control/store.ts";
import { openAlone } from "../../../support/embedded-world.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { PowerDisk } from "../../../support/power-disk.ts";
import { committed } from "../../../support/store-contract.ts";

const wide: HistoryBounds = { entries: 1_000, routeBytes: 1_000_000, bytes: 1_000_000, deleted: 100 };
const there = () => true;

const author = { name: "a", atMs: 0, reason: "" };
const textOf = (revision: number, length = 0): string =>
  recordText({ revision, kind: "replaced", author, text: "x".repeat(length), table: null, before: "" });
/** Of an entry of the route `r` whose document is so long. */
const bytesOf = (length = 0): number => Buffer.byteLength(historyKey("r", 1)) + textOf(1, length).length;

interface World {
  readonly store: Store;
  readonly history: History;
  readonly clock: ManualClock;
  /** What was asked for under `history/`, with how much came. */
  readonly reads: number[];
  write(name: string, revision: number, length?: number): Promise<void>;
  outdated(coming: Readonly<Record<string, number>>, isThere?: (name: string) => boolean, most?: number): string[];
}

async function world(bounds: Partial<HistoryBounds> = {}): Promise<World> {
  const inner = await openAlone(new PowerDisk());
  const reads: number[] = [];
  const store: Store = Object.create(inner, {
    get: {
      value: async (prefix: string, part?: Part): Promise<Entries> => {
        const found = await inner.get(prefix, part);
        reads.push(found.entries.length);
        return found;
      },
    },
    watch: { value: inner.watch.bind(inner) },
  });
  const clock = new ManualClock();
  const history = new History({ store, clock, bounds: { ...wide, ...bounds } });
  return {
    store: inner,
    history,
    clock,
    reads,
    write: async (name, revision, length) => {
      await committed(inner, [{ key: historyKey(name, revision), value: textOf(revision, length) }]);
    },
    outdated: (coming, isThere = there, most = 100) => history.outdated(new Map(Object.entries(coming)), isThere, most),
  };
}

async function revisionsOf(history: History, name: string, most = Number.POSITIVE_INFINITY): Promise<number[]> {
  const revisions: number[] = [];
  for await (const { revision } of history.records(name)) {
    if (revisions.push(revision) === most) break;
  }
  return revisions;
}

const keysOf = (name: string, ...revisions: readonly number[]) => revisions.map((each) => historyKey(name, each));

describe("the history of routes", () => {
  it("is read from the newest on, and no further than is asked for", async () => {
    const { history, write, reads } = await world();
    for (let revision = 1; revision <= 300; revision++) await write(revision % 3 === 0 ? "r2" : "r", revision);
    await history.open();
    reads.length = 0;
    assert.deepEqual(await revisionsOf(history, "r", 2), [299, 298]);
    assert.deepEqual(reads, [4]);
    reads.length = 0;
    const all = await revisionsOf(history, "r");
    assert.deepEqual(
      all,
      Array.from({ length: 300 }, (_, i) => 300 - i).filter((each) => each % 3 !== 0),
    );
    assert.deepEqual(reads, [4, 16, 64, 64, 52]);
    assert.equal((await history.record("r", 100))?.revision, 100);
    assert.equal(await history.record("r", 99), undefined);
  });

  it("is read in pages of bounded bytes where entries are long", async () => {
    const { history, write, reads } = await world();
    for (let revision = 1; revision <= 12; revision++) await write("r", revision, 300_000);
    await history.open();
    reads.length = 0;
    assert.deepEqual(await revisionsOf(history, "r", 12), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert.ok(Math.max(...reads) <= 4, `${reads}`);
  });

  it("is read whole also by one that does not know yet what there is, or knows what there was", async () => {
    const { history, write, store } = await world();
    for (const revision of [1, 2, 3, 4, 5, 6]) await write("r", revision);
    assert.deepEqual(await revisionsOf(history, "r"), [6, 5, 4, 3, 2, 1]);
    await history.open();
    history.close();
    await committed(store, [
      { key: historyKey("r", 2), value: undefined },
      { key: historyKey("r", 7), value: textOf(7) },
      { key: historyKey("r", 8), value: textOf(8) },
    ]);
    assert.deepEqual(await revisionsOf(history, "r"), [8, 7, 6, 5, 4, 3, 1]);
  });

  it("gives way to others while it is read", async () => {
    const { history, write, clock } = await world();
    for (const revision of [1, 2, 3]) await write("r", revision);
    await history.open();
    const records = history.records("r");
    await records.next();
    clock.advance(5);
    let answered = false;
    const second = records.next().then(() => {
      answered = true;
    });
    await new Promise(setImmediate);
    assert.equal(answered, false);
    clock.advance(0);
    await second;
  });

  it("is known by its bytes, also what others write and remove", async () => {
    const { history, write, store } = await world();
    await write("r", 1, 10);
    await history.open();
    await write("r", 2, 20);
    await write("r", 2, 30);
    await committed(store, [{ key: historyKey("r", 1), value: undefined }]);
    assert.equal(history.bytes, bytesOf(30));
  });

  it("is read again where the store did not answer", async () => {
    const inner = await openAlone(new PowerDisk());
    await committed(inner, [{ key: historyKey("r", 1), value: textOf(1) }]);
    let away = true;
    const store: Store = Object.create(inner, {
      get: {
        value: (prefix: string, part?: Part) =>
          away ? Promise.reject(new ContenderError("STORE_UNAVAILABLE", "away")) : inner.get(prefix, part),
      },
      watch: { value: inner.watch.bind(inner) },
    });
    const clock = new ManualClock();
    const history = new History({ store, clock, bounds: wide });
    await history.open();
    assert.equal(history.bytes, 0);
    away = false;
    clock.advance(1_000);
    await new Promise(setImmediate);
    assert.equal(history.bytes, bytesOf());
  });

  describe("when a change comes", () => {
    it("loses nothing before it is known whole", async () => {
      const { write, outdated } = await world({ entries: 1 });
      await write("r", 1);
      assert.deepEqual(outdated({ r: 1 }), []);
    });

    it("loses the oldest changes of the route beyond their number", async () => {
      const { history, write, outdated } = await world({ entries: 3 });
      for (const revision of [1, 2, 3, 4]) await write("r", revision);
      await write("r2", 5);
      await history.open();
      assert.deepEqual(outdated({ r: 1 }), keysOf("r", 1, 2));
      assert.deepEqual(outdated({ r2: 1 }), []);
    });

    it("loses the oldest beyond the bytes of a route, and never the one that comes", async () => {
      const { history, write, outdated } = await world({ routeBytes: 2 * bytesOf() + 50 });
      for (const revision of [1, 2]) await write("r", revision);
      await history.open();
      assert.deepEqual(outdated({ r: 50 }), []);
      assert.deepEqual(outdated({ r: 51 }), keysOf("r", 1));
      assert.deepEqual(outdated({ r: 1_000_000 }), keysOf("r", 1, 2));
    });

    it("loses the oldest of all routes beyond the bytes of all, and of none the newest", async () => {
      const { history, write, outdated } = await world({ bytes: 4 * bytesOf() });
      for (const revision of [1, 3, 6]) await write("r", revision);
      for (const revision of [2]) await write("s", revision);
      for (const revision of [4, 5]) await write("t", revision);
      await history.open();
      assert.deepEqual(outdated({ s: 0 }), [...keysOf("r", 1), ...keysOf("s", 2)]);
      // "s" has one that comes, so its last goes as well.
      assert.deepEqual(outdated({ s: 900_000 }), [
        ...keysOf("r", 1),
        ...keysOf("s", 2),
        ...keysOf("r", 3),
        ...keysOf("t", 4),
      ]);
    });

    it("loses what is left of routes that were deleted before as many others as are kept", async () => {
      const { history, write, outdated } = await world({ deleted: 2 });
      for (const [index, name] of ["a", "b", "c", "d"].entries()) {
        await write(name, index + 1);
        await write(name, index + 11);
      }
      await history.open();
      const isThere = (name: string) => name === "b";
      assert.deepEqual(outdated({ b: 1 }, isThere), keysOf("a", 1, 11));
      // One that is deleted by the change itself counts, and is the last.
      assert.deepEqual(
        outdated({ b: 1 }, () => false),
        [...keysOf("a", 1, 11), ...keysOf("c", 3, 13)],
      );
    });

    it("loses no more than there is room for, and the rest with the next one", async () => {
      const { history, write, outdated, store } = await world({ entries: 2, deleted: 0 });
      for (const revision of [1, 2, 3, 4]) await write("r", revision);
      for (const revision of [5, 6]) await write("gone", revision);
      await history.open();
      const isThere = (name: string) => name === "r";
      const first = outdated({ r: 1 }, isThere, 4);
      assert.deepEqual(first, [...keysOf("r", 1, 2, 3), ...keysOf("gone", 5)]);
      const changes = first.map((key) => ({ key, value: undefined }));
      await committed(store, changes);
      history.take(changes);
      assert.deepEqual(outdated({ r: 1 }, isThere, 4), keysOf("gone", 6));
    });
  });
});
