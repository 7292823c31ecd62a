import assert from "node:assert/strict";
import { nextRanges } from "../../../src/router/next-table.ts";
import { rendezvousTable } from "../../../src/router/rendezvous.ts";
import { parsedValue } from "../../support/parsed.ts";
import { walkAgainst, walkTable, weightWalks } from "../../support/weight-walks.ts";

/** Each costs at most four bytes of a snapshot, in which a table has 4 KiB. */
const mostRanges = 900;

describe("a table through many changes", () => {
  // Bounds are a little above what ten thousand changes come to; docs/decisions/0018-tables-from-predecessors.md has the figures.
  const sizes = [
    { variants: 3, steps: 10_000, most: 16 },
    { variants: 5, steps: 10_000, most: 40 },
    { variants: 10, steps: 2000, most: 110 },
    { variants: 30, steps: 200, most: 600 },
  ];
  for (const { variants, steps, most } of sizes) {
    for (const walk of weightWalks) {
      it(`of ${variants} variants stays within ${most} ranges: ${steps} times ${walk.what}`, () => {
        const walked = walkTable(walk, variants, steps);
        assert.ok(walked.most <= most, `${walked.most} ranges`);
      });
    }
  }

  it("of five variants stays within a snapshot when each change is the worst of six", () => {
    const { most } = walkAgainst(5, 1000);
    assert.ok(most <= mostRanges, `${most} ranges`);
  });

  it("takes no minutes from a predecessor in tens of thousands of ranges, whoever comes or goes", () => {
    const names = ["a", "b", "c"];
    const before = parsedValue(rendezvousTable(names, { a: 1, b: 1, c: 1 }, "s")).ranges();
    assert.ok(before.length > 40_000);
    const others = parsedValue(nextRanges(before, ["x", "y"], { x: 1, y: 2 }));
    assert.ok(others.length < 10, `${others.length} ranges`);
    const after = parsedValue(nextRanges(before, [...names, "new"], { a: 1, b: 1, c: 1, new: 1 }));
    assert.ok(after.length < before.length, `${after.length} ranges`);
  });
});
