import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { systemChance } from "../../../src/base/chance.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { openEmbeddedStore } from "../../../src/control/embedded/open.ts";
import type { Store } from "../../../src/control/store.ts";
import { startControl, type TestControl } from "../../support/control.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const document = (v42: number) => `
apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud }
spec:
  variants: { v41: { address: local }, v42: { address: "10.0.0.2:8500" } }
  champion: v41
  weights: { v41: 90, v42: ${v42} }
`;

describe("a sidecar that goes from one replica to another before its old stream is seen to be dead", () => {
  const folder = new TempFolder();
  let store: Store;
  let one: TestControl;
  let two: TestControl;
  before(async () => {
    store = await openEmbeddedStore(folder.at("store"), { clock: systemClock, chance: systemChance });
    one = await startControl("", { store, name: "one" });
    two = await startControl("", { store, name: "two" });
    await until(() => one.control.caughtUp === 1 && two.control.caughtUp === 1, "both have told each other everything");
  });
  after(async () => {
    await two.close();
    await one.close();
    await store.close();
    folder.close();
  });

  const apply = (v42: number) =>
    one.call<{ revision: number }>("AdminService", "ApplyRoutes", { texts: [{ name: "x", text: document(v42) }] });
  const states = () => [one.control.fleet.get("a")?.state, two.control.fleet.get("a")?.state];

  it("is there for both of them, also once the old stream has ended", async () => {
    await apply(10);
    const old = one.watch({ instance: "a" });
    old.ack(await old.snapshot());
    await until(() => states().join() === "current,current", "both know it");
    const fresh = two.watch({ instance: "a" }, old.received[0]?.version);
    await until(() => two.control.fleet.get("a")?.state === "current", "the other one has it");
    await setTimeout(20);
    old.end();
    await setTimeout(300);
    assert.deepEqual(states(), ["current", "current"]);
    fresh.end();
    await until(() => states().join() === "gone,gone", "both know that it is gone");
  });

  it("is there for both of them, also where the routes changed while both streams were open", async () => {
    const old = one.watch({ instance: "a" }, one.control.routes.id);
    old.ack(await old.snapshot());
    const fresh = two.watch({ instance: "a" }, old.received[0]?.version);
    await until(() => states().join() === "current,current", "both know it");
    await apply(20);
    fresh.ack(await fresh.snapshot());
    await setTimeout(100);
    old.end();
    await until(() => states().join() === "current,current", "it is back in both");
    await setTimeout(300);
    assert.deepEqual(states(), ["current", "current"]);
    assert.equal(one.control.fleet.get("a")?.version, two.control.fleet.get("a")?.version);
    fresh.end();
    await until(() => states().join() === "gone,gone", "both know that it is gone");
  });
});
