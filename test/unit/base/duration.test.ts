import assert from "node:assert/strict";
import { formatDuration, longestDurationMs, readDurationMs } from "../../../src/base/duration.ts";

describe("readDurationMs", () => {
  for (const [text, ms] of [
    ["0ms", 0],
    ["500ms", 500],
    ["2s", 2_000],
    ["1.5s", 1_500],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["596h", 2_145_600_000],
  ] as const) {
    it(`reads ${text} as ${ms} ms`, () => {
      assert.deepEqual(readDurationMs(text), { ok: true, value: ms });
    });
  }

  for (const text of ["", "5", "5 s", "s", "-1s", "1m30s", "1e3ms", ".5s", "5S", "1d", "NaNs"]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const reading = readDurationMs(text);
      assert.match(reading.ok ? "it was read" : reading.message, /^want a duration such as/);
    });
  }

  it("takes whole milliseconds only, and no noise of binary fractions for a part of one", () => {
    assert.deepEqual(readDurationMs("1.1s"), { ok: true, value: 1_100 });
    assert.equal(readDurationMs("0.5ms").ok, false);
    assert.equal(readDurationMs("1.0005s").ok, false);
  });

  it("refuses what a timer can't wait, since it would fire at once", () => {
    assert.equal(readDurationMs("597h").ok, false);
    assert.deepEqual(readDurationMs(`${longestDurationMs}ms`), { ok: true, value: longestDurationMs });
    assert.equal(readDurationMs(`${longestDurationMs + 1}ms`).ok, false);
  });
});

describe("formatDuration", () => {
  for (const [ms, text] of [
    [0, "0ms"],
    [1, "1ms"],
    [1_500, "1500ms"],
    [2_000, "2s"],
    [60_000, "1m"],
    [90_000, "90s"],
    [7_200_000, "2h"],
  ] as const) {
    it(`writes ${ms} ms as ${text}`, () => {
      assert.equal(formatDuration(ms), text);
      assert.deepEqual(readDurationMs(text), { ok: true, value: ms });
    });
  }
});
