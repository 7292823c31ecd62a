import assert from "node:assert/strict";
import { dialectOfService, dialectServices } from "../../../src/model/dialect-services.ts";
import { serviceOf } from "../../../src/plan/plan.ts";
import { dialects, methodOf } from "../../../src/protocol/index.ts";
import { protos } from "../../support/protos.ts";

/** Every method of a service of the vendored definitions, by path. */
function vendored(service: string): [string, boolean][] {
  const found = protos.lookupService(service);
  return found.methodsArray.map((method) => [
    `/${service}/${method.name}`,
    method.requestStream !== true && method.responseStream !== true,
  ]);
}

describe("The dialects' methods", () => {
  it("are every method of the services' own definitions, unary where those are", () => {
    const services = [
      "tensorflow.serving.PredictionService",
      "tensorflow.serving.ModelService",
      "inference.GRPCInferenceService",
    ];
    for (const [path, unary] of services.flatMap(vendored)) {
      const found = methodOf(path);
      assert.ok(found, path);
      assert.equal(found.method.path, path);
      assert.equal(found.method.unary, unary, path);
      assert.equal(dialectOfService(serviceOf(path)), found.dialect.name);
      assert.equal(found.dialect.method(path), found.method);
    }
  });

  it("are predictions in the one service that is said to have them, and in no other", () => {
    for (const { name, methods } of Object.values(dialects)) {
      const predicting = methods.filter(({ kind }) => kind === "predict").map(({ path }) => serviceOf(path));
      assert.deepEqual([...new Set(predicting)], [dialectServices[name].predictions]);
    }
  });

  it("are predictions only where one call asks one model", () => {
    const predictions = Object.values(dialects)
      .flatMap((dialect) => dialect.methods)
      .filter((method) => method.kind === "predict")
      .map((method) => [method.name, method.unary, method.scored]);
    assert.deepEqual(predictions, [
      ["Predict", true, true],
      ["Classify", true, true],
      ["Regress", true, true],
      ["ModelInfer", true, true],
      ["ModelStreamInfer", false, false],
    ]);
  });

  it("are none for other paths", () => {
    for (const path of [
      "",
      "/",
      "/grpc.health.v1.Health/Check",
      "/tensorflow.serving.PredictionService/Other",
      "/toString",
    ]) {
      assert.equal(methodOf(path), undefined);
    }
  });

  it("belong to the dialect of their name", () => {
    for (const [name, dialect] of Object.entries(dialects)) assert.equal(dialect.name, name);
  });
});
