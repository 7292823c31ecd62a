import assert from "node:assert/strict";
import { StrangerLog } from "../../../src/base/stranger-log.ts";
import { ManualClock } from "../../support/manual-clock.ts";

describe("what strangers do", () => {
  it("is told at once, then every ten seconds at most, with the number of those in between", () => {
    const clock = new ManualClock();
    const log = new StrangerLog<"noise" | "silence">(clock);
    assert.deepEqual([log.add("noise"), log.add("noise"), log.add("noise")], [0, undefined, undefined]);
    clock.advance(9_999);
    assert.equal(log.add("noise"), undefined);
    clock.advance(1);
    assert.deepEqual([log.add("noise"), log.add("noise")], [3, undefined]);
    clock.advance(60_000);
    assert.equal(log.add("noise"), 1);
  });

  it("is told by kinds, none of which hides another", () => {
    const log = new StrangerLog<"noise" | "silence">(new ManualClock());
    assert.deepEqual([log.add("noise"), log.add("silence"), log.add("noise")], [0, 0, undefined]);
  });
});
