/** What a sidecar, or somebody who asks for one, says of itself: what of it counts, and for whom. */
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { ownCapabilities } from "../../../src/api/capabilities.ts";
import { startControl, type TestControl } from "../../support/control.ts";
import { Owned } from "../../support/owned.ts";
import { routeDocument } from "../../support/route-document.ts";
import { twoVariants } from "../../support/route-set.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const folder = new TempFolder();
const owned = new Owned();
let control: TestControl;
let count = 0;

interface Fetched {
  readonly snapshot: { readonly routes: readonly object[]; readonly withheld: readonly object[] };
}

const joined = [[...ownCapabilities].sort().join()];
const fetched = (node: object): Promise<Fetched> => control.call("ConfigService", "Fetch", { node });

beforeEach(async () => {
  control = await startControl(folder.at(String(count++)));
  const text = routeDocument("fraud", { match: { models: ["fraud"] }, ...twoVariants, ttl: "1h" });
  await control.call("AdminService", "ApplyRoutes", { texts: [{ name: "f", text }] });
});
afterEach(async () => {
  await owned.close();
  await control.close();
});
after(() => folder.close());

describe("what is said of a sidecar", () => {
  it("is refused where a capability is no name, on a stream and for who only asks", async () => {
    const watch = control.watch({ instance: "odd", capabilities: joined });
    const { code, details } = await watch.status();
    assert.deepEqual([code, /the capability "insured,/.test(details)], [status.INVALID_ARGUMENT, true]);
    await assert.rejects(fetched({ capabilities: joined }), { code: status.INVALID_ARGUMENT });
    await assert.rejects(fetched({ workload: "w".repeat(20_000) }), /workload has 20000 characters, want at most 253/);
  });

  it("counts for itself alone", async () => {
    assert.equal((await fetched({ workload: "fraud", capabilities: [] })).snapshot.withheld.length, 1);
    const watch = control.watch({ instance: "i", workload: "fraud", capabilities: ownCapabilities });
    owned.add({ close: () => watch.end() });
    const { snapshot } = await watch.snapshot();
    assert.deepEqual([snapshot?.routes.length, snapshot?.withheld.length], [1, 0]);
  });
});
