/**
 * What every store of a control keeps to, whatever is behind it: the same tests for a directory, for etcd and for what may
 * come. They know the interface alone. Revisions are only compared, since others may write to the same store; and nothing
 * waits for time: that something is *not* told is shown by a later commit that is.
 */
import assert from "node:assert/strict";
import {
  type Change,
  type Commit,
  type Entries,
  type Part,
  type Store,
  storeBounds,
  type Watcher,
} from "../../src/control/store.ts";

export interface OpenedStore {
  /** Nothing is under any key yet. */
  readonly store: Store;
  /** Another handle on the same contents, beside those that are open; only where the store is shared. */
  another?(): Promise<Store>;
  /** Closes every handle, and opens one on what is left. */
  reopen(): Promise<Store>;
  /** Closes every handle that is still open, and clears away. */
  close(): Promise<void>;
}

interface Told {
  readonly revision: number;
  readonly changes: readonly Change[];
}

const byKey = (one: Change, other: Change) => (one.key < other.key ? -1 : 1);

/** Remembers what it is told, and says when that is enough. */
export class RecordingWatcher implements Watcher {
  readonly told: Told[] = [];
  /** Reasons: a watch ends once. */
  readonly ended: string[] = [];
  #waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  changed(revision: number, changes: readonly Change[]): void {
    this.told.push({ revision, changes: [...changes].sort(byKey) });
    this.#wake();
  }

  lost(why: string): void {
    this.ended.push(why);
    this.#wake();
  }

  /** Resolves once a commit has written this key. */
  async saw(key: string): Promise<void> {
    await this.#until(() => this.told.some(({ changes }) => changes.some((change) => change.key === key)));
  }

  async sawDeleted(key: string): Promise<void> {
    await this.#until(() =>
      this.told.some(({ changes }) => changes.some((c) => c.key === key && c.value === undefined)),
    );
  }

  async end(): Promise<string> {
    await this.#until(() => this.ended.length > 0);
    return this.ended[0] ?? "";
  }

  #until(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ done, resolve });
      this.#wake();
    });
  }

  #wake(): void {
    const ready = this.#waiting.filter(({ done }) => done());
    this.#waiting = this.#waiting.filter((each) => !ready.includes(each));
    for (const { resolve } of ready) resolve();
  }
}

/** Commits what must go through. @returns its revision. */
export async function committed(store: Store, changes: Commit["changes"], when: Commit["when"] = []): Promise<number> {
  const result = await store.commit({ when, changes });
  assert.ok(result.ok, "the commit was refused");
  return result.revision;
}

export const put = (key: string, value: string): Change => ({ key, value });
export const del = (key: string): Change => ({ key, value: undefined });
const texts = ({ entries }: Entries) => entries.map(({ key, value }) => [key, value]);
const never: Watcher = { changed: () => assert.fail("told"), lost: () => assert.fail("lost") };
const internal = { code: "INTERNAL" };

