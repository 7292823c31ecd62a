import assert from "node:assert/strict";
import { Watches } from "../../../../src/control/embedded/watches.ts";
import { put, RecordingWatcher } from "../../../support/store-contract.ts";
import { turns } from "../../../support/until.ts";

/** Revisions 11, 12, … each with one change. */
function told(watches: Watches, count: number, from = 11): void {
  for (let i = 0; i < count; i++) watches.tell([{ revision: from + i, changes: [put(`k${from + i}`, "x")] }]);
}

describe("the watches of an embedded store", () => {
  const watcherOf = (watches: Watches, revision: number) => {
    const watcher = new RecordingWatcher();
    watches.add("", revision, watcher);
    return watcher;
  };
  const revisionsOf = ({ told }: RecordingWatcher) => told.map(({ revision }) => revision);

  it("begin at any revision that is kept, and are lost before it, after the call", async () => {
    const watches = new Watches(10, { commits: 3 });
    told(watches, 5);
    const kept = [12, 14, 15].map((revision) => watcherOf(watches, revision));
    const compacted = [0, 10, 11].map((revision) => watcherOf(watches, revision));
    for (const { ended } of compacted) assert.deepEqual(ended, []);
    await turns(1);
    assert.deepEqual(kept.map(revisionsOf), [[13, 14, 15], [15], []]);
    for (const watcher of compacted) assert.deepEqual([watcher.ended, watcher.told], [["compacted"], []]);
    told(watches, 1, 16);
    assert.deepEqual(kept.map(revisionsOf), [[13, 14, 15, 16], [15, 16], [16]]);
    for (const { told } of compacted) assert.deepEqual(told, []);
  });

  it("are lost before the opening, of which nothing is kept", async () => {
    const watches = new Watches(10);
    const watchers = [9, 10].map((revision) => watcherOf(watches, revision));
    await turns(1);
    assert.deepEqual(
      watchers.map(({ ended }) => ended),
      [["compacted"], []],
    );
  });

  it("keep no more characters than they may, though the commits be few", async () => {
    const watches = new Watches(10, { characters: 20 });
    watches.tell([11, 12, 13].map((revision) => ({ revision, changes: [put("k", "123456789")] })));
    const watchers = [10, 11].map((revision) => watcherOf(watches, revision));
    await turns(1);
    assert.deepEqual(
      watchers.map(({ ended }) => ended),
      [["compacted"], []],
    );
    assert.deepEqual(watchers.map(revisionsOf), [[], [12, 13]]);
  });

  it("tell of a commit that is too large to be kept, once", async () => {
    const watches = new Watches(10, { characters: 5 });
    const watcher = watcherOf(watches, 10);
    told(watches, 1);
    watches.tell([{ revision: 12, changes: [put("k", "123456789")] }]);
    await turns(1);
    assert.deepEqual([revisionsOf(watcher), watcher.ended], [[11, 12], []]);
  });

  it("that begin at a revision to come are told what comes after it", async () => {
    const watches = new Watches(10);
    const watcher = watcherOf(watches, 12);
    told(watches, 4);
    await turns(1);
    assert.deepEqual(revisionsOf(watcher), [13, 14]);
  });

  it("bear a watch that begins and ends others while it is told", async () => {
    const watches = new Watches(10);
    const inner = new RecordingWatcher();
    const victim = new RecordingWatcher();
    let victimWatch: { close(): void } | undefined;
    watches.add("", 10, {
      changed: (revision) => {
        victimWatch?.close();
        watches.add("", revision - 1, inner);
      },
      lost: () => assert.fail("lost"),
    });
    victimWatch = watches.add("", 10, victim);
    told(watches, 1);
    await turns(1);
    assert.deepEqual([revisionsOf(inner), revisionsOf(victim)], [[11], []]);
  });

  it("end with or without a word", async () => {
    const watches = new Watches(10);
    const [told, untold] = [watcherOf(watches, 10), new RecordingWatcher()];
    watches.end("locked");
    watches.add("", 10, untold);
    watches.end();
    await turns(1);
    assert.deepEqual([told.ended, untold.ended], [["locked"], []]);
  });
});
