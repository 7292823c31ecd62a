import assert from "node:assert/strict";
import { start } from "../support/command.ts";

describe("a sidecar whose routes come from a server that is away at its start", () => {
  const ports = { CONTENDER_LISTEN: "127.0.0.1:0", CONTENDER_ADMIN: "127.0.0.1:0" };

  for (const workers of ["1", "2"]) {
    it(`ends by a code that a restart may mend (CONTENDER_WORKERS=${workers})`, async () => {
      const CONTENDER_CONFIG = "http://127.0.0.1:1/v1/routes";
      const { code, err } = await start(["sidecar"], {
        ...ports,
        CONTENDER_CONFIG,
        CONTENDER_WORKERS: workers,
      }).ended();
      assert.equal(code, 69);
      assert.match(err, /\[UPSTREAM_UNREACHABLE\] there are no routes, so nothing is served:\nhttp:.*ECONNREFUSED/);
    });
  }

  it("ends by another one where a file of ours is no good", async () => {
    const env = { CONTENDER_CONFIG: "https://127.0.0.1:1/v1/routes", CONTENDER_CONFIG_CA: "/nowhere/ca.pem" };
    const { code } = await start(["sidecar"], { ...ports, ...env }).ended();
    assert.equal(code, 64);
  });
});