export function storeContract(name: string, open: () => Promise<OpenedStore>, { shared }: { shared: boolean }): void {
  describe(`${name} as a store`, () => {
    let opened: OpenedStore;
    let store: Store;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });

    afterEach(async () => {
      await opened.close();
    });

    it("has a name, and says whether it is shared", () => {
      assert.match(store.name, /^[a-z]+:./);
      assert.equal(store.shared, shared);
    });

    describe("reading", () => {
      it("begins with nothing", async () => {
        assert.deepEqual((await store.get("")).entries, []);
      });

      it("gives entries by key, each with the revision of its last change", async () => {
        const first = await committed(store, [put("b", "1"), put("a", "1"), put("c", "1")]);
        const second = await committed(store, [put("b", "2")]);
        assert.ok(second > first);
        const { revision, entries } = await store.get("");
        assert.ok(revision >= second);
        assert.deepEqual(entries, [
          { key: "a", value: "1", revision: first },
          { key: "b", value: "2", revision: second },
          { key: "c", value: "1", revision: first },
        ]);
      });

      it("orders keys by code point, whatever a language makes of them", async () => {
        const keys = ["k/", "k/A", "k/a", "k/a/b", "k/ä", "k/\u{fffd}", "k/\u{1f600}"];
        await committed(
          store,
          keys.toReversed().map((key) => put(key, "x")),
        );
        assert.deepEqual(
          (await store.get("k/")).entries.map(({ key }) => key),
          keys,
        );
      });

      it("gives what begins with the prefix, and nothing else", async () => {
        await committed(store, [put("a", "1"), put("a/", "2"), put("a/x", "3"), put("a0", "4"), put("b/a/x", "5")]);
        assert.deepEqual(texts(await store.get("a/")), [
          ["a/", "2"],
          ["a/x", "3"],
        ]);
        assert.deepEqual(texts(await store.get("a/x")), [["a/x", "3"]]);
        assert.deepEqual(texts(await store.get("a/y")), []);
      });

      it("gives a part of what is under a prefix: from a key on, up to another, so many", async () => {
        const keys = Array.from({ length: 150 }, (_, i) => `k/${String(i).padStart(3, "0")}`);
        await committed(store, [put("a", "x"), put("k0", "x"), ...keys.slice(0, 100).map((key) => put(key, "x"))]);
        const revision = await committed(
          store,
          keys.slice(100).map((key) => put(key, "x")),
        );
        const read = async (part: Part): Promise<string[]> => {
          const found = await store.get("k/", part);
          assert.ok(found.revision >= revision);
          return found.entries.map(({ key }) => key);
        };
        assert.deepEqual(await read({ from: "k/120" }), keys.slice(120));
        assert.deepEqual(await read({ from: "k/0105" }), keys.slice(11));
        assert.deepEqual(await read({ below: "k/070" }), keys.slice(0, 70));
        assert.deepEqual(await read({ from: "k/020", below: "k/0205" }), ["k/020"]);
        assert.deepEqual(await read({ limit: 2 }), keys.slice(0, 2));
        assert.deepEqual(await read({ from: "k/003\0", limit: 70 }), keys.slice(4, 74));
        assert.deepEqual(await read({ from: "k/100", below: "k/200", limit: 64 }), keys.slice(100));
        // Nothing that the prefix does not have.
        assert.deepEqual(await read({ from: "a", below: "z" }), keys);
        assert.deepEqual(await read({ from: "k/200" }), []);
        assert.deepEqual(await read({ below: "k/" }), []);
        await committed(store, [del("k/001"), put("k/0015", "x")]);
        assert.deepEqual(await read({ limit: 3 }), ["k/000", "k/0015", "k/002"]);
      });

      it("gives the revision of the store also where nothing is under the prefix", async () => {
        const revision = await committed(store, [put("a", "1")]);
        assert.ok((await store.get("nothing/")).revision >= revision);
      });

      it("keeps all of Unicode, line ends and control characters", async () => {
        const value =
          '\u0000\u0001\t\r\n"\\{}\u007f\u0085\u00ff\u2028\u2029\ud7ff\ue000\ufeff\ufffd\uffff\u{10000}\u{10ffff}é';
        await committed(store, [put("unicode", value), put("empty", "")]);
        assert.deepEqual(texts(await store.get("")), [
          ["empty", ""],
          ["unicode", value],
        ]);
        store = await opened.reopen();
        assert.deepEqual(texts(await store.get("unicode")), [["unicode", value]]);
      });
    });

    describe("committing", () => {
      it("gives growing revisions", async () => {
        const revisions: number[] = [];
        for (let i = 0; i < 5; i++) revisions.push(await committed(store, [put(`k${i % 2}`, `${i}`)]));
        assert.deepEqual(
          revisions,
          [...new Set(revisions)].sort((a, b) => a - b),
        );
      });

      it("gives commits that wait together revisions of their own", async () => {
        const many = Array.from({ length: 50 }, (_, i) => committed(store, [put(`k${i}`, `${i}`)]));
        const revisions = await Promise.all(many);
        assert.equal(new Set(revisions).size, 50);
        const { entries } = await store.get("k");
        assert.deepEqual(
          new Map(entries.map(({ key, revision }) => [key, revision])),
          new Map([...revisions.entries()].map(([i, revision]) => [`k${i}`, revision] as const).sort()),
        );
      });

      it("counts a value written again as a change", async () => {
        const first = await committed(store, [put("a", "same")]);
        const second = await committed(store, [put("a", "same")]);
        assert.ok(second > first);
        assert.equal((await store.get("a")).entries[0]?.revision, second);
      });

      it("lets one that says a key is absent through, where it is", async () => {
        await committed(store, [put("a", "1")], [{ key: "a", revision: 0 }]);
        const again = await store.commit({ when: [{ key: "a", revision: 0 }], changes: [put("a", "2")] });
        assert.deepEqual(again, { ok: false });
        assert.deepEqual(texts(await store.get("")), [["a", "1"]]);
      });

      it("lets one that names a key's revision through, and none that names another", async () => {
        const first = await committed(store, [put("a", "1")]);
        const second = await committed(store, [put("a", "2")], [{ key: "a", revision: first }]);
        for (const revision of [first, second + 1, second - 1, 0]) {
          assert.deepEqual(await store.commit({ when: [{ key: "a", revision }], changes: [put("a", "3")] }), {
            ok: false,
          });
        }
        assert.deepEqual(texts(await store.get("")), [["a", "2"]]);
        await committed(store, [del("a")], [{ key: "a", revision: second }]);
        assert.deepEqual(texts(await store.get("")), []);
      });

      it("takes a deleted key as one that is not there, and its former revision as gone", async () => {
        const first = await committed(store, [put("a", "1")]);
        await committed(store, [del("a")]);
        assert.deepEqual(await store.commit({ when: [{ key: "a", revision: first }], changes: [] }), { ok: false });
        const back = await committed(store, [put("a", "2")], [{ key: "a", revision: 0 }]);
        assert.ok(back > first);
      });

      it("writes nothing at all where one of several conditions does not hold", async () => {
        const first = await committed(store, [put("a", "1")]);
        const result = await store.commit({
          when: [
            { key: "a", revision: first },
            { key: "b", revision: first },
          ],
          changes: [put("a", "2"), put("c", "2"), del("a2")],
        });
        assert.deepEqual(result, { ok: false });
        assert.deepEqual((await store.get("")).entries, [{ key: "a", value: "1", revision: first }]);
      });

      it("holds conditions on keys that it does not change", async () => {
        const guard = await committed(store, [put("guard", "1")]);
        await committed(store, [put("a", "1")], [{ key: "guard", revision: guard }]);
        assert.deepEqual((await store.get("guard")).entries[0]?.revision, guard);
      });

      it("lets exactly one of many through that want the same key", async () => {
        const attempts = Array.from({ length: 20 }, (_, i) =>
          store.commit({ when: [{ key: "a", revision: 0 }], changes: [put("a", `${i}`)] }),
        );
        const winners = [...(await Promise.all(attempts)).entries()].filter(([, { ok }]) => ok);
        assert.equal(winners.length, 1);
        assert.deepEqual(texts(await store.get("")), [["a", `${winners[0]?.[0]}`]]);
      });

      it("changes nothing by deleting what is not there", async () => {
        const first = await committed(store, [put("a", "1")]);
        const revision = await committed(store, [del("b")]);
        assert.ok(revision >= first);
        assert.deepEqual((await store.get("")).entries, [{ key: "a", value: "1", revision: first }]);
      });

      it("takes a commit without changes as a question", async () => {
        const revision = await committed(store, [put("a", "1")]);
        assert.ok((await committed(store, [], [{ key: "a", revision }])) >= revision);
        assert.deepEqual(await store.commit({ when: [{ key: "a", revision: 0 }], changes: [] }), { ok: false });
      });

      it("outlives a closing", async () => {
        const first = await committed(store, [put("a", "1"), put("b", "1")]);
        const second = await committed(store, [put("b", "2"), put("c", "2")]);
        const last = await committed(store, [del("a")]);
        store = await opened.reopen();
        const { revision, entries } = await store.get("");
        assert.ok(revision >= last);
        assert.deepEqual(entries, [
          { key: "b", value: "2", revision: second },
          { key: "c", value: "2", revision: second },
        ]);
        assert.ok((await committed(store, [put("a", "3")], [{ key: "a", revision: 0 }])) > last);
        assert.ok(first < second);
      });
    });

    describe("its bounds", () => {
      it("takes a value and a number of changes as large as the bounds say", async () => {
        const large = "ä".repeat(storeBounds.valueBytes / 2);
        await committed(store, [put("large", large)]);
        assert.equal((await store.get("large")).entries[0]?.value, large);
        await committed(
          store,
          Array.from({ length: storeBounds.changes }, (_, i) => put(`k${i}`, "x")),
        );
        assert.equal((await store.get("k")).entries.length, storeBounds.changes);
      });

      const refused: [string, readonly Change[]][] = [
        ["a value of more bytes, however few characters", [put("a", `${"ä".repeat(storeBounds.valueBytes / 2)}x`)]],
        ["more changes", Array.from({ length: storeBounds.changes + 1 }, (_, i) => put(`k${i}`, "x"))],
        ["a key twice", [put("a", "1"), put("b", "1"), del("a")]],
        ["an empty key", [put("", "1")]],
        ["half of a surrogate pair in a value", [put("a", "\ud800")]],
        ["half of a surrogate pair in a key", [put("a\udc00", "1")]],
      ];
      for (const [what, changes] of refused) {
        it(`refuses ${what} as the caller's bug, and goes on`, async () => {
          await assert.rejects(store.commit({ when: [], changes }), internal);
          await committed(store, [put("after", "1")]);
          assert.deepEqual(texts(await store.get("")), [["after", "1"]]);
        });
      }
    });

    describe("watching", () => {
      let watcher: RecordingWatcher;

      beforeEach(() => {
        watcher = new RecordingWatcher();
      });

      it("tells what comes after what was read", async () => {
        await committed(store, [put("w/a", "1")]);
        const watch = store.watch("w/", (await store.get("w/")).revision, watcher);
        const second = await committed(store, [put("w/a", "2")]);
        const third = await committed(store, [del("w/a")]);
        await watcher.sawDeleted("w/a");
        watch.close();
        assert.deepEqual(watcher.told, [
          { revision: second, changes: [put("w/a", "2")] },
          { revision: third, changes: [del("w/a")] },
        ]);
        assert.deepEqual(watcher.ended, []);
      });

      it("tells from an older revision every commit since, once and in order, and goes on with what comes", async () => {
        const expected: Told[] = [];
        const start = await committed(store, [put("w/0", "before")]);
        const step = async (i: number) => {
          const changes = [put(`w/${i}`, "x"), put("w/n", `${i}`)];
          expected.push({ revision: await committed(store, changes), changes });
        };
        for (let i = 1; i <= 10; i++) await step(i);
        const watch = store.watch("w/", start, watcher);
        for (let i = 11; i <= 20; i++) await step(i);
        await watcher.saw("w/20");
        watch.close();
        assert.deepEqual(watcher.told, expected);
      });

      it("misses nothing and doubles nothing where it begins amid commits", async () => {
        const start = (await store.get("w/")).revision;
        const running = Array.from({ length: 40 }, (_, i) => committed(store, [put(`w/${i}`, "x")]));
        const watches = [store.watch("w/", start, watcher)];
        const later: RecordingWatcher[] = [];
        for (const each of running.slice(0, 20)) {
          const revision = await each;
          later.push(new RecordingWatcher());
          watches.push(store.watch("w/", revision, later.at(-1) ?? never));
        }
        const revisions = (await Promise.all(running)).sort((a, b) => a - b);
        await committed(store, [put("w/end", "x")]);
        await Promise.all([watcher, ...later].map((each) => each.saw("w/end")));
        for (const watch of watches) watch.close();
        assert.deepEqual(
          watcher.told.slice(0, -1).map(({ revision }) => revision),
          revisions,
        );
        for (const each of later) {
          assert.deepEqual(each.told, watcher.told.slice(watcher.told.length - each.told.length));
          assert.ok(each.told.length > 0);
        }
      });

      it("tells all of a commit under the prefix together, and nothing else of it", async () => {
        const start = (await store.get("")).revision;
        const watch = store.watch("w/", start, watcher);
        const changes = Array.from({ length: storeBounds.changes - 1 }, (_, i) => put(`w/${100 + i}`, `${i}`));
        const first = await committed(store, [...changes, put("x/1", "1")]);
        await committed(store, [put("x/2", "2")]);
        const last = await committed(store, [put("w/end", "x"), del("w/100"), put("v", "x")]);
        await watcher.saw("w/end");
        watch.close();
        assert.deepEqual(watcher.told, [
          { revision: first, changes },
          { revision: last, changes: [del("w/100"), put("w/end", "x")] },
        ]);
      });

      it("does not tell of what was refused, nor of deletions of what was not there", async () => {
        const watch = store.watch("w/", (await store.get("w/")).revision, watcher);
        await committed(store, [del("w/never")]);
        await store.commit({ when: [{ key: "w/never", revision: 1 }], changes: [put("w/refused", "x")] });
        const revision = await committed(store, [put("w/end", "x"), del("w/never")]);
        await watcher.saw("w/end");
        watch.close();
        assert.deepEqual(watcher.told, [{ revision, changes: [put("w/end", "x")] }]);
      });

      it("tells nothing from within the call that begins a watch", async () => {
        const start = (await store.get("w/")).revision;
        await committed(store, [put("w/a", "1")]);
        const watch = store.watch("w/", start, watcher);
        assert.deepEqual(watcher.told, []);
        await watcher.saw("w/a");
        watch.close();
      });

      it("tells nothing after its watch is closed, also where it is closed from within", async () => {
        const start = (await store.get("w/")).revision;
        await committed(store, [put("w/1", "x")]);
        store.watch("w/", start, never).close();
        const told: number[] = [];
        const first = Promise.withResolvers<void>();
        const watch = store.watch("w/", start, {
          changed: (revision) => {
            told.push(revision);
            watch.close();
            first.resolve();
          },
          lost: never.lost,
        });
        await committed(store, [put("w/2", "x")]);
        // Two watches of one store owe each other no order.
        await first.promise;
        const witness = store.watch("w/", start, watcher);
        await committed(store, [put("w/end", "x")]);
        await watcher.saw("w/end");
        witness.close();
        assert.equal(told.length, 1);
      });

      it("ends with the store, untold", async () => {
        store.watch("w/", (await store.get("w/")).revision, watcher);
        await committed(store, [put("w/1", "x")]);
        await watcher.saw("w/1");
        await store.close();
        store = await opened.reopen();
        await committed(store, [put("w/2", "x")]);
        assert.equal(watcher.told.length, 1);
        assert.deepEqual(watcher.ended, []);
      });
    });

    describe("leases", () => {
      const ttlMs = 10_000;
      const lost = (why: string) => assert.fail(`lost: ${why}`);

      it("write keys that are read and watched as any", async () => {
        const watcher = new RecordingWatcher();
        const watch = store.watch("l/", (await store.get("l/")).revision, watcher);
        const lease = await store.lease(ttlMs, lost);
        await lease.put("l/a", "1");
        const { entries, revision } = await store.get("l/");
        assert.deepEqual(texts({ entries, revision }), [["l/a", "1"]]);
        await watcher.saw("l/a");
        assert.deepEqual(watcher.told, [{ revision: entries[0]?.revision, changes: [put("l/a", "1")] }]);
        await lease.put("l/a", "2");
        await lease.close();
        await watcher.sawDeleted("l/a");
        watch.close();
        assert.deepEqual(
          watcher.told.map(({ changes }) => changes),
          [[put("l/a", "1")], [put("l/a", "2")], [del("l/a")]],
        );
      });

      it("take their keys with them, and no others", async () => {
        const lease = await store.lease(ttlMs, lost);
        const other = await store.lease(ttlMs, lost);
        await committed(store, [put("l/stays", "1")]);
        await lease.put("l/a", "1");
        await lease.put("l/b", "1");
        await other.put("l/c", "1");
        await lease.close();
        assert.deepEqual(texts(await store.get("l/")), [
          ["l/c", "1"],
          ["l/stays", "1"],
        ]);
        await lease.close();
        await other.close();
        assert.deepEqual(texts(await store.get("l/")), [["l/stays", "1"]]);
      });

      it("claim a key once, until it is gone", async () => {
        const first = await store.lease(ttlMs, lost);
        const second = await store.lease(ttlMs, lost);
        const claims = await Promise.all([first.claim("l/one", "first"), second.claim("l/one", "second")]);
        assert.deepEqual(claims.toSorted(), [false, true]);
        const winner = claims[0] ? first : second;
        const loser = claims[0] ? second : first;
        assert.equal(await winner.claim("l/one", "again"), false);
        await winner.close();
        assert.equal(await loser.claim("l/one", "loser"), true);
        assert.deepEqual(texts(await store.get("l/one")), [["l/one", "loser"]]);
        await loser.close();
      });

      it("do not claim a key that a commit wrote", async () => {
        await committed(store, [put("l/one", "1")]);
        const lease = await store.lease(ttlMs, lost);
        assert.equal(await lease.claim("l/one", "2"), false);
        await lease.close();
        assert.deepEqual(texts(await store.get("l/one")), [["l/one", "1"]]);
      });

      it("have keys that commits can be conditional on", async () => {
        const lease = await store.lease(ttlMs, lost);
        assert.ok(await lease.claim("l/leader", "me"));
        const revision = (await store.get("l/leader")).entries[0]?.revision ?? 0;
        const when = [{ key: "l/leader", revision }];
        await committed(store, [put("l/work", "1")], when);
        await lease.close();
        assert.deepEqual(await store.commit({ when, changes: [put("l/work", "2")] }), { ok: false });
        assert.deepEqual(texts(await store.get("l/")), [["l/work", "1"]]);
      });

      it("let go of a key that a commit writes: it stays", async () => {
        const lease = await store.lease(ttlMs, lost);
        await lease.put("l/a", "leased");
        await committed(store, [put("l/a", "kept")]);
        await lease.close();
        assert.deepEqual(texts(await store.get("l/")), [["l/a", "kept"]]);
        store = await opened.reopen();
        assert.deepEqual(texts(await store.get("l/")), [["l/a", "kept"]]);
      });

      it("take a key that a commit wrote, where they write it: it goes with them", async () => {
        await committed(store, [put("l/a", "kept")]);
        const lease = await store.lease(ttlMs, lost);
        await lease.put("l/a", "leased");
        await lease.close();
        assert.deepEqual(texts(await store.get("l/")), []);
        store = await opened.reopen();
        assert.deepEqual(texts(await store.get("l/")), []);
      });

      it("end with the store, and no revision is told for two contents", async () => {
        const lease = await store.lease(ttlMs, lost);
        await committed(store, [put("l/stays", "1")]);
        await lease.put("l/a", "1");
        const before = await store.get("l/");
        await store.close();
        store = await opened.reopen();
        const after = await store.get("l/");
        assert.deepEqual(texts(after), [["l/stays", "1"]]);
        assert.ok(after.revision > before.revision);
      });
    });

    if (shared) sharedContract(() => opened);
  });
}

