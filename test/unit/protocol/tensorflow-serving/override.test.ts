import assert from "node:assert/strict";
import fc from "fast-check";
import type { ModelOverride } from "../../../../src/model/route.ts";
import { tensorflowServing } from "../../../../src/protocol/tensorflow-serving/index.ts";
import { classify, methods, predict, regress } from "../../../../src/protocol/tensorflow-serving/methods.ts";
import { decode, encode } from "../../../support/protos.ts";
import { bytesField, embedded, varint, varintField } from "../../../support/wire-bytes.ts";

const kept: ModelOverride = { name: undefined, version: undefined, label: undefined, restoreResponse: false };

function request(message: Uint8Array, model: Partial<ModelOverride>, method = predict): Uint8Array | undefined {
  const { bytes, start, end } = embedded(message);
  return tensorflowServing.override({ ...kept, ...model }).request(method, bytes, start, end);
}

function response(message: Uint8Array, model?: string, version?: string, method = predict): Uint8Array | undefined {
  const { bytes, start, end } = embedded(message);
  return tensorflowServing.override(kept).response(method, bytes, start, end, model, version);
}

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex");
const tensor = { dtype: "DT_FLOAT", tensorShape: { dim: [{ size: 1 }] }, floatVal: [0.5] };
const predictRequest = (modelSpec: Record<string, unknown> | undefined) =>
  encode("tensorflow.serving.PredictRequest", { modelSpec, inputs: { x: tensor }, outputFilter: ["scores"] });

describe("A TensorFlow Serving request for another model", () => {
  const spec = { name: "fraud", version: { value: "41" }, signatureName: "serving_default" };
  const cases: [string, Partial<ModelOverride>, Record<string, unknown>][] = [
    ["another version", { version: "43" }, { ...spec, version: { value: "43" } }],
    ["another name", { name: "fraud-next" }, { ...spec, name: "fraud-next" }],
    [
      "a label in place of the version",
      { label: "canary" },
      { name: "fraud", signatureName: "serving_default", versionLabel: "canary" },
    ],
    ["name and version", { name: "größe", version: "0" }, { ...spec, name: "größe", version: { value: "0" } }],
    ["the largest version", { version: "9223372036854775807" }, { ...spec, version: { value: "9223372036854775807" } }],
    ["nothing", {}, spec],
  ];
  for (const [what, model, expected] of cases) {
    it(`has ${what} and everything else as it was`, () => {
      const message = request(predictRequest(spec), model);
      assert.ok(message);
      assert.deepEqual(
        decode("tensorflow.serving.PredictRequest", message),
        decode("tensorflow.serving.PredictRequest", predictRequest(expected)),
      );
    });
  }

  it("has the version in place of the label", () => {
    const message = request(predictRequest({ name: "fraud", versionLabel: "stable" }), { version: "43" });
    assert.deepEqual(decode("tensorflow.serving.PredictRequest", message ?? new Uint8Array(0)).modelSpec, {
      name: "fraud",
      version: { value: "43" },
    });
  });

  it("has these bytes", () => {
    const message = request(
      Buffer.concat([
        bytesField(3, "a"),
        bytesField(1, bytesField(1, "fraud"), bytesField(2, varintField(1, 41)), bytesField(3, "s")),
        bytesField(3, "b"),
      ]),
      { version: "300" },
    );
    assert.equal(hex(message), `1a0161${"0a0f"}${"0a056672617564"}${"120308ac02"}${"1a0173"}1a0162`);
  });

  it("has one spec where there were several, merged as a merging parser would", () => {
    const pieces = Buffer.concat([
      bytesField(1, bytesField(1, "old"), bytesField(4, "stable")),
      bytesField(3, "filter"),
      bytesField(1, bytesField(2, varintField(1, 41)), bytesField(1, "fraud")),
      bytesField(1, bytesField(3, "sig"), bytesField(2)),
      bytesField(5),
    ]);
    const once = bytesField(1, bytesField(1, "fraud"), bytesField(2, varintField(1, 41)), bytesField(3, "sig"));
    assert.equal(hex(request(pieces, {})), hex(Buffer.concat([once, bytesField(3, "filter"), bytesField(5)])));
    const labelled = bytesField(1, bytesField(1, "fraud"), bytesField(3, "sig"), bytesField(4, "canary"));
    assert.equal(
      hex(request(pieces, { label: "canary" })),
      hex(Buffer.concat([labelled, bytesField(3, "filter"), bytesField(5)])),
    );
  });

  it("drops what a later member of the version's oneof has put away", () => {
    const spec = bytesField(1, bytesField(2, varintField(1, 41)), bytesField(4, "stable"), bytesField(2));
    assert.equal(hex(request(spec, {})), hex(bytesField(1, bytesField(2))));
    const labelled = bytesField(1, bytesField(2, varintField(1, 41)), bytesField(4));
    assert.equal(hex(request(labelled, {})), hex(bytesField(1, bytesField(4))));
  });

  it("keeps fields of the spec that it does not know", () => {
    const spec = bytesField(1, varintField(9, 5), bytesField(1, "m"), bytesField(15, "x"), bytesField(3, "s"));
    const message = request(Buffer.concat([spec, bytesField(1, varintField(8, 1))]), { name: "n" });
    const expected = bytesField(
      1,
      bytesField(1, "n"),
      bytesField(3, "s"),
      varintField(9, 5),
      bytesField(15, "x"),
      varintField(8, 1),
    );
    assert.equal(hex(message), hex(expected));
  });

  it("keeps a negative version and specs of any length", () => {
    const negative = bytesField(1, bytesField(2, Buffer.concat([Buffer.from([8]), varint(-1)])));
    assert.equal(hex(request(negative, {})), hex(negative));
    const long = bytesField(1, bytesField(1, "n".repeat(20_000)), bytesField(3, "s".repeat(300)));
    assert.equal(hex(request(long, {})), hex(long));
    const longer = request(bytesField(1, bytesField(3, "s")), { name: "n".repeat(20_000) });
    assert.equal(hex(longer), hex(bytesField(1, bytesField(1, "n".repeat(20_000)), bytesField(3, "s"))));
  });

  it("is made for Classify and Regress too, and for no other method", () => {
    const message = bytesField(1, bytesField(1, "m"));
    const made = methods.filter((method) => request(message, { name: "n" }, method) !== undefined);
    assert.deepEqual(made, [predict, classify, regress]);
  });

  it("can't be made without a spec, from damaged bytes, or with a version that is no number", () => {
    assert.equal(request(predictRequest(undefined), { name: "n" }), undefined);
    const whole = predictRequest(spec);
    assert.equal(request(whole.subarray(0, whole.length - 1), { name: "n" }), undefined);
    assert.equal(request(whole.subarray(0, 3), { name: "n" }), undefined);
    for (const version of ["", "v2", "-1", "1.5", "9223372036854775808", "99999999999999999999"]) {
      assert.equal(request(whole, { version }), undefined, version);
    }
  });

  it("never throws, and keeps every byte outside the specs, for any bytes", () => {
    const whole = predictRequest(spec);
    const mutations = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 5 });
    const override = tensorflowServing.override({ ...kept, name: "another", version: "1" });
    const without = (message: Uint8Array) => {
      const { modelSpec, ...rest } = decode("tensorflow.serving.PredictRequest", message);
      return { rest, named: (modelSpec as Record<string, unknown> | undefined)?.name };
    };
    let made = 0;
    fc.assert(
      fc.property(mutations, (changes) => {
        const mutated = Uint8Array.from(whole);
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        const message = override.request(predict, mutated, 0, mutated.length);
        if (message === undefined) return;
        let before: ReturnType<typeof without>;
        try {
          before = without(mutated);
        } catch {
          return; // our walk does not look into tensors: the decoder may find faults there
        }
        made++;
        assert.deepEqual(without(message), { rest: before.rest, named: "another" });
      }),
      { numRuns: 1000 },
    );
    assert.ok(made > 100, `${made}`);
  });
});

