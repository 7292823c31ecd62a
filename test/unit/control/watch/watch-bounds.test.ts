import assert from "node:assert/strict";
import { ownCapabilities } from "../../../../src/api/capabilities.ts";
import type { NodeMessage, WatchRequest } from "../../../../src/api/messages.ts";
import { messageType } from "../../../../src/api/protos.ts";
import {
  describedFault,
  nodeFault,
  readWatchRequest,
  watchBounds,
} from "../../../../src/control/watch/watch-bounds.ts";

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

  for (const seconds of [9e12, -1, Number.MAX_SAFE_INTEGER, 253_402_300_800]) {
    it(`has not begun ${seconds} s after 1970`, () => {
      assert.match(nodeFault(node({ startedAt: { seconds, nanos: 0 } })) ?? "", /^startedAt is no time of the years/);
    });
  }

  it("may have begun at any time that is one", () => {
    for (const seconds of [0, 1_700_000_000, 253_402_300_799])
      assert.equal(nodeFault(node({ startedAt: { seconds, nanos: 0 } })), undefined);
  });
});

describe("a message of a sidecar", () => {
  const read = (message: object): WatchRequest =>
    readWatchRequest(messageType<object>("WatchRequest").encode(message)) as WatchRequest;
  const problem = (length: number) => ({ path: "p".repeat(length), message: "m".repeat(length), where: "" });

  it("has a version that a config service has given", () => {
    assert.equal(read({ version: "0123456789ab-7-01234567" }).version, "0123456789ab-7-01234567");
  });

  for (const version of ["v".repeat(500_000), "another release's", `0123456789ab-${"7".repeat(16)}-01234567`]) {
    it(`has no version where it says ${version.slice(0, 40)}, which none has given`, () => {
      assert.equal(read({ version }).version, "");
    });
  }

  it("is kept of a refusal as far as people read it, and says how much more there was", () => {
    assert.deepEqual(read({ problems: [problem(10), problem(20)] }).problems, [problem(10), problem(20)]);
    const many = read({ problems: Array.from({ length: 150 }, () => problem(1)) }).problems;
    assert.equal(many.length, watchBounds.problems + 1);
    assert.deepEqual(many.at(-1), { path: "", message: "and 50 more", where: "" });
    const long = read({ problems: Array.from({ length: 100 }, () => problem(2_000)) }).problems;
    assert.deepEqual(long[0], problem(watchBounds.problemLength));
    assert.equal(long.length, watchBounds.problemBytes / (2 * watchBounds.problemLength) + 1);
    assert.deepEqual(long.at(-1), { path: "", message: "and 92 more", where: "" });
  });
});
