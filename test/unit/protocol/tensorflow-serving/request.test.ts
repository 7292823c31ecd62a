import assert from "node:assert/strict";
import fc from "fast-check";
import type { KeySource } from "../../../../src/model/route.ts";
import type { Method, RequestFacts } from "../../../../src/protocol/dialect.ts";
import { newRequestFacts } from "../../../../src/protocol/facts.ts";
import { tensorflowServing } from "../../../../src/protocol/tensorflow-serving/index.ts";
import { encode } from "../../../support/protos.ts";
import { bytesField, elements, embedded, varintField } from "../../../support/wire-bytes.ts";

const userId: KeySource[] = [{ kind: "input", name: "user_id" }];

function methodNamed(name: string): Method {
  const found = tensorflowServing.methods.find((method) => method.name === name);
  assert.ok(found);
  return found;
}

const predict = methodNamed("Predict");

function read(message: Uint8Array, from = userId, ignore: string[] = [], method = predict): RequestFacts {
  const facts = newRequestFacts();
  const { bytes, start, end } = embedded(message);
  tensorflowServing.requestReader(from, ignore).read(method, bytes, start, end, facts);
  return facts;
}

function predictRequest(fields: Record<string, unknown>): Uint8Array {
  return encode("tensorflow.serving.PredictRequest", fields);
}

/** A request with a `user_id` tensor among others. */
function withTensor(tensor: Record<string, unknown>): Uint8Array {
  const features = { dtype: "DT_FLOAT", tensorShape: { dim: [{ size: 3 }] }, floatVal: [1, 2, 3] };
  return predictRequest({ modelSpec: { name: "fraud" }, inputs: { a: features, user_id: tensor, z: features } });
}

const keyOf = (tensor: Record<string, unknown>, ignore: string[] = []) => read(withTensor(tensor), userId, ignore);

describe("A TensorFlow Serving request's model", () => {
  it("is its spec's name, with the version as decimal text", () => {
    const facts = read(predictRequest({ modelSpec: { name: "fraud", version: { value: "42" } } }));
    assert.deepEqual([facts.model, facts.version], ["fraud", "42"]);
  });

  it("keeps all digits of a version of 64 bits", () => {
    const facts = read(predictRequest({ modelSpec: { name: "m", version: { value: "9007199254740993" } } }));
    assert.equal(facts.version, "9007199254740993");
  });

  it("has a label in the version's place", () => {
    assert.equal(read(predictRequest({ modelSpec: { name: "m", versionLabel: "stable" } })).version, "stable");
  });

  it("tells nothing where the message has no spec, or one without a name", () => {
    for (const message of [predictRequest({}), predictRequest({ modelSpec: { signatureName: "s" } })]) {
      const facts = read(message);
      assert.deepEqual([facts.model, facts.version, facts.exception], [undefined, undefined, undefined]);
    }
  });

  it("merges a spec in several pieces, the last value of each field standing", () => {
    const message = Buffer.concat([
      bytesField(1, bytesField(1, "old"), bytesField(2, varintField(1, 3))),
      bytesField(1, bytesField(1, "fraud"), bytesField(2)),
    ]);
    assert.deepEqual([read(message).model, read(message).version], ["fraud", "3"]);
    const relabelled = Buffer.concat([message, bytesField(1, bytesField(4, "canary")), bytesField(1, bytesField(2))]);
    assert.equal(read(relabelled).version, "0");
  });

  it("is read again for every call, also where names alternate in length and letters", () => {
    const reader = tensorflowServing.requestReader(userId, []);
    const facts = newRequestFacts();
    for (const name of ["fraud", "fraud", "frauf", "f", "größe", "x".repeat(300), "fraud"]) {
      const bytes = predictRequest({ modelSpec: { name, version: { value: name.length } } });
      reader.read(predict, bytes, 0, bytes.length, facts);
      assert.deepEqual([facts.model, facts.version], [name, `${name.length}`]);
    }
  });

  const others: [string, string, Record<string, unknown>][] = [
    ["Classify", "ClassificationRequest", { modelSpec: { name: "fraud", version: { value: 7 } } }],
    ["Regress", "RegressionRequest", { modelSpec: { name: "fraud", version: { value: 7 } } }],
    ["GetModelMetadata", "GetModelMetadataRequest", { modelSpec: { name: "fraud", version: { value: 7 } } }],
    ["GetModelStatus", "GetModelStatusRequest", { modelSpec: { name: "fraud", version: { value: 7 } } }],
    [
      "MultiInference",
      "MultiInferenceRequest",
      { tasks: [{ modelSpec: { name: "fraud", version: { value: 7 } } }, { modelSpec: { name: "other" } }] },
    ],
  ];
  for (const [name, type, fields] of others) {
    it(`is found in ${name} too`, () => {
      const facts = read(encode(`tensorflow.serving.${type}`, fields), userId, [], methodNamed(name));
      assert.deepEqual([facts.model, facts.version, facts.exception], ["fraud", "7", undefined]);
    });
  }

  it("is not looked for in a reload of the server's configuration", () => {
    const message = encode("tensorflow.serving.ReloadConfigRequest", { config: {}, metricNames: ["m"] });
    assert.equal(read(message, userId, [], methodNamed("HandleReloadConfigRequest")).model, undefined);
  });
});

