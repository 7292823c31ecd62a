import assert from "node:assert/strict";
import { resolveAdminOptions } from "../../../src/admin/options.ts";

describe("admin options", () => {
  it("keep what was given and fill the rest", () => {
    const { maxConnections, maxBodyBytes } = resolveAdminOptions({ maxConnections: 3 });
    assert.deepEqual([maxConnections, maxBodyBytes], [3, 1_024]);
  });

  it("refuse a name that there is not", () => {
    const misspelt: object = { maxConections: 3 };
    assert.throws(() => resolveAdminOptions(misspelt), /unknown admin option "maxConections"/);
  });
});
