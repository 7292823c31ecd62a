import assert from "node:assert/strict";
import type { Store } from "../../../src/control/store.ts";
import { applyFraud, openStore, startReplicas, type TestControl } from "../../support/control.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

describe("a sidecar that goes from one replica to another before its old stream is seen to be dead", () => {
  const folder = new TempFolder();
  let store: Store;
  let one: TestControl;
  let two: TestControl;
  before(async () => {
    store = await openStore(folder.at("store"));
    [one, two] = await startReplicas(store);
  });
  after(async () => {
    await two.close();
    await one.close();
    await store.close();
    folder.close();
  });

  /** Replicas tell what is new in its order: with something later, what came before it is known to both. */
  const toldAll = async (): Promise<void> => {
    for (const [here, there] of [
      [one, two],
      [two, one],
    ] as const) {
      const later = here.watch({ instance: `later-${++laters}` });
      await until(() => there.control.fleet.get(`later-${laters}`) !== undefined, "what is later is known");
      later.end();
    }
  };
  let laters = 0;
  const leftOne = () => until(() => ![...one.control.fleet.own()].includes("a"), "the first one has seen it go");

  const states = () => [one.control.fleet.get("a")?.state, two.control.fleet.get("a")?.state];

  it("is there for both of them, also once the old stream has ended", async () => {
    await applyFraud(one);
    const old = one.watch({ instance: "a" });
    old.ack(await old.snapshot());
    await until(() => states().join() === "current,current", "both know it");
    const fresh = two.watch({ instance: "a" }, old.received[0]?.version);
    await until(() => two.control.fleet.get("a")?.state === "current", "the other one has it");
    old.end();
    await leftOne();
    await toldAll();
    assert.deepEqual(states(), ["current", "current"]);
    fresh.end();
    await until(() => states().join() === "gone,gone", "both know that it is gone");
  });

  it("is there for both of them, also where the routes changed while both streams were open", async () => {
    const old = one.watch({ instance: "a" }, one.control.routes.id);
    old.ack(await old.snapshot());
    const fresh = two.watch({ instance: "a" }, old.received[0]?.version);
    await until(() => states().join() === "current,current", "both know it");
    await applyFraud(one, 20);
    fresh.ack(await fresh.snapshot());
    await toldAll();
    old.end();
    await leftOne();
    await until(() => states().join() === "current,current", "it is back in both");
    await toldAll();
    assert.deepEqual(states(), ["current", "current"]);
    assert.equal(one.control.fleet.get("a")?.version, two.control.fleet.get("a")?.version);
    fresh.end();
    await until(() => states().join() === "gone,gone", "both know that it is gone");
  });
});