describe("A TensorFlow Serving request's key", () => {
  const shape = { dim: [{ size: 1 }] };
  const tensors: [string, Record<string, unknown>, string | undefined][] = [
    ["text", { dtype: "DT_STRING", tensorShape: shape, stringVal: [Buffer.from("u-17")] }, "u-17"],
    ["bytes as Latin-1", { dtype: "DT_STRING", stringVal: [Buffer.from([0x80, 0xff, 0x41])] }, "\x80\xffA"],
    ["UTF-8 as its bytes", { dtype: "DT_STRING", stringVal: [Buffer.from("é")] }, "\xc3\xa9"],
    ["int64", { dtype: "DT_INT64", tensorShape: shape, int64Val: ["9007199254740993"] }, "9007199254740993"],
    ["negative int64", { dtype: "DT_INT64", int64Val: ["-9223372036854775808"] }, "-9223372036854775808"],
    ["int32", { dtype: "DT_INT32", intVal: [-5] }, "-5"],
    ["int16", { dtype: "DT_INT16", intVal: [-300] }, "-300"],
    ["int8", { dtype: "DT_INT8", intVal: [-3] }, "-3"],
    ["uint8", { dtype: "DT_UINT8", intVal: [200] }, "200"],
    ["uint16", { dtype: "DT_UINT16", intVal: [65_535] }, "65535"],
    ["uint32", { dtype: "DT_UINT32", uint32Val: [4_294_967_295] }, "4294967295"],
    ["uint64", { dtype: "DT_UINT64", uint64Val: ["18446744073709551615"] }, "18446744073709551615"],
    ["int64 content", { dtype: "DT_INT64", tensorContent: elements("int64", [-7]) }, "-7"],
    ["int32 content", { dtype: "DT_INT32", tensorContent: elements("int32", [70_000]) }, "70000"],
    ["uint16 content", { dtype: "DT_UINT16", tensorContent: elements("uint16", [65_535]) }, "65535"],
    ["uint8 content", { dtype: "DT_UINT8", tensorContent: elements("uint8", [255]) }, "255"],
    ["int8 content", { dtype: "DT_INT8", tensorContent: elements("uint8", [255]) }, "-1"],
    ["nothing for no elements", { dtype: "DT_STRING", tensorShape: { dim: [{ size: 0 }] } }, undefined],
    ["nothing for floats", { dtype: "DT_FLOAT", floatVal: [1] }, undefined],
    ["nothing for truth values", { dtype: "DT_BOOL", boolVal: [true] }, undefined],
    ["nothing for an unknown type", { dtype: 99, int64Val: [1] }, undefined],
  ];
  for (const [what, tensor, key] of tensors) {
    it(`is read as ${what}`, () => {
      const facts = keyOf(tensor);
      assert.deepEqual([facts.key, facts.keySource, facts.exception], [key, key === undefined ? -1 : 0, undefined]);
      assert.equal(facts.model, "fraud");
    });
  }

  it("is the same in every row of a batch, be it repeated or left to be", () => {
    const stringVal = ["u", "u", "u"].map((text) => Buffer.from(text));
    assert.equal(keyOf({ dtype: "DT_STRING", tensorShape: { dim: [{ size: 3 }] }, stringVal }).key, "u");
    const once = { dtype: "DT_INT64", tensorShape: { dim: [{ size: 3 }] }, int64Val: [5] };
    assert.equal(keyOf(once).key, "5");
  });

  const mixed: [string, Record<string, unknown>][] = [
    ["texts", { dtype: "DT_STRING", stringVal: [Buffer.from("u"), Buffer.from("v")] }],
    ["texts of different lengths", { dtype: "DT_STRING", stringVal: [Buffer.from("u"), Buffer.from("u1")] }],
    ["integers", { dtype: "DT_INT64", int64Val: [1, 1, 2] }],
    ["integers in content", { dtype: "DT_INT64", tensorContent: elements("int64", [1, 1, 2 ** 32 + 1]) }],
  ];
  for (const [what, tensor] of mixed) {
    it(`is several where rows differ: ${what}`, () => {
      const facts = keyOf(tensor);
      assert.deepEqual([facts.key, facts.exception], [undefined, "multi_key"]);
    });
  }

  it("comes from the first source that has one that is not to be ignored", () => {
    const text = (value: string) => ({ dtype: "DT_STRING", stringVal: [Buffer.from(value)] });
    const from: KeySource[] = [
      { kind: "metadata", name: "x-user-id" },
      { kind: "input", name: "missing" },
      { kind: "input", name: "account" },
      { kind: "parameter", name: "user" },
    ];
    const request = (account: string) =>
      read(predictRequest({ inputs: { user: text("u"), account: text(account) } }), from, ["", "anonymous", "é"]);
    assert.deepEqual([request("a").key, request("a").keySource], ["a", 2]);
    for (const account of ["", "anonymous", "é"]) {
      assert.deepEqual([request(account).key, request(account).keySource], ["u", 3]);
    }
  });

  it("reads integers however they are cut into runs, and of a name given twice the last tensor", () => {
    const tensor = (...parts: Buffer[]) => bytesField(2, bytesField(1, "user_id"), bytesField(2, ...parts));
    const unpacked = tensor(varintField(1, 9), varintField(10, 8), bytesField(10, varintField(0, 0).subarray(1)));
    assert.equal(read(unpacked).exception, "multi_key");
    const twice = Buffer.concat([unpacked, tensor(bytesField(10, Buffer.from([4])), varintField(1, 9))]);
    assert.deepEqual([read(twice).key, read(twice).exception], ["4", undefined]);
  });

  it("is not asked of a message by a route whose sources are metadata", () => {
    assert.equal(tensorflowServing.requestReader([{ kind: "metadata", name: "x" }], []).needsMessage, false);
    assert.equal(tensorflowServing.requestReader(userId, []).needsMessage, true);
  });

  const uid = (value: Record<string, unknown>) => ({ features: { feature: { user_id: value, other: value } } });
  const text = (...values: string[]) => uid({ bytesList: { value: values.map((value) => Buffer.from(value)) } });
  const examples: [string, Record<string, unknown>, string | undefined, string | undefined][] = [
    ["a text feature", { exampleList: { examples: [text("u", "v")] } }, "u", undefined],
    ["an integer feature", { exampleList: { examples: [uid({ int64List: { value: [-4, 5] } })] } }, "-4", undefined],
    ["the same feature in all examples", { exampleList: { examples: [text("u"), text("u")] } }, "u", undefined],
    ["different examples", { exampleList: { examples: [text("u"), text("v")] } }, undefined, "multi_key"],
    ["the context", { exampleListWithContext: { examples: [{}], context: text("c") } }, "c", undefined],
    ["an example with context", { exampleListWithContext: { examples: [text("e")], context: {} } }, "e", undefined],
    ["a float feature", { exampleList: { examples: [uid({ floatList: { value: [1] } })] } }, undefined, undefined],
    ["an empty list", { exampleList: { examples: [uid({ int64List: {} })] } }, undefined, undefined],
  ];
  for (const [name, type] of [
    ["Classify", "ClassificationRequest"],
    ["Regress", "RegressionRequest"],
  ] as const) {
    for (const [what, input, key, exception] of examples) {
      it(`is found in ${name}: ${what}`, () => {
        const message = encode(`tensorflow.serving.${type}`, { modelSpec: { name: "fraud" }, input });
        const facts = read(message, userId, [], methodNamed(name));
        assert.deepEqual([facts.key, facts.exception, facts.model], [key, exception, "fraud"]);
      });
    }
  }
});

