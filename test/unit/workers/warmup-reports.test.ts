import assert from "node:assert/strict";
import { WarmupReports } from "../../../src/workers/warmup-reports.ts";
import { turns } from "../../support/until.ts";

describe("what a worker tells of a warm-up's copies", () => {
  it("is one message for all that ended in a turn, by variant", async () => {
    const told: unknown[] = [];
    const reports = new WarmupReports((copies) => told.push(copies));
    reports.note("a", true);
    reports.note("b", false);
    reports.note("a", false);
    assert.deepEqual(told, []);
    await turns(2);
    reports.note("a", true);
    await turns(2);
    assert.deepEqual(told, [
      [
        { key: "a", answered: 1, tried: 2 },
        { key: "b", answered: 0, tried: 1 },
      ],
      [{ key: "a", answered: 1, tried: 1 }],
    ]);
  });
});
