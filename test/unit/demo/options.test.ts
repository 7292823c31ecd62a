import assert from "node:assert/strict";
import { parseWeights } from "../../../src/demo/options.ts";

describe("the demo's weights", () => {
  for (const [text, weights] of [
    ["80/20", [80, 20]],
    ["99.5/0.5", [99.5, 0.5]],
    ["1/0", [1, 0]],
    ["0/0", undefined],
    ["80", undefined],
    ["80/-20", undefined],
    ["80/20/1", undefined],
    ["", undefined],
  ] as const) {
    it(`${JSON.stringify(text)} are ${weights === undefined ? "refused" : weights.join(" and ")}`, () => {
      assert.deepEqual(parseWeights(text), weights);
    });
  }
});
