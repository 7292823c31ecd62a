/** The routes in force, on a store that a test puts back to what it was. */
import assert from "node:assert/strict";
import { Registry } from "../../../src/control/registry.ts";
import type { Commit, Committed, Entries, Entry, Store, Watcher } from "../../../src/control/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";
import { until } from "../../support/until.ts";

class SharedStore implements Store {
  readonly name = "test";
  readonly shared = true;
  revision = 0;
  entries = new Map<string, Entry>();
  watcher: Watcher | undefined = undefined;

  get(prefix: string): Promise<Entries> {
    const entries = [...this.entries.values()].filter(({ key }) => key.startsWith(prefix));
    return Promise.resolve({ revision: this.revision, entries });
  }

  watch(_prefix: string, _revision: number, watcher: Watcher) {
    this.watcher = watcher;
    return { close: () => undefined };
  }

  commit({ when, changes }: Commit): Promise<Committed> {
    if (when.some(({ key, revision }) => (this.entries.get(key)?.revision ?? 0) !== revision)) {
      return Promise.resolve({ ok: false });
    }
    const revision = ++this.revision;
    for (const { key, value = "" } of changes) this.entries.set(key, { key, value, revision });
    return Promise.resolve({ ok: true, revision });
  }

  lease(): never {
    throw new Error("nobody leads here");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

describe("the routes in force", () => {
  it("are those of a store that was put back, and that others have written to until it was further than before", async () => {
    const store = new SharedStore();
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
    const backup = new Map(store.entries);
    await registry.commit(2, [], registry.guard);
    store.entries = backup;
    store.revision = 100;
    store.watcher?.resumed?.();
    await until(() => registry.routes.id !== id, "it is another store");
    assert.equal(registry.routes.revision, 1);
    registry.close();
  });
});
