import assert from "node:assert/strict";
import fc from "fast-check";
import type { KeySource } from "../../../../src/model/route.ts";
import type { Method, RequestFacts } from "../../../../src/protocol/dialect.ts";
import { newRequestFacts } from "../../../../src/protocol/facts.ts";
import { openInference } from "../../../../src/protocol/open-inference/index.ts";
import { modelInfer, modelStreamInfer } from "../../../../src/protocol/open-inference/methods.ts";
import { encode } from "../../../support/protos.ts";
import { bytesField, elements, embedded, varintField } from "../../../support/wire-bytes.ts";

const byInput: KeySource[] = [{ kind: "input", name: "user_id" }];
const byParameter: KeySource[] = [{ kind: "parameter", name: "user" }];

function read(message: Uint8Array, from = byInput, ignore: string[] = [], method: Method = modelInfer): RequestFacts {
  const facts = newRequestFacts();
  const { bytes, start, end } = embedded(message);
  openInference.requestReader(from, ignore).read(method, bytes, start, end, facts);
  return facts;
}

const inferRequest = (fields: Record<string, unknown>) => encode("inference.ModelInferRequest", fields);

/** Raw texts: four bytes of length, little end first, and the text. */
function rawTexts(...texts: string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    }),
  );
}

describe("An Open Inference request's model", () => {
  it("is its name and version", () => {
    const facts = read(inferRequest({ modelName: "fraud", modelVersion: "v-41" }));
    assert.deepEqual([facts.model, facts.version], ["fraud", "v-41"]);
  });

  it("is undefined where it is left out or empty", () => {
    const facts = read(inferRequest({ id: "1" }));
    assert.deepEqual([facts.model, facts.version, facts.exception], [undefined, undefined, undefined]);
  });

  it("is the last one where it is given twice", () => {
    const twice = Buffer.concat([bytesField(1, "a"), bytesField(2, "1"), bytesField(1, "b"), bytesField(2)]);
    assert.deepEqual([read(twice).model, read(twice).version], ["b", undefined]);
  });

  it("is found in a stream's first message too", () => {
    assert.equal(read(inferRequest({ modelName: "fraud" }), byInput, [], modelStreamInfer).model, "fraud");
  });

  const others: [string, Record<string, unknown>, string | undefined, string | undefined][] = [
    ["ModelReady", { name: "fraud", version: "2" }, "fraud", "2"],
    ["ModelMetadata", { name: "fraud", version: "2" }, "fraud", "2"],
    ["ModelConfig", { name: "fraud", version: "2" }, "fraud", "2"],
    ["ModelStatistics", { name: "fraud", version: "2" }, "fraud", "2"],
    ["RepositoryModelLoad", { repositoryName: "r", modelName: "fraud" }, "fraud", undefined],
    ["RepositoryModelUnload", { repositoryName: "r", modelName: "fraud" }, "fraud", undefined],
    ["TraceSetting", { modelName: "fraud" }, "fraud", undefined],
    ["RepositoryIndex", { repositoryName: "r" }, undefined, undefined],
    ["ServerLive", {}, undefined, undefined],
  ];
  for (const [name, fields, model, version] of others) {
    it(`is ${model ?? "not"} found in ${name}`, () => {
      const method = openInference.method(`/inference.GRPCInferenceService/${name}`);
      assert.ok(method);
      const facts = read(encode(`inference.${name}Request`, fields), byInput, [], method);
      assert.deepEqual([facts.model, facts.version, facts.exception], [model, version, undefined]);
    });
  }
});

