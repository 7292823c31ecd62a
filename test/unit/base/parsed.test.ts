import assert from "node:assert/strict";
import { problemLine } from "../../../src/base/parsed.ts";

describe("problemLine", () => {
  it("says where, what and why, in that order", () => {
    const problem = { where: "fraud.yaml:12", path: "spec.weights.v42", message: "want a number" };
    assert.equal(problemLine(problem), "fraud.yaml:12: spec.weights.v42: want a number");
  });

  it("leaves out what there is not", () => {
    assert.equal(problemLine({ path: "", message: "want a map" }), "want a map");
    assert.equal(problemLine({ path: "CONTENDER_PIN", message: "want a map" }), "CONTENDER_PIN: want a map");
  });
});
