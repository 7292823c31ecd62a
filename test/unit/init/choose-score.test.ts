import assert from "node:assert/strict";
import { chooseScore, type Seen } from "../../../src/init/choose-score.ts";
import type { TensorFacts } from "../../../src/init/model-facts.ts";

/** `scores FP32 -1,2` */
function tensor(text: string): TensorFacts {
  const [name = "", datatype = "", sizes] = text.split(" ");
  const shape = sizes === "?" ? undefined : sizes === "" || sizes === undefined ? [] : sizes.split(",").map(Number);
  return { name, datatype, shape };
}

function chosen(outputs: readonly string[], seen?: Seen) {
  const choice = chooseScore(outputs.map(tensor), seen);
  assert.equal(choice.kind, "chosen");
  return choice;
}

const has = (...names: string[]): Seen => ({ has: ({ name }) => names.includes(name), addsUpToOne: () => false });

describe("the choice of a score", () => {
  for (const { given, output, pick } of [
    { given: ["scores FP32 -1,2"], output: "scores", pick: "1" },
    { given: ["scores FP32 -1,1"], output: "scores", pick: "0" },
    { given: ["scores FP32 -1"], output: "scores", pick: "0" },
    { given: ["scores FP32 "], output: "scores", pick: "0" },
    { given: ["scores FP32 2"], output: "scores", pick: "1" },
    { given: ["scores FP32 -1,3"], output: "scores", pick: "max" },
    { given: ["scores FP64 10"], output: "scores", pick: "max" },
    { given: ["scores BF16 -1,-1"], output: "scores", pick: "0" },
    { given: ["scores FP16 ?"], output: "scores", pick: "0" },
    { given: ["classes INT64 -1", "key BYTES -1", "y FP32 -1,1"], output: "y", pick: "0" },
    { given: ["embedding FP32 -1,2", "y FP32 -1,1"], output: "y", pick: "0" },
    { given: ["output FP32 -1,2", "probabilities FP32 -1,2"], output: "probabilities", pick: "1" },
    { given: ["logits FP32 -1,2", "score FP32 -1,1"], output: "score", pick: "0" },
    { given: ["scores FP32 -1,128,768", "y FP32 -1,2"], output: "y", pick: "1" },
    { given: ["a FP32 -1,2", "b FP32 -1,2"], output: "a", pick: "1" },
  ]) {
    it(`takes ${output}[${pick}] of ${given.join("; ")}`, () => {
      const { output: name, reduce, index } = chosen(given);
      assert.deepEqual([name, reduce === "max" ? "max" : String(index)], [output, pick]);
    });
  }

  it("takes none where no output holds fractions, and says so", () => {
    const choice = chooseScore([tensor("classes INT64 -1")], undefined);
    assert.deepEqual(choice, { kind: "none", reasons: ["None of the model's outputs holds fractions."] });
  });

  it("takes none where no output is known, and says so", () => {
    const choice = chooseScore([], undefined);
    assert.deepEqual(choice, { kind: "none", reasons: ["The server does not describe the model's outputs."] });
  });

  it("prefers an output that an answer had over a better named one that it lacked", () => {
    assert.equal(chosen(["probabilities FP32 -1,2", "y FP32 -1,2"], has("y")).output, "y");
  });

  it("takes one that no answer had where there is no other, and says what callers must do", () => {
    const { output, reasons } = chosen(["probabilities FP32 -1,2", "label INT64 -1"], has("label"));
    assert.equal(output, "probabilities");
    assert.match(reasons.join(" "), /callers must ask for this output by its name/);
  });

  it("knows probabilities by their name", () => {
    const rows = ["scores", "predict_proba", "Softmax", "dense_sigmoid", "output"];
    const probable = rows.filter((name) => chosen([`${name} FP32 -1,2`]).probability);
    assert.deepEqual(probable, ["predict_proba", "Softmax", "dense_sigmoid"]);
  });

  it("knows probabilities by rows that add up to one, and says so", () => {
    const { probability, reasons } = chosen(["scores FP32 -1,2"], { has: () => true, addsUpToOne: () => true });
    assert.equal(probability, true);
    assert.match(reasons.join(" "), /add up to 1/);
  });
});
