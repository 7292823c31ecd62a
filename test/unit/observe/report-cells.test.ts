import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { CountedSeries } from "../../../src/model/counts.ts";
import { BucketTable } from "../../../src/observe/histogram.ts";
import { trafficIndex } from "../../../src/observe/labels.ts";
import { ReportCells, reportRow } from "../../../src/observe/report-cells.ts";

const run = promisify(execFile);
const source = (path: string): string => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);

/** Holds all rounds, so that no collection gives back what one of them took. */
const roomyHeap = "--min-semi-space-size=128";

/** Prints the bytes that each of some rounds of calls took from the heap, per call. */
const allocation = `
  import { BucketTable } from ${source("src/observe/histogram.ts")};
  import { ReportCells, reportRow } from ${source("src/observe/report-cells.ts")};
  const cells = new ReportCells("fraud", "v41", new BucketTable([0.001, 0.1, 1]), new BucketTable([0.5, 1]));
  const record = () => {
    for (let i = 0; i < 50_000; i++) {
      const row = reportRow(0, (i & 1) === 1);
      cells.request(row, 0, i / 100);
      cells.score(row, (i % 1000) / 1000);
    }
  };
  const rounds = Array.from({ length: 12 }, () => {
    const before = process.memoryUsage().heapUsed;
    record();
    return (process.memoryUsage().heapUsed - before) / 50_000;
  });
  console.log(rounds.join(" "));
`;

const live = reportRow(trafficIndex.live, false);
const liveKeyed = reportRow(trafficIndex.live, true);
const shadowKeyed = reportRow(trafficIndex.shadow, true);

const scored = (): ReportCells =>
  new ReportCells("fraud", "v42", new BucketTable([0.1, 1]), new BucketTable([0, 0.5, 1]));

/** The one series there is. */
function only(cells: ReportCells): CountedSeries {
  const [first, ...more] = cells.series("7");
  assert.ok(first);
  assert.deepEqual(more, []);
  return first;
}

/** Statuses that occurred, with how often they did. */
const codesOf = ({ codes }: CountedSeries): number[][] => [...codes.entries()].filter(([, count]) => count > 0);

describe("cells of a report", () => {
  it("keep kinds of traffic apart, and calls with a key from those without, and tell of no other", () => {
    const cells = scored();
    cells.request(live, 0, 50);
    cells.request(liveKeyed, 14, 500);
    cells.request(shadowKeyed, 4, 5_000);
    const told = cells.series("7").map((each) => [each.traffic, each.keyed, codesOf(each), each.latency.counts]);
    assert.deepEqual(told, [
      ["live", false, [[0, 1]], [1, 0, 0]],
      ["live", true, [[14, 1]], [0, 1, 0]],
      ["shadow", true, [[4, 1]], [0, 0, 1]],
    ]);
  });

  it("name route, variant and version, and count in seconds", () => {
    const cells = scored();
    cells.request(live, 0, 250);
    const { route, variant, version, latency } = only(cells);
    assert.deepEqual([route, variant, version], ["fraud", "v42", "7"]);
    assert.deepEqual([latency.bounds, latency.sum], [[0.1, 1], 0.25]);
  });

  it("put scores into their histogram, and what is none to the invalid ones", () => {
    const cells = scored();
    cells.request(live, 0, 1);
    for (const value of [0, 0.2, 3, Number.NaN, Number.POSITIVE_INFINITY]) cells.score(live, value);
    cells.invalid(live);
    const { score, invalidScores } = only(cells);
    assert.deepEqual([score?.counts, score?.sum, invalidScores], [[1, 1, 0, 1], 3.2, 3]);
  });

  it("have no score, and none that is invalid, where the route has no rule for it", () => {
    const cells = new ReportCells("fraud", "v42", new BucketTable([1]), undefined);
    cells.request(live, 0, 1);
    cells.score(live, 0.5);
    cells.invalid(live);
    assert.deepEqual([only(cells).score, only(cells).invalidScores], [undefined, 0]);
  });

  it("count a status outside 0 to 16 as UNKNOWN, and a call whose clock went wrong without spoiling the sum", () => {
    const cells = scored();
    for (const wrong of [17, -1, Number.NaN]) cells.request(live, wrong, wrong === 17 ? Number.NaN : -5);
    assert.deepEqual([codesOf(only(cells)), only(cells).latency.sum], [[[2, 3]], 0]);
  });

  it("give a copy that stays as it was", () => {
    const cells = scored();
    cells.request(live, 0, 1);
    const before = only(cells);
    cells.request(live, 0, 1);
    assert.deepEqual([codesOf(before), before.latency.counts, cells.calls], [[[0, 1]], [1, 0, 0], 2]);
  });

  it("allocate no object for a call", async () => {
    const { stdout } = await run(process.execPath, [roomyHeap, "--input-type=module", "--eval", allocation], {
      timeout: 8_000,
    });
    // As with `VariantCells`: fractions that the engine boxes, two of them at most.
    const rounds = stdout.trim().split(" ").map(Number);
    assert.ok(
      rounds.every((bytes) => bytes >= 0),
      `a collection in between: ${rounds}`,
    );
    assert.ok(Math.min(...rounds) <= 2 * 16, `${rounds} bytes a call`);
  });
});
