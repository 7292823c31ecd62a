import assert from "node:assert/strict";
import { nextNames, routeNameOf, variantNameOf } from "../../../src/init/names.ts";

describe("names from a server's words", () => {
  for (const [model, route] of [
    ["fraud", "fraud"],
    ["Fraud_Detector", "fraud-detector"],
    ["models/fraud v2", "models-fraud-v2"],
    ["__x__", "x"],
    ["模型", "model"],
    ["", "model"],
    ["a".repeat(80), "a".repeat(63)],
    [`${"a".repeat(62)}_b`, "a".repeat(62)],
  ] as const) {
    it(`make ${JSON.stringify(model)} the route ${route}`, () => {
      assert.equal(routeNameOf(model), route);
    });
  }

  for (const [version, variant] of [
    ["41", "v41"],
    ["1.2.0", "v1.2.0"],
    ["v3", "v3"],
    ["Blue", "blue"],
    [undefined, "v1"],
    ["", "v1"],
    ["champion", "v1"],
    ["constructor", "v1"],
  ] as const) {
    it(`make version ${version} the variant ${variant}`, () => {
      assert.equal(variantNameOf(version), variant);
    });
  }

  for (const [champion, next] of [
    ["v41", ["v42", "v43"]],
    ["v1622505600123456789", ["v1622505600123456790", "v1622505600123456791"]],
    ["blue", ["v2", "v3"]],
    ["v1.2.0", ["v2", "v3"]],
  ] as const) {
    it(`go on after ${champion} with ${next.join(" and ")}`, () => {
      assert.deepEqual(nextNames(champion), next);
    });
  }
});
