import assert from "node:assert/strict";
import { formatInstant } from "../../../src/cli/instant.ts";

describe("a time as it is printed", () => {
  for (const [ms, text] of [
    [Date.UTC(2026, 2, 1, 12), "2026-03-01T12:00:00Z"],
    [9e15, "9999-12-31T23:59:59Z"],
    [Number.POSITIVE_INFINITY, "9999-12-31T23:59:59Z"],
    [-9e15, "0001-01-01T00:00:00Z"],
    [Number.NaN, "1970-01-01T00:00:00Z"],
  ] as const) {
    it(`is ${text} for ${ms}, whoever said it`, () => assert.equal(formatInstant(ms), text));
  }
});