/** What several handles owe each other. */
function sharedContract(openedNow: () => OpenedStore): void {
  describe("with several handles", () => {
    let one: Store;
    let other: Store;

    beforeEach(async () => {
      const { store, another } = openedNow();
      assert.ok(another, "a shared store has another handle");
      one = store;
      other = await another();
    });

    it("reads at once what another has committed", async () => {
      for (let i = 0; i < 10; i++) {
        const revision = await committed(one, [put("a", `${i}`)]);
        const { entries } = await other.get("a");
        assert.deepEqual(entries, [{ key: "a", value: `${i}`, revision }]);
      }
    });

    it("tells every watcher the commits of both in one order", async () => {
      const start = (await one.get("w/")).revision;
      const watchers = [new RecordingWatcher(), new RecordingWatcher()];
      const watches = [one.watch("w/", start, watchers[0] ?? never), other.watch("w/", start, watchers[1] ?? never)];
      const write = async (store: Store, who: string) => {
        for (let i = 0; i < 20; i++) await committed(store, [put(`w/${who}`, `${i}`), put(`w/${who}/${i}`, "x")]);
      };
      await Promise.all([write(one, "one"), write(other, "other")]);
      await committed(one, [put("w/end", "x")]);
      await Promise.all(watchers.map((watcher) => watcher.saw("w/end")));
      for (const watch of watches) watch.close();
      assert.equal(watchers[0]?.told.length, 41);
      assert.deepEqual(watchers[0]?.told, watchers[1]?.told);
      const revisions = watchers[0]?.told.map(({ revision }) => revision) ?? [];
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => a - b),
      );
    });

    it("loses no increment of a counter that both count up", async () => {
      const count = async (store: Store) => {
        for (let done = 0; done < 15; ) {
          const at = (await store.get("n")).entries[0];
          const when = [{ key: "n", revision: at?.revision ?? 0 }];
          const result = await store.commit({ when, changes: [put("n", `${Number(at?.value ?? 0) + 1}`)] });
          done += result.ok ? 1 : 0;
        }
      };
      await Promise.all([count(one), count(other)]);
      assert.equal((await one.get("n")).entries[0]?.value, "30");
    });

    it("lets one of two claim a key, and the other once the handle of the first is closed", async () => {
      const lost = (why: string) => assert.fail(`lost: ${why}`);
      const first = await one.lease(10_000, lost);
      const second = await other.lease(10_000, lost);
      assert.equal(await first.claim("leader", "one"), true);
      assert.equal(await second.claim("leader", "other"), false);
      const watcher = new RecordingWatcher();
      const watch = other.watch("leader", (await other.get("leader")).revision, watcher);
      await one.close();
      await watcher.sawDeleted("leader");
      watch.close();
      assert.equal(await second.claim("leader", "other"), true);
    });
  });
}
