import assert from "node:assert/strict";
import { ownCapabilities } from "../../../../src/api/capabilities.ts";
import type { NodeMessage } from "../../../../src/api/messages.ts";
import { describedFault, nodeFault, watchBounds } from "../../../../src/control/watch/watch-bounds.ts";

const node = (given: Partial<NodeMessage>): NodeMessage => ({
  instance: "i",
  startedAt: null,
  namespace: "",
  workload: "",
  pod: "",
  release: "",
  capabilities: [],
  ...given,
});

describe("what a sidecar says of itself", () => {
  it("may be all that this release can do", () => {
    assert.equal(nodeFault(node({ capabilities: ownCapabilities })), undefined);
  });

  for (const odd of ["a,b", "", "A", "a b", "-a", "a\0b", "ä"]) {
    it(`has no capability ${JSON.stringify(odd)}`, () => {
      assert.match(nodeFault(node({ capabilities: ["ttl", odd] })) ?? "", /^the capability ".*", want a name such as/);
    });
  }

  it("has an end, also where nobody is said to be it", () => {
    assert.match(nodeFault(node({ instance: "" })) ?? "", /says which instance it is/);
    assert.equal(describedFault(node({ instance: "" })), undefined);
    const long = "x".repeat(watchBounds.nameLength + 1);
    assert.match(describedFault(node({ instance: "", workload: long })) ?? "", /^workload has 254 characters/);
  });
});
