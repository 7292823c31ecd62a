/** The routes in force, on a store that a test puts back to what it was. */
import assert from "node:assert/strict";
import { ContenderError } from "../../../../src/base/errors.ts";
import { Registry } from "../../../../src/control/routes/registry.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { RestorableStore } from "../../../support/restorable-store.ts";
import { ScriptedChance } from "../../../support/scripted-chance.ts";
import { until } from "../../../support/until.ts";

describe("the routes in force", () => {
  it("are those of a store that was put back, and that others have written to until it was further than before", async () => {
    const store = new RestorableStore();
    const registry: Registry = new Registry({
      store,
      clock: new ManualClock(),
      chance: new ScriptedChance(0.1, 0.2, 0.3, 0.4),
      changed: () => undefined,
      damaged: () => undefined,
      reread: () => undefined,
      wentBack: (from) => void registry.restored(from),
    });
    const { id } = await registry.open();
    await registry.commit(1, [], registry.guard);
    const backup = store.backup();
    await registry.commit(2, [], registry.guard);
    store.restore(backup, 100);
    await until(() => registry.routes.id !== id, "it is another store");
    assert.equal(registry.routes.revision, 1);
    registry.close();
  });

  /** What is in force, in order, and from where it was found to have gone back. */
  const following = (store: RestorableStore): { registry: Registry; told: string[] } => {
    const told: string[] = [];
    const registry: Registry = new Registry({
      store,
      clock: new ManualClock(),
      chance: new ScriptedChance(0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
      changed: ({ revision }) => void told.push(`${revision}`),
      damaged: () => undefined,
      reread: (why) => void told.push(why),
      wentBack: ({ revision }) => void told.push(`back from ${revision}`),
    });
    return { registry, told };
  };

  it("do not go back to before a commit that was made while everything was being read anew", async () => {
    const store = new RestorableStore();
    const { registry, told } = following(store);
    await registry.open();
    await registry.commit(1, [], registry.guard);
    const answer = Promise.withResolvers<void>();
    store.holdsAnswer = answer.promise;
    store.compact();
    await registry.commit(2, [], registry.guard);
    store.holdsAnswer = undefined;
    answer.resolve();
    await registry.refresh();
    await registry.commit(3, [], registry.guard);
    await until(() => told.at(-1) === "3", "the third");
    assert.deepEqual(
      told.filter((each, index) => each !== told[index - 1]),
      ["0", "1", "compacted", "2", "3"],
    );
    registry.close();
  });

  it("do not go back to before what the watch has told while they were asked for", async () => {
    const store = new RestorableStore();
    const { registry, told } = following(store);
    await registry.open();
    const answer = Promise.withResolvers<void>();
    store.holdsAnswer = answer.promise;
    const refreshed = registry.refresh();
    await store.commit({ when: [], changes: [{ key: "state/head", value: JSON.stringify({ revision: 7 }) }] });
    store.holdsAnswer = undefined;
    answer.resolve();
    await refreshed;
    assert.deepEqual(told, ["0", "7"]);
    assert.equal(registry.routes.revision, 7);
    registry.close();
  });

  it("are followed back where the store was put back while it was asked twice", async () => {
    const store = new RestorableStore();
    const { registry, told } = following(store);
    await registry.open();
    const backup = store.backup();
    for (const revision of [1, 2, 3, 4, 5]) await registry.commit(revision, [], registry.guard);
    store.restore(backup, 2);
    await Promise.all([registry.refresh(), registry.refresh()]);
    assert.equal(registry.routes.revision, 0);
    assert.equal(told.filter((each) => each === "back from 5").length, 1);
    await registry.commit(1, [], registry.guard);
    assert.equal(registry.routes.revision, 1);
    registry.close();
  });

  it("are those of a store that takes no writes", async () => {
    const store = new RestorableStore();
    const first = following(store);
    await first.registry.open();
    await first.registry.commit(1, [], first.registry.guard);
    first.registry.close();
    store.commit = () => Promise.reject(new ContenderError("STORE_UNAVAILABLE", "no room"));
    const { registry } = following(store);
    assert.equal((await registry.open()).revision, 1);
    registry.close();
  });
});
