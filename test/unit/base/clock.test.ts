import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { longestDurationMs } from "../../../src/base/duration.ts";

describe("the system's clock", () => {
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  beforeEach(() => {
    warnings.length = 0;
    process.on("warning", note);
  });
  afterEach(() => process.off("warning", note));

  for (const [what, delayMs] of [
    ["a month", 30 * 86_400_000],
    ["one millisecond more than a timer holds", longestDurationMs + 1],
    ["for ever", Number.POSITIVE_INFINITY],
  ] as const) {
    it(`waits for ${what}, and does not take it for nothing`, async () => {
      let ran = false;
      const cancel = systemClock.after(delayMs, () => {
        ran = true;
      });
      // Set after it, with the delay that a timer which overflows gets: it runs after that one.
      await new Promise<void>((resolve) => systemClock.after(1, resolve));
      await new Promise<void>((resolve) => systemClock.after(1, resolve));
      cancel();
      assert.deepEqual([ran, warnings], [false, []]);
    });
  }

  it("runs what is due once, and what is cancelled never", async () => {
    const ran: string[] = [];
    systemClock.after(0, () => ran.push("cancelled"))();
    await new Promise<void>((resolve) => systemClock.after(1, resolve));
    assert.deepEqual(ran, []);
  });
});
