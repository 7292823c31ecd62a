import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../support/call-memory.ts", import.meta.url));
/** Holds a round, so that no collection gives back what it took. */
const roomyHeap = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];

interface Round {
  /** Bytes a call takes from the heap. */
  readonly heap: number;
  /** Bytes it takes outside of it. */
  readonly outside: number;
}

/** Round by round; the first are not compiled yet. */
async function measured(calls: number, rounds: number, inputBytes: number): Promise<Round[]> {
  const args = [...roomyHeap, program, ...[calls, rounds, inputBytes].map(String)];
  const { stdout } = await run(process.execPath, args, { timeout: 50_000 });
  const lines = stdout.trim().split("\n");
  assert.equal(lines.length, rounds, stdout);
  return lines.map((line) => {
    const [heap = Number.NaN, outside = Number.NaN] = line.split(" ").map(Number);
    return { heap, outside };
  });
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

describe("the memory that a call takes", function () {
  this.timeout(60_000);

  it("is 3 KiB of heap at most, with split, latency and score recorded, for reports too, and nothing outside", async () => {
    const rounds = await measured(2_000, 9, 100);
    const heap = Math.min(...rounds.map((round) => round.heap));
    assert.ok(heap > 0 && heap <= 3_072, `${heap} bytes of heap`);
    const outside = middle(rounds.map((round) => round.outside));
    assert.ok(outside >= 0 && outside < 64, `${outside} bytes outside`);
  });

  it("is a third of a message of 300 KB at most: what is read lies where the read before lay", async () => {
    const rounds = await measured(100, 5, 300_000);
    const outside = Math.max(...rounds.map((round) => round.outside));
    assert.ok(outside <= 100_000, `${outside} bytes outside`);
    const heap = middle(rounds.map((round) => round.heap));
    assert.ok(heap <= 40_000, `${heap} bytes of heap`);
  });
});