describe("An Open Inference request's key in a parameter", () => {
  const values: [string, Record<string, unknown>, string | undefined][] = [
    ["text", { stringParam: "u-17" }, "u-17"],
    ["an integer", { int64Param: "-9007199254740993" }, "-9007199254740993"],
    ["an unsigned integer", { uint64Param: "18446744073709551615" }, "18446744073709551615"],
    ["a truth value", { boolParam: true }, "true"],
    ["another truth value", { boolParam: false }, "false"],
    ["no float", { doubleParam: 4 }, undefined],
    ["nothing", {}, undefined],
  ];
  for (const [what, value, key] of values) {
    it(`is ${what}`, () => {
      const facts = read(inferRequest({ parameters: { priority: { int64Param: 1 }, user: value } }), byParameter);
      assert.deepEqual([facts.key, facts.keySource, facts.sequence], [key, key === undefined ? -1 : 0, false]);
    });
  }

  it("is the last one where it is given twice, also within its oneof", () => {
    const parameter = (...choice: Buffer[]) => bytesField(4, bytesField(1, "user"), bytesField(2, ...choice));
    assert.equal(
      read(Buffer.concat([parameter(varintField(2, 1)), parameter(varintField(2, 2))]), byParameter).key,
      "2",
    );
    assert.equal(read(parameter(varintField(2, 1), bytesField(3, "text")), byParameter).key, "text");
  });

  it("is another matter than an input of the same name", () => {
    const message = inferRequest({
      parameters: { user_id: { stringParam: "p" } },
      inputs: [{ name: "user", datatype: "BYTES", contents: { bytesContents: [Buffer.from("i")] } }],
    });
    assert.equal(read(message, byInput).key, undefined);
    assert.equal(read(message, byParameter).key, undefined);
  });
});

