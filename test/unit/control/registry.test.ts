/** The routes in force, on a store that a test puts back to what it was. */
import assert from "node:assert/strict";
import { Registry } from "../../../src/control/registry.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { RestorableStore } from "../../support/restorable-store.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";
import { until } from "../../support/until.ts";

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
});
