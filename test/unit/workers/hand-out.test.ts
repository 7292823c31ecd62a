import assert from "node:assert/strict";
import { HandOut } from "../../../src/workers/hand-out.ts";

/** Places with so many connections each; undefined is one that can't take any. */
const seats = (...connections: readonly (number | undefined)[]) =>
  connections.map((count) => ({ ready: count !== undefined, connections: count ?? 0 }));

describe("connections are handed", () => {
  for (const [what, given, place] of [
    ["to the worker with the fewest", seats(3, 1, 2), 1],
    ["past one that can't take any", seats(undefined, 4, 9), 1],
    ["to nobody where all have as many as they can take", seats(10, undefined, 10), -1],
    ["to nobody where none can", seats(undefined, undefined), -1],
    ["to nobody where there is none", seats(), -1],
  ] as const) {
    it(what, () => {
      assert.equal(new HandOut(10).pick(given), place);
    });
  }

  it("to equals in turn", () => {
    const handOut = new HandOut(10);
    const picked = Array.from({ length: 7 }, () => handOut.pick(seats(0, 0, 0)));
    assert.deepEqual(picked, [0, 1, 2, 0, 1, 2, 0]);
  });

  it("evenly whatever closes meanwhile", () => {
    const handOut = new HandOut(1_000);
    const open = [0, 0, 0, 0];
    for (let i = 0; i < 400; i++) {
      const at = handOut.pick(seats(...open));
      open[at] = (open[at] as number) + 1;
      if (i % 3 === 0) open[i % 2] = Math.max(0, (open[i % 2] as number) - 1);
      assert.ok(Math.max(...open) - Math.min(...open) <= 2, `${open}`);
    }
  });
});