describe("An Open Inference request's key in an input", () => {
  const typed: [string, Record<string, unknown>, string | undefined][] = [
    ["BYTES", { bytesContents: [Buffer.from("u"), Buffer.from("u")] }, "u"],
    ["INT8", { intContents: [-3] }, "-3"],
    ["INT16", { intContents: [-300] }, "-300"],
    ["INT32", { intContents: [-70_000] }, "-70000"],
    ["INT64", { int64Contents: ["9007199254740993"] }, "9007199254740993"],
    ["UINT8", { uintContents: [255] }, "255"],
    ["UINT16", { uintContents: [65_535] }, "65535"],
    ["UINT32", { uintContents: [4_294_967_295] }, "4294967295"],
    ["UINT64", { uint64Contents: ["18446744073709551615"] }, "18446744073709551615"],
    ["BOOL", { boolContents: [true] }, undefined],
    ["FP32", { fp32Contents: [1] }, undefined],
    ["INT64", { bytesContents: [Buffer.from("u")] }, undefined],
    ["", { int64Contents: [1] }, undefined],
  ];
  const other = { name: "x", datatype: "FP32", shape: [3], contents: { fp32Contents: [1, 2, 3] } };
  for (const [datatype, contents, key] of typed) {
    it(`is ${key ?? "nothing"} in ${Object.keys(contents)[0]} of ${datatype || "no type"}`, () => {
      const input = { name: "user_id", datatype, shape: [1], contents };
      const facts = read(inferRequest({ modelName: "m", inputs: [other, input, other] }));
      assert.deepEqual([facts.key, facts.exception], [key, undefined]);
    });
  }

  const raw: [string, Buffer, string | undefined, string | undefined][] = [
    ["BYTES", rawTexts("u", "u"), "u", undefined],
    ["BYTES", rawTexts(""), "", undefined],
    ["BYTES", Buffer.alloc(0), undefined, undefined],
    ["INT8", Buffer.from([255]), "-1", undefined],
    ["UINT8", Buffer.from([255]), "255", undefined],
    ["INT16", elements("uint16", [65_535]), "-1", undefined],
    ["UINT16", elements("uint16", [65_535]), "65535", undefined],
    ["INT32", elements("int32", [-5]), "-5", undefined],
    ["UINT32", elements("int32", [-1]), "4294967295", undefined],
    ["INT64", elements("int64", [-5, -5]), "-5", undefined],
    ["UINT64", elements("int64", [-1]), "18446744073709551615", undefined],
    ["FP32", elements("float", [1]), undefined, undefined],
    ["BYTES", rawTexts("u", "v"), undefined, "multi_key"],
    ["INT64", elements("int64", [5, 6]), undefined, "multi_key"],
    ["BYTES", rawTexts("user").subarray(0, 7), undefined, "malformed"],
    ["BYTES", Buffer.from([1, 0, 0]), undefined, "malformed"],
    ["INT64", Buffer.alloc(12), undefined, "malformed"],
  ];
  for (const [datatype, bytes, key, exception] of raw) {
    it(`is ${exception ?? JSON.stringify(key)} in raw ${datatype} of ${bytes.length} bytes`, () => {
      const message = inferRequest({
        inputs: [
          { name: "x", datatype: "FP32", shape: [1] },
          { name: "user_id", datatype, shape: [1] },
        ],
        rawInputContents: [elements("float", [1]), bytes],
      });
      assert.deepEqual([read(message).key, read(message).exception], [key, exception]);
    });
  }

  it("is in the raw contents that belong to it: inputs in shared memory have none", () => {
    const shared = {
      name: "s",
      datatype: "FP32",
      shape: [1],
      parameters: { shared_memory_region: { stringParam: "r" } },
    };
    const message = inferRequest({
      inputs: [
        shared,
        { name: "user_id", datatype: "BYTES", shape: [1] },
        { name: "x", datatype: "BYTES", shape: [1] },
      ],
      rawInputContents: [rawTexts("u"), rawTexts("x")],
    });
    assert.deepEqual([read(message).key, read(message).sharedMemory], ["u", true]);
  });

  it("is found whatever the order of the fields", () => {
    const input = bytesField(5, bytesField(1, "user_id"), bytesField(2, "BYTES"));
    assert.equal(read(Buffer.concat([bytesField(7, rawTexts("u")), input])).key, "u");
  });

  it("is nothing where the raw contents are too few, or the tensor is in shared memory", () => {
    const inputs = [{ name: "user_id", datatype: "BYTES", shape: [1] }];
    assert.deepEqual(
      [read(inferRequest({ inputs })).key, read(inferRequest({ inputs })).exception],
      [undefined, undefined],
    );
    const shared = { ...inputs[0], parameters: { shared_memory_region: { stringParam: "r" } } };
    const facts = read(inferRequest({ inputs: [shared], rawInputContents: [rawTexts("u")] }));
    assert.deepEqual([facts.key, facts.sharedMemory], [undefined, true]);
  });

  it("comes from the first source that has one that is not to be ignored", () => {
    const from: KeySource[] = [{ kind: "input", name: "account" }, { kind: "metadata", name: "x" }, ...byParameter];
    const request = (account: string) =>
      read(
        inferRequest({
          parameters: { user: { stringParam: "u" } },
          inputs: [{ name: "account", datatype: "BYTES", contents: { bytesContents: [Buffer.from(account)] } }],
        }),
        from,
        ["", "anonymous"],
      );
    assert.deepEqual([request("a").key, request("a").keySource], ["a", 0]);
    assert.deepEqual([request("anonymous").key, request("anonymous").keySource], ["u", 2]);
  });
});

describe("An Open Inference request's sequence", () => {
  const sequences: [Record<string, unknown>, string | undefined][] = [
    [{ int64Param: 7 }, "7"],
    [{ uint64Param: "18446744073709551615" }, "18446744073709551615"],
    [{ stringParam: "call-7" }, "call-7"],
    [{ int64Param: 0 }, undefined],
    [{ stringParam: "" }, undefined],
    [{ doubleParam: 1 }, undefined],
  ];
  for (const [value, key] of sequences) {
    it(`of ${JSON.stringify(value)} ${key === undefined ? "is none" : "is the key before any source"}`, () => {
      const parameters = { user: { stringParam: "u" }, sequence_id: value };
      const facts = read(inferRequest({ parameters }), byParameter, ["7"]);
      assert.deepEqual(
        [facts.sequence, facts.key, facts.keySource],
        key === undefined ? [false, "u", 0] : [true, key, -1],
      );
    });
  }

  it("is looked for also where a route's key is metadata", () => {
    const reader = openInference.requestReader([{ kind: "metadata", name: "x" }], []);
    assert.equal(reader.needsMessage, true);
    const message = inferRequest({ parameters: { sequence_id: { int64Param: 9 } } });
    assert.equal(read(message, [{ kind: "metadata", name: "x" }]).key, "9");
  });
});