describe("A feature that carries two lists", () => {
  it("has the last one's first value, as members of a oneof do", () => {
    const texts = bytesField(1, bytesField(1, "u"), bytesField(1, "v"));
    const integers = bytesField(3, bytesField(1, Buffer.from([7, 8])));
    const feature = (...lists: Buffer[]) =>
      bytesField(
        2,
        bytesField(1, bytesField(1, bytesField(1, bytesField(1, bytesField(1, "user_id"), bytesField(2, ...lists))))),
      );
    const keyFor = (...lists: Buffer[]) => read(feature(...lists), userId, [], methodNamed("Classify")).key;
    assert.equal(keyFor(texts, integers), "7");
    assert.equal(keyFor(integers, texts), "u");
    assert.equal(keyFor(texts, bytesField(2)), undefined);
  });
});

describe("A damaged TensorFlow Serving request", () => {
  const whole = Buffer.from(withTensor({ dtype: "DT_INT64", int64Val: [1, 1], tensorShape: { dim: [{ size: 2 }] } }));

  it("is malformed wherever it is cut within a field", () => {
    let malformed = 0;
    for (let end = 0; end < whole.length; end++) {
      if (read(whole.subarray(0, end)).exception === "malformed") malformed++;
    }
    // Cuts between two top-level fields leave a shorter message that is whole: four of them, the empty one included.
    assert.equal(malformed, whole.length - 4);
  });

  it("tells the model, and a key that lies whole, where it is read as one that goes on", () => {
    const reader = tensorflowServing.requestReader(userId, []);
    const facts = newRequestFacts();
    const keyed: number[] = [];
    const named: number[] = [];
    for (let end = 0; end < whole.length; end++) {
      reader.read(predict, whole, 0, end, facts, true);
      assert.equal(facts.exception, undefined);
      if (facts.model === "fraud") named.push(end);
      if (facts.key === "1") keyed.push(end);
    }
    const specEnd = 2 + (whole[1] as number);
    const keyEnd = whole.indexOf("user_id") - 4 + 2 + (whole[whole.indexOf("user_id") - 3] as number);
    assert.equal(named[0], specEnd);
    assert.equal(named.length, whole.length - specEnd);
    assert.equal(keyed[0], keyEnd);
    assert.equal(keyed.length, whole.length - keyEnd);
  });

  it("keeps the key of a whole tensor where another of its name is cut off", () => {
    const facts = newRequestFacts();
    const tensor = (value: number) =>
      bytesField(2, bytesField(1, "user_id"), bytesField(2, varintField(1, 9), varintField(10, value)));
    const twice = Buffer.concat([tensor(1), tensor(2)]);
    for (let end = tensor(1).length; end < twice.length; end++) {
      tensorflowServing.requestReader(userId, []).read(predict, twice, 0, end, facts, true);
      assert.deepEqual([facts.key, facts.exception], ["1", undefined], `${end}`);
    }
  });

  it("has no key from a list of examples that is cut off, and is malformed if a whole tensor is", () => {
    const facts = newRequestFacts();
    const examples = encode("tensorflow.serving.ClassificationRequest", {
      modelSpec: { name: "fraud" },
      input: { exampleList: { examples: [{ features: { feature: { user_id: { int64List: { value: [1] } } } } }] } },
    });
    const reader = tensorflowServing.requestReader(userId, []);
    reader.read(methodNamed("Classify"), examples, 0, examples.length - 1, facts, true);
    assert.deepEqual([facts.model, facts.key, facts.exception], ["fraud", undefined, undefined]);
    const half = withTensor({ dtype: "DT_INT64", tensorContent: Buffer.alloc(12) });
    reader.read(predict, half, 0, half.length - 1, facts, true);
    assert.equal(facts.exception, "malformed");
  });

  it("is malformed where the key's tensor is", () => {
    const half = { dtype: "DT_INT64", tensorContent: Buffer.alloc(12) };
    assert.deepEqual([keyOf(half).exception, keyOf(half).key, keyOf(half).model], ["malformed", undefined, "fraud"]);
    const cut = bytesField(
      2,
      bytesField(1, "user_id"),
      bytesField(2, varintField(1, 9), bytesField(10, Buffer.from([0x80]))),
    );
    assert.equal(read(cut).exception, "malformed");
  });

  it("never throws, and gives a key or an exception, never both, for any bytes", () => {
    const reader = tensorflowServing.requestReader(userId, ["x"]);
    const facts = newRequestFacts();
    const classified = encode("tensorflow.serving.ClassificationRequest", {
      input: {
        exampleListWithContext: { examples: [{ features: { feature: { user_id: { int64List: { value: [1] } } } } }] },
      },
    });
    const mutations = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 6 });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.tuple(fc.constantFrom(whole, classified), mutations).map(([message, changes]) => {
        const mutated = Uint8Array.from(message);
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        return mutated;
      }),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom(...tensorflowServing.methods), (message, method) => {
        reader.read(method, message, 0, message.length, facts);
        assert.ok(facts.key === undefined || facts.exception === undefined);
        assert.equal(facts.keySource === -1, facts.key === undefined);
      }),
      { numRuns: 2000 },
    );
  });
});
