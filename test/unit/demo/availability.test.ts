import assert from "node:assert/strict";
import { whyUnavailable } from "../../../src/demo/availability.ts";

describe("the demo's availability", () => {
  it("is given in a clone with its development packages", () => {
    assert.equal(whyUnavailable(), undefined);
  });

  it("names every package and file that is missing, and where to run it instead", () => {
    const why = whyUnavailable(
      (name) => name !== "onnxruntime-web",
      (file) => !file.endsWith("v2.onnx"),
    );
    assert.match(why ?? "", /package onnxruntime-web\n.*credit-v2\.onnx\n.*npm ci && npm start/);
    assert.doesNotMatch(why ?? "", /reflection|credit-v1/);
  });
});