describe("An Open Inference request's shared memory", () => {
  const region = { shared_memory_region: { stringParam: "r" } };

  it("is seen in the parameters of inputs and of outputs", () => {
    assert.equal(read(inferRequest({ inputs: [{ name: "a" }, { name: "b", parameters: region }] })).sharedMemory, true);
    assert.equal(
      read(inferRequest({ outputs: [{ name: "a" }, { name: "b", parameters: region }] })).sharedMemory,
      true,
    );
  });

  it("is not there in other parameters, nor in the request's own", () => {
    const other = { classification: { int64Param: 3 } };
    const message = inferRequest({
      parameters: region,
      inputs: [{ name: "a", parameters: other }],
      outputs: [{ name: "b", parameters: other }],
    });
    assert.equal(read(message).sharedMemory, false);
  });
});

describe("A damaged Open Inference request", () => {
  const whole = inferRequest({
    modelName: "fraud",
    modelVersion: "1",
    parameters: { user: { stringParam: "u" }, sequence_id: { int64Param: 0 } },
    inputs: [
      { name: "user_id", datatype: "INT64", shape: [2] },
      { name: "x", datatype: "FP32", contents: { fp32Contents: [1] } },
    ],
    outputs: [{ name: "scores", parameters: { classification: { int64Param: 2 } } }],
    rawInputContents: [elements("int64", [5, 5])],
  });

  it("is malformed wherever it is cut within a field, but not if it was read as one that goes on", () => {
    const reader = openInference.requestReader(byParameter, []);
    const facts = newRequestFacts();
    let malformed = 0;
    let named = 0;
    let keyed = 0;
    for (let end = 0; end < whole.length; end++) {
      reader.read(modelInfer, whole, 0, end, facts);
      if (facts.exception === "malformed") malformed++;
      reader.read(modelInfer, whole, 0, end, facts, true);
      assert.equal(facts.exception, undefined);
      if (facts.model === "fraud") named++;
      if (facts.key === "u") keyed++;
    }
    const fields = 8;
    assert.equal(malformed, whole.length - fields);
    assert.equal(named, whole.length - 7);
    assert.ok(keyed > 0 && keyed < named);
  });

  it("has no key and no fault where the raw contents of its tensor are cut off", () => {
    const facts = newRequestFacts();
    openInference.requestReader(byInput, []).read(modelInfer, whole, 0, whole.length, facts, true);
    assert.equal(facts.key, "5");
    for (let end = whole.length - 16; end < whole.length; end++) {
      openInference.requestReader(byInput, []).read(modelInfer, whole, 0, end, facts, true);
      assert.deepEqual([facts.key, facts.exception, facts.model], [undefined, undefined, "fraud"]);
    }
  });

  it("never throws, and gives a key or an exception, never both, for any bytes", () => {
    const reader = openInference.requestReader([...byInput, ...byParameter], ["x"]);
    const facts = newRequestFacts();
    const mutations = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 6 });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      mutations.map((changes) => {
        const mutated = Uint8Array.from(whole);
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        return mutated;
      }),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom(...openInference.methods), fc.boolean(), (message, method, cut) => {
        reader.read(method, message, 0, message.length, facts, cut);
        assert.ok(facts.key === undefined || facts.exception === undefined);
        assert.equal(facts.keySource === -1, facts.key === undefined || facts.sequence);
      }),
      { numRuns: 2000 },
    );
  });
});
