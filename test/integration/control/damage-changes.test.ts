import assert from "node:assert/strict";
import { readHead, readId } from "../../../src/control/routes/records.ts";
import type { Store } from "../../../src/control/store.ts";
import { applyFraud, openStore, startControl, type TestControl } from "../../support/control.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

/** As where a newer release has written a route that this one can't read, and others have gone on from there. */
describe("a store that has come further than this service can read", () => {
  const folder = new TempFolder();
  let count = 0;
  let store: Store;
  let control: TestControl;
  after(() => folder.close());

  beforeEach(async () => {
    store = await openStore(folder.at(String(count++)));
    control = await startControl("", { store });
    await applyFraud(control);
    const changes = [
      { key: "state/routes/newer", value: "of another release" },
      { key: "state/head", value: JSON.stringify({ revision: 5 }) },
    ];
    await store.commit({ when: [], changes });
    await until(() => control.control.registry.problems.length > 0, "the service has seen it");
  });
  afterEach(async () => {
    await control.close();
    await store.close();
  });

  const value = async (key: string) => (await store.get(key)).entries.find((entry) => entry.key === key)?.value ?? "";

  it("is not changed by what was planned on older routes, and says what is to be mended", async () => {
    await assert.rejects(applyFraud(control, 20), { code: 9, details: /nothing was changed: .*store_damaged/ });
    assert.equal(readHead(await value("state/head")), 5);
  });

  it("is no store that was put back, however far its sidecars have come", async () => {
    const before = control.control.routes;
    assert.equal(before.revision, 1);
    await control.control.registry.restored({ store: before.id, revision: 5 });
    assert.equal(readId(await value("state/id")), before.id);
  });
});
