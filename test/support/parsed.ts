/** Takes `Parsed` apart in tests, where the other side would be a failed test. */
import assert from "node:assert/strict";
import type { Parsed, Problem } from "../../src/base/parsed.ts";

/** The value; fails with the problems where there is none. */
export function parsedValue<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) assert.fail(`want a value, got ${JSON.stringify(parsed.problems)}`);
  return parsed.value;
}

/** The problems; fails where there are none. */
export function problemsOf(parsed: Parsed<unknown>): readonly Problem[] {
  if (parsed.ok) assert.fail("want problems, got a value");
  return parsed.problems;
}

/** `path: message` of each problem. */
export function problemLinesOf(parsed: Parsed<unknown>): string[] {
  return problemsOf(parsed).map(({ path, message }) => `${path}: ${message}`);
}
