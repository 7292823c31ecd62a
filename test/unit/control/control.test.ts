/** A config service as its log tells of it, without ports. */
import assert from "node:assert/strict";
import { Control, type ControlEvent } from "../../../src/control/control.ts";
import { controlOptions, openCallers } from "../../support/control.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { RestorableStore } from "../../support/restorable-store.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";
import { until } from "../../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

async function open(store: RestorableStore, name = "one") {
  const events: ControlEvent[] = [];
  const clock = new ManualClock();
  const control = new Control(
    {
      store,
      clock,
      chance: new ScriptedChance(...Array.from({ length: 20 }, (_, i) => (i + name.length) / 40)),
      callers: openCallers,
      self: { name, address: "" },
      dial: () => {
        throw new Error("nobody is called here");
      },
      onEvent: (event) => void events.push(event),
    },
    controlOptions,
  );
  await control.open();
  owned.add(control);
  const restored = () => events.flatMap((event) => (event.kind === "store_restored" ? [event.store] : []));
  return { control, clock, restored };
}

/** Changes the store twice, and puts it back to what it was in between; others have written to it since. */
async function putBack(store: RestorableStore, { registry }: Control): Promise<void> {
  await registry.commit(1, [], registry.guard);
  const backup = store.backup();
  await registry.commit(2, [], registry.guard);
  store.restore(backup, 100);
}

describe("a config service whose store was put back", () => {
  it("says so once where it finds it out by itself", async () => {
    const store = new RestorableStore();
    const { control, restored } = await open(store);
    const { id } = control.routes;
    await putBack(store, control);
    await until(() => control.routes.id !== id, "it is another store");
    assert.deepEqual(restored(), [control.routes.id]);
  });

  it("says so once where another replica was the first to find it out", async () => {
    const store = new RestorableStore();
    const one = await open(store);
    const two = await open(store, "second");
    const { id } = one.control.routes;
    await putBack(store, one.control);
    const both = [one, two];
    await until(() => both.every(({ control }) => control.routes.id !== id), "it is another store to both");
    const { id: now } = one.control.routes;
    assert.deepEqual([one.restored(), two.restored()], [[now], [now]]);
  });

  it("says so where the answer of the store to its new id was lost", async () => {
    const store = new RestorableStore();
    const { control, restored, clock } = await open(store);
    const { id } = control.routes;
    await control.registry.commit(1, [], control.registry.guard);
    const backup = store.backup();
    await control.registry.commit(2, [], control.registry.guard);
    store.losesAnswer = true;
    store.restore(backup, 100);
    await until(() => control.routes.id !== id, "it is another store");
    clock.advance(1_000);
    assert.deepEqual(restored(), [control.routes.id]);
  });

  it("is asked how far it has come by the word of who polls and has more of it, and by no other", async () => {
    const store = new RestorableStore();
    const { control, restored } = await open(store);
    await control.registry.commit(1, [], control.registry.guard);
    const { id, revision } = control.routes;
    const asked = { times: 0 };
    const get = store.get.bind(store);
    store.get = (...which) => {
      asked.times++;
      return get(...which);
    };
    const by = { instance: "i", identity: "" };
    const version = (store: string, revision: number) => ({ store, revision, digest: "00000000" });
    control.polled([], by);
    control.polled([version(id, revision), version("fedcba987654", 9)], by);
    assert.equal(asked.times, 0);
    control.polled([version(id, revision), version(id, revision + 1)], by);
    await until(() => control.routes.id !== id, "it is another store");
    assert.deepEqual([restored(), asked.times > 0], [[control.routes.id], true]);
  });

  it("says nothing of it where all that is new is a change", async () => {
    const { control, restored } = await open(new RestorableStore());
    await control.registry.commit(1, [], control.registry.guard);
    assert.deepEqual(restored(), []);
  });
});
