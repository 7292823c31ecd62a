import assert from "node:assert/strict";
import { mended, newest, type TensorFacts, tensorText } from "../../../src/init/model-facts.ts";

const scores = (shape: readonly number[] | undefined, name = "scores"): TensorFacts => ({
  name,
  datatype: "FP32",
  shape,
});

describe("what is known of a model", () => {
  for (const { described, answered, becomes } of [
    { described: [-1, -1], answered: [1, 3], becomes: [-1, 3] },
    { described: [-1, 2], answered: [1, 2], becomes: [-1, 2] },
    { described: [-1], answered: [1], becomes: [-1] },
    { described: undefined, answered: [1, 5], becomes: [-1, 5] },
    { described: [], answered: [1], becomes: [-1] },
    { described: [], answered: [2], becomes: [2] },
    { described: [-1, -1], answered: [4], becomes: [-1, -1] },
  ]) {
    it(`mends [${described}] by an answer of [${answered}] to [${becomes}]`, () => {
      assert.deepEqual(mended([scores(described)], [scores(answered)]), [scores(becomes)]);
    });
  }

  it("keeps an output that an answer lacks, and adds one that only an answer has", () => {
    const result = mended([scores([-1, 2], "a")], [scores([1, 3], "b")]);
    assert.deepEqual(result, [scores([-1, 2], "a"), scores([-1, 3], "b")]);
  });

  for (const [versions, version] of [
    [["9", "10"], "10"],
    [["18446744073709551617", "3"], "3"],
    [["9223372036854775806", "9223372036854775807"], "9223372036854775807"],
    [["blue"], "blue"],
    [["blue", "green"], undefined],
    [[], undefined],
  ] as const) {
    it(`finds ${version} the newest of ${versions.join(", ") || "none"}`, () => {
      assert.equal(newest(versions), version);
    });
  }

  it("is told in short", () => {
    assert.deepEqual(
      [tensorText(scores([-1, 2])), tensorText(scores(undefined))],
      ["scores FP32 [-1, 2]", "scores FP32 of any shape"],
    );
  });
});
