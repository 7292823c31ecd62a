import assert from "node:assert/strict";
import type { ControlSettings } from "../../../src/config/control-settings.ts";
import { contender } from "../../support/cli.ts";

describe("contender control", () => {
  it("takes its settings from the environment, and a flag before its variable", async () => {
    const env = { CONTENDER_STORE: "dir:/data", CONTENDER_HISTORY: "5", CONTENDER_LISTEN: "a sidecar's" };
    const { code, calls } = await contender(["control", "--history", "7", "--control-http", "127.0.0.1:0"], { env });
    assert.equal(code, 0);
    assert.deepEqual(
      calls.map(({ name }) => name),
      ["control"],
    );
    const { store, history, http } = (calls[0]?.given ?? {}) as Partial<ControlSettings>;
    assert.deepEqual([store, history, http?.port], [{ kind: "dir", path: "/data" }, 7, 0]);
  });

  it("does not start with settings that are wrong, and tells all of them", async () => {
    const { code, err, calls } = await contender(["control", "--lease", "1s"], { env: { CONTENDER_STROE: "dir:/x" } });
    assert.deepEqual([code, calls], [64, []]);
    assert.equal(
      err,
      `contender: [SETTINGS_INVALID] the settings are wrong
CONTENDER_STROE: unknown setting, the nearest is CONTENDER_STORE
CONTENDER_LEASE: want 2s to 5m, got "1s"
CONTENDER_STORE: is missing: want dir:PATH, or etcd:http://HOST:PORT for several replicas
`,
    );
  });
});