describe("A TensorFlow Serving answer as the caller asked for it", () => {
  const modelSpec = { name: "fraud-next", version: { value: "43" }, signatureName: "serving_default" };
  const answer = encode("tensorflow.serving.PredictResponse", { outputs: { scores: tensor }, modelSpec });

  it("has the asked-for name and version, and its outputs as they were", () => {
    const restored = response(answer, "fraud", "41");
    const expected = {
      outputs: { scores: tensor },
      modelSpec: { ...modelSpec, name: "fraud", version: { value: "41" } },
    };
    assert.ok(restored);
    assert.deepEqual(
      decode("tensorflow.serving.PredictResponse", restored),
      decode("tensorflow.serving.PredictResponse", encode("tensorflow.serving.PredictResponse", expected)),
    );
  });

  it("keeps the version that answered where none or a label was asked for", () => {
    for (const version of [undefined, "stable"]) {
      const restored = decode(
        "tensorflow.serving.PredictResponse",
        response(answer, "fraud", version) ?? new Uint8Array(0),
      );
      assert.deepEqual(restored.modelSpec, { ...modelSpec, name: "fraud" });
    }
  });

  it("is restored for Classify and Regress too", () => {
    for (const [method, type] of [
      [classify, "tensorflow.serving.ClassificationResponse"],
      [regress, "tensorflow.serving.RegressionResponse"],
    ] as const) {
      const restored = response(encode(type, { modelSpec, result: {} }), "fraud", undefined, method);
      assert.deepEqual(decode(type, restored ?? new Uint8Array(0)), {
        result: decode(type, encode(type, { result: {} })).result,
        modelSpec: { ...modelSpec, name: "fraud" },
      });
    }
  });

  it("is left alone where it has no spec, where nothing was asked for and where it is damaged", () => {
    assert.equal(
      response(encode("tensorflow.serving.PredictResponse", { outputs: { scores: tensor } }), "fraud"),
      undefined,
    );
    assert.equal(response(answer), undefined);
    assert.equal(response(answer.subarray(0, answer.length - 1), "fraud"), undefined);
  });
});
