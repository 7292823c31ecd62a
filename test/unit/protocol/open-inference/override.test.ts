import assert from "node:assert/strict";
import type { ModelOverride } from "../../../../src/model/route.ts";
import { openInference } from "../../../../src/protocol/open-inference/index.ts";
import { methods, modelInfer, modelStreamInfer } from "../../../../src/protocol/open-inference/methods.ts";
import { decode, encode } from "../../../support/protos.ts";
import { bytesField, embedded } from "../../../support/wire-bytes.ts";

const kept: ModelOverride = { name: undefined, version: undefined, label: undefined, restoreResponse: false };

function request(message: Uint8Array, model: Partial<ModelOverride>, method = modelInfer): Uint8Array | undefined {
  const { bytes, start, end } = embedded(message);
  return openInference.override({ ...kept, ...model }).request(method, bytes, start, end);
}

function response(message: Uint8Array, model?: string, version?: string, method = modelInfer): Uint8Array | undefined {
  const { bytes, start, end } = embedded(message);
  return openInference.override(kept).response(method, bytes, start, end, model, version);
}

const fields = {
  modelName: "fraud",
  modelVersion: "1",
  id: "call-1",
  parameters: { priority: { int64Param: "3" } },
  inputs: [{ name: "x", datatype: "FP32", shape: ["1"] }],
  rawInputContents: [Buffer.alloc(4)],
};
const message = encode("inference.ModelInferRequest", fields);

describe("An Open Inference request for another model", () => {
  const cases: [Partial<ModelOverride>, Record<string, unknown>][] = [
    [{ name: "fraud-next" }, { modelName: "fraud-next" }],
    [{ version: "v-43" }, { modelVersion: "v-43" }],
    [
      { name: "größe", version: "43" },
      { modelName: "größe", modelVersion: "43" },
    ],
    [{ version: "" }, { modelVersion: "" }],
    [{ name: "n".repeat(300) }, { modelName: "n".repeat(300) }],
    [{}, {}],
  ];
  for (const [model, changed] of cases) {
    it(`has ${JSON.stringify(model).slice(0, 60)} and everything else as it was`, () => {
      const made = request(message, model);
      assert.ok(made);
      const expected = decode(
        "inference.ModelInferRequest",
        encode("inference.ModelInferRequest", { ...fields, ...changed }),
      );
      const { modelVersion = "", ...rest } = decode("inference.ModelInferRequest", made);
      const { modelVersion: expectedVersion = "", ...expectedRest } = expected;
      assert.deepEqual([rest, modelVersion], [expectedRest, expectedVersion]);
    });
  }

  it("has these bytes: those it had, and name and version after them", () => {
    const made = request(bytesField(1, "a"), { name: "bc", version: "7" });
    assert.equal(Buffer.from(made ?? []).toString("hex"), "0a01610a0262631201".concat("37"));
  });

  it("is made for ModelInfer and every message of ModelStreamInfer, and for no other method", () => {
    const made = methods.filter((method) => request(message, { name: "n" }, method) !== undefined);
    assert.deepEqual(made, [modelInfer, modelStreamInfer]);
  });

  it("can't be made from damaged bytes", () => {
    assert.equal(request(message.subarray(0, message.length - 1), { name: "n" }), undefined);
    assert.equal(request(Buffer.from([0x07]), { name: "n" }), undefined);
    assert.equal(request(Buffer.from([0x80]), { name: "n" }), undefined);
  });
});

describe("An Open Inference answer as the caller asked for it", () => {
  const answer = encode("inference.ModelInferResponse", { modelName: "fraud-next", modelVersion: "43", id: "call-1" });

  it("has the asked-for name and version, and everything else as it was", () => {
    assert.deepEqual(decode("inference.ModelInferResponse", response(answer, "fraud", "1") ?? new Uint8Array(0)), {
      modelName: "fraud",
      modelVersion: "1",
      id: "call-1",
    });
  });

  it("keeps the version that answered where none was asked for", () => {
    const restored = decode("inference.ModelInferResponse", response(answer, "fraud") ?? new Uint8Array(0));
    assert.equal(restored.modelVersion, "43");
  });

  it("is left alone in streams, where nothing was asked for and where it is damaged", () => {
    assert.equal(response(answer, "fraud", "1", modelStreamInfer), undefined);
    assert.equal(response(answer), undefined);
    assert.equal(response(answer.subarray(0, answer.length - 1), "fraud"), undefined);
  });
});
