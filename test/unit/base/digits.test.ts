import assert from "node:assert/strict";
import { digitsOf } from "../../../src/base/digits.ts";

describe("digits", () => {
  for (const { text, count, number } of [
    { text: "0", count: 1, number: 0 },
    { text: "16", count: 2, number: 16 },
    { text: "007", count: 3, number: 7 },
    { text: "12S", count: 2, number: 12 },
    { text: "999999999999999", count: 15, number: 999_999_999_999_999 },
    { text: "", count: 0, number: -1 },
    { text: "5", count: 0, number: -1 },
    { text: "1/", count: 2, number: -1 },
    { text: ":1", count: 2, number: -1 },
    { text: "-1", count: 2, number: -1 },
    { text: "1", count: 2, number: -1 },
    { text: "١", count: 1, number: -1 },
  ]) {
    it(`are ${number} in the first ${count} of "${text}"`, () => assert.equal(digitsOf(text, count), number));
  }
});
