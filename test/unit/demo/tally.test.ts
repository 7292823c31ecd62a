import assert from "node:assert/strict";
import { Tally } from "../../../src/demo/tally.ts";

const answer = (variant: string | undefined, rows = 1) => ({ variant, rows, scores: [] });
const users = (tally: Tally) => [...tally.now.byUser].sort(([a], [b]) => a - b);

describe("the callers' tally", () => {
  it("counts failures by what they were", () => {
    const failed = new Tally();
    failed.failed("14: gone");
    failed.failed("14: gone");
    failed.failed("4: late");
    failed.answered(1, answer("v1"), 0, 0);
    assert.deepEqual([failed.calls, failed.errors], [4, 3]);
    assert.deepEqual(
      [...failed.failures],
      [
        ["14: gone", 2],
        ["4: late", 1],
      ],
    );
  });

  it("keeps answers that no sidecar marked apart", () => {
    const direct = new Tally();
    direct.answered(1, answer(undefined, 2), 0, 0);
    direct.confirm(0);
    assert.deepEqual([direct.now.users("unknown"), direct.rows("unknown")], [1, 2]);
  });

  it("counts a user whom two variants answered for each, and knows that there were several", () => {
    const tally = new Tally();
    tally.answered(1, answer("v1"), 0, 1);
    tally.answered(1, answer("v2"), 1, 2);
    tally.answered(1, answer("v2"), 2, 3);
    tally.answered(2, answer("v2"), 2, 3);
    tally.confirm(3);
    assert.deepEqual([tally.now.users("v1"), tally.now.users("v2"), tally.now.all], [1, 2, 3]);
    assert.deepEqual(users(tally), [
      [1, undefined],
      [2, "v2"],
    ]);
  });
});

/** Routes seen in force at 100, and others from 200 on at the latest. */
const calls = [
  { what: "ended when the routes before were seen last", sentMs: 90, endedMs: 100, side: "before" },
  { what: "was under way when the routes before were seen last", sentMs: 90, endedMs: 101, side: "neither" },
  { what: "was sent and ended in between", sentMs: 110, endedMs: 190, side: "neither" },
  { what: "was sent in between and ended after it", sentMs: 199, endedMs: 250, side: "neither" },
  { what: "was sent when the routes after it were in force", sentMs: 200, endedMs: 210, side: "after" },
];

describe("a call around a change", () => {
  for (const { what, sentMs, endedMs, side } of calls) {
    for (const known of ["before", "after"]) {
      it(`that ${what} counts for ${side}, where its answer comes ${known} the change is known`, () => {
        const tally = new Tally();
        const come = () => tally.answered(7, answer("v1"), sentMs, endedMs);
        const early = known === "before";
        if (early || endedMs <= 100) come();
        tally.confirm(100);
        tally.turn(200);
        if (!early && endedMs > 100) come();
        tally.confirm(1000);
        const met = [tally.before?.byUser.has(7) === true, tally.now.byUser.has(7), tally.leftOut === 1];
        assert.deepEqual(met, [side === "before", side === "after", side === "neither"]);
        assert.deepEqual([tally.calls, tally.rows("v1")], [1, 1]);
      });
    }
  }

  it("is open until the routes are seen in force after its end", () => {
    const tally = new Tally();
    tally.answered(7, answer("v1"), 10, 50);
    tally.confirm(49);
    assert.equal(tally.now.all, 0);
    tally.confirm(50);
    assert.equal(tally.now.all, 1);
  });
});
