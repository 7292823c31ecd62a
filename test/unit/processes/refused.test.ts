import assert from "node:assert/strict";
import type { Loaded } from "../../../src/config/snapshot.ts";
import { Refused } from "../../../src/processes/refused.ts";

const routes = (version: string): Loaded => ({
  ok: true,
  value: { version, source: "test", routes: [] },
  warnings: [],
});
const problem = (message: string) => ({ path: "tls.ca", message });
const missing = [problem("there is no such file")];

describe("a configuration that is refused", () => {
  it("and refused again for the same reasons is told once", () => {
    const refused = new Refused();
    assert.equal(refused.note(routes("v2"), missing), true);
    assert.equal(refused.note(routes("v2"), [...missing]), false);
    assert.deepEqual(refused.problems, missing);
  });

  for (const [what, loaded, problems] of [
    ["for another reason", routes("v2"), [problem("permission denied")]],
    ["with other contents", routes("v3"), missing],
    ["and then taken", routes("v2"), []],
    ["and then can't be read", { ok: false, problems: missing, warnings: [] }, missing],
  ] as const) {
    it(`${what} is news`, () => {
      const refused = new Refused();
      refused.note(routes("v2"), missing);
      assert.equal(refused.note(loaded, problems), true);
      assert.deepEqual(refused.problems, problems);
    });
  }

  it("after a good one came is news", () => {
    const refused = new Refused();
    refused.note(routes("v2"), missing);
    refused.note(routes("v1"), []);
    assert.equal(refused.note(routes("v2"), missing), true);
  });
});
