import assert from "node:assert/strict";
import { openInference } from "../../../src/init/open-inference.ts";
import { addsUpToOne, readScores, versionOf } from "../../../src/init/read-score.ts";
import { encode } from "../../support/protos.ts";

const output = { name: "scores", datatype: "FP32", shape: [-1, 2] };

function answer(rows: readonly number[], modelVersion = "3", columns = 2): Buffer {
  const outputs = [
    { name: "scores", datatype: "FP32", shape: [rows.length / columns, columns], contents: { fp32Contents: rows } },
  ];
  return Buffer.from(encode("inference.ModelInferResponse", { modelName: "fraud", modelVersion, outputs }));
}

describe("a first answer", () => {
  for (const { rows, probabilities } of [
    { rows: [0.25, 0.75], probabilities: true },
    { rows: [0.25, 0.75, 1, 0], probabilities: true },
    { rows: [0.25, 0.7], probabilities: false },
    { rows: [0.25, 0.75, 0.5, 0.4], probabilities: false },
    { rows: [2, -1], probabilities: false },
    { rows: [Number.NaN, 1], probabilities: false },
    { rows: [], probabilities: false },
  ]) {
    it(`of [${rows}] is ${probabilities ? "" : "not "}probabilities`, () => {
      assert.equal(addsUpToOne(openInference, answer(rows), output), probabilities);
    });
  }

  it("of one column is none, though it is 1", () => {
    assert.equal(addsUpToOne(openInference, answer([1], "3", 1), { ...output, shape: [-1, 1] }), false);
  });

  it("gives scores, and why rows have none", () => {
    const spec = { output: "scores", reduce: "element", index: 1, range: [0, 1], buckets: [] } as const;
    assert.deepEqual(readScores(openInference, answer([0, 0.5, 0, 2]), spec), {
      scores: [0.5],
      invalid: ["out_of_range"],
    });
    assert.deepEqual(readScores(openInference, answer([0, 0.5]), { ...spec, output: "y" }).invalid, ["missing_output"]);
  });

  it("gives the version that answered, where it tells one", () => {
    assert.deepEqual(
      [versionOf(openInference, answer([1, 0])), versionOf(openInference, answer([1, 0], ""))],
      ["3", undefined],
    );
  });
});
