import assert from "node:assert/strict";
import fc from "fast-check";
import type { ScoreReduce, ScoreSpec } from "../../../../src/model/route.ts";
import { tensorflowServing } from "../../../../src/protocol/tensorflow-serving/index.ts";
import { classify, multiInference, predict, regress } from "../../../../src/protocol/tensorflow-serving/methods.ts";
import { TensorflowServingScoreReader } from "../../../../src/protocol/tensorflow-serving/score.ts";
import { encode } from "../../../support/protos.ts";
import { RecordedScores, readScores } from "../../../support/recorded-scores.ts";
import { bytesField, elements, floatField, varintField } from "../../../support/wire-bytes.ts";

function specOf(reduce: ScoreReduce = "element", index = 0, range?: [number, number]): ScoreSpec {
  return { output: "scores", reduce, index, range, buckets: [] };
}

const read = (message: Uint8Array, spec: ScoreSpec | undefined = specOf(), method = predict) =>
  readScores(tensorflowServing.scoreReader(spec), method, message);

const shapeOf = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size })) });

function predictResponse(tensor: Record<string, unknown> | undefined): Uint8Array {
  const other = { dtype: "DT_INT64", tensorShape: shapeOf(1), int64Val: [3] };
  const outputs = tensor === undefined ? { prediction: other } : { key: other, scores: tensor, z: other };
  return encode("tensorflow.serving.PredictResponse", {
    outputs,
    modelSpec: { name: "fraud", version: { value: 42 }, signatureName: "serving_default" },
  });
}

const rowsOf = (tensor: Record<string, unknown>, spec = specOf()) => read(predictResponse(tensor), spec).rows;
const floats = (values: number[], ...sizes: number[]) => ({
  dtype: "DT_FLOAT",
  tensorShape: shapeOf(...sizes),
  floatVal: values,
});

describe("A Predict answer's model", () => {
  it("is told once and before any score, though it comes after the outputs", () => {
    const scores = read(predictResponse(floats([0.5], 1, 1)));
    assert.deepEqual(scores.effectives, [["fraud", "42"]]);
    assert.equal(scores.late, false);
    assert.deepEqual(scores.rows, [0.5]);
  });

  it("is all that is read where no score is asked for", () => {
    for (const [method, type] of [
      [predict, "PredictResponse"],
      [classify, "ClassificationResponse"],
      [regress, "RegressionResponse"],
    ] as const) {
      const message = encode(`tensorflow.serving.${type}`, { modelSpec: { name: "m", versionLabel: "stable" } });
      const scores = readScores(tensorflowServing.scoreReader(undefined), method, message);
      assert.deepEqual([scores.effectives, scores.rows], [[["m", "stable"]], []]);
    }
  });

  it("is not told by an answer without one, nor by a method that is not scored", () => {
    assert.deepEqual(read(encode("tensorflow.serving.PredictResponse", {})).effectives, []);
    const scores = read(predictResponse(floats([0.5], 1)), specOf(), multiInference);
    assert.deepEqual([scores.effectives, scores.rows], [[], []]);
  });
});

describe("A Predict answer's rows", () => {
  it("are the last dimension of the tensor", () => {
    const values = [0.5, 0.25, 0.125, 1, 2, 4, 8, 16, 32, 64, 128, 256];
    assert.deepEqual(rowsOf(floats(values, 2, 2, 3), specOf("element", 1)), [0.25, 2, 16, 128]);
  });

  it("are single columns for a vector, where column 0 or the mean is asked for", () => {
    assert.deepEqual(rowsOf(floats([1, 2, 4], 3)), [1, 2, 4]);
    assert.deepEqual(rowsOf(floats([1, 2, 4], 3), specOf("mean")), [1, 2, 4]);
  });

  it("are one row for a vector, where another column or several columns are asked for", () => {
    assert.deepEqual(rowsOf(floats([1, 2, 4], 3), specOf("element", 2)), [4]);
    assert.deepEqual(rowsOf(floats([1, 2, 4], 3), specOf("max")), [4]);
    assert.deepEqual(rowsOf(floats([1, 2, 4], 3), specOf("argmax")), [2]);
  });

  it("are one row where the shape is missing, unknown or has an unknown dimension", () => {
    const values = [1, 2, 4];
    for (const tensorShape of [undefined, {}, { unknownRank: true }, shapeOf(-1, 3)]) {
      const tensor = { dtype: "DT_FLOAT", ...(tensorShape && { tensorShape }), floatVal: values };
      assert.deepEqual(rowsOf(tensor, specOf("element", 1)), [2], JSON.stringify(tensorShape));
      const content = {
        dtype: "DT_FLOAT",
        ...(tensorShape && { tensorShape }),
        tensorContent: elements("float", values),
      };
      assert.deepEqual(rowsOf(content, specOf("mean")), [7 / 3], JSON.stringify(tensorShape));
    }
  });

  it("are none for an empty batch, and lack the column where rows are empty", () => {
    assert.deepEqual(rowsOf(floats([], 0, 3)), []);
    assert.deepEqual(rowsOf(floats([], 3, 0)), ["missing_index", "missing_index", "missing_index"]);
    assert.deepEqual(rowsOf(floats([], 2, 0), specOf("max")), ["missing_index", "missing_index"]);
  });

  it("lack the column beyond their end, each of them", () => {
    assert.deepEqual(rowsOf(floats([1, 2, 3, 4], 2, 2), specOf("element", 2)), ["missing_index", "missing_index"]);
  });

  it("are filled with the last element given, and with zeros where none is", () => {
    assert.deepEqual(rowsOf(floats([0.5], 2, 3), specOf("element", 2)), [0.5, 0.5]);
    assert.deepEqual(rowsOf(floats([0.25, 0.5], 2, 2), specOf("element", 1)), [0.5, 0.5]);
    assert.deepEqual(rowsOf(floats([0.25, 0.5], 2, 2), specOf("max")), [0.5, 0.5]);
    assert.deepEqual(rowsOf(floats([0.25, 0.5, 0.75], 2, 3), specOf("mean")), [0.5, 0.75]);
    assert.deepEqual(rowsOf(floats([0.25, 0.5], 1, 4), specOf("argmax")), [1]);
    assert.deepEqual(rowsOf(floats([0.25, 0.5], 1, 4), specOf("margin")), [0]);
    assert.deepEqual(rowsOf(floats([0.5, 0.25], 1, 3), specOf("margin")), [0.25]);
    assert.deepEqual(rowsOf(floats([0.25], 1, 4), specOf("entropy")), [Math.log(4)]);
    assert.deepEqual(rowsOf(floats([], 2, 1)), [0, 0]);
    assert.deepEqual(rowsOf(floats([], 1, 3), specOf("margin")), [0]);
    assert.deepEqual(rowsOf({ dtype: "DT_INT64", tensorShape: shapeOf(2, 2), int64Val: [7] }), [7, 7]);
  });

  it("are scored up to the limit, beyond which one reason stands for them all, however many the shape claims", () => {
    const spec = specOf();
    const limited = new TensorflowServingScoreReader(spec, 2);
    assert.deepEqual(readScores(limited, predict, predictResponse(floats([1, 2], 2, 1))).rows, [1, 2]);
    assert.deepEqual(readScores(limited, predict, predictResponse(floats([1, 2, 3, 4], 4, 1))).rows, [
      1,
      2,
      "row_limit",
    ]);
    const huge = floats([1], 2 ** 40, 2 ** 40, 2 ** 40);
    for (const reduce of ["element", "max", "argmax", "margin", "entropy", "mean"] as const) {
      const rows = rowsOf(huge, specOf(reduce));
      assert.equal(rows.length, 1025, reduce);
      assert.equal(rows.at(-1), "row_limit");
    }
  });
});

describe("A Predict answer's elements", () => {
  const values = [1, 0, 3];
  const scores: [string, Record<string, unknown>][] = [
    ["float content", { dtype: "DT_FLOAT", tensorContent: elements("float", values) }],
    ["doubles", { dtype: "DT_DOUBLE", doubleVal: values }],
    ["double content", { dtype: "DT_DOUBLE", tensorContent: elements("double", values) }],
    ["int32", { dtype: "DT_INT32", intVal: values }],
    ["int32 content", { dtype: "DT_INT32", tensorContent: elements("int32", values) }],
    ["int16", { dtype: "DT_INT16", intVal: values }],
    ["int8", { dtype: "DT_INT8", intVal: values }],
    ["uint8", { dtype: "DT_UINT8", intVal: values }],
    ["uint8 content", { dtype: "DT_UINT8", tensorContent: elements("uint8", values) }],
    ["uint16", { dtype: "DT_UINT16", intVal: values }],
    ["uint16 content", { dtype: "DT_UINT16", tensorContent: elements("uint16", values) }],
    ["int64", { dtype: "DT_INT64", int64Val: values }],
    ["int64 content", { dtype: "DT_INT64", tensorContent: elements("int64", values) }],
    ["uint32", { dtype: "DT_UINT32", uint32Val: values }],
    ["uint64", { dtype: "DT_UINT64", uint64Val: values }],
    ["half", { dtype: "DT_HALF", halfVal: [0x3c00, 0, 0x4200] }],
    ["half content", { dtype: "DT_HALF", tensorContent: elements("uint16", [0x3c00, 0, 0x4200]) }],
    ["bfloat16", { dtype: "DT_BFLOAT16", halfVal: [0x3f80, 0, 0x4040] }],
    ["bfloat16 content", { dtype: "DT_BFLOAT16", tensorContent: elements("uint16", [0x3f80, 0, 0x4040]) }],
  ];
  for (const [what, tensor] of scores) {
    it(`are read as ${what}`, () => {
      assert.deepEqual(rowsOf({ ...tensor, tensorShape: shapeOf(3, 1) }), values);
      assert.deepEqual(rowsOf({ ...tensor, tensorShape: shapeOf(1, 3) }, specOf("argmax")), [2]);
    });
  }

  it("keep their sign and size", () => {
    const rows = (dtype: string, field: string, given: unknown[]) =>
      rowsOf({ dtype, tensorShape: shapeOf(given.length, 1), [field]: given });
    assert.deepEqual(rows("DT_INT32", "intVal", [-1, -(2 ** 31)]), [-1, -(2 ** 31)]);
    assert.deepEqual(rows("DT_INT64", "int64Val", ["-1", "-9223372036854775808"]), [-1, -(2 ** 63)]);
    assert.deepEqual(rows("DT_UINT32", "uint32Val", [4_294_967_295]), [4_294_967_295]);
    assert.deepEqual(rows("DT_UINT64", "uint64Val", ["18446744073709551615"]), [2 ** 64]);
    assert.deepEqual(rows("DT_HALF", "halfVal", [0xbc00, 0x0001, 0x7bff]), [-1, 2 ** -24, 65_504]);
    assert.deepEqual(rows("DT_BFLOAT16", "halfVal", [0xbf80]), [-1]);
    assert.deepEqual(rows("DT_BOOL", "boolVal", [true, false]), [1, 0]);
    assert.deepEqual(
      rowsOf({ dtype: "DT_BOOL", tensorShape: shapeOf(2, 1), tensorContent: Buffer.from([1, 0]) }),
      [1, 0],
    );
  });

  it("are read from several runs and one by one, and before the type and shape are known", () => {
    const tensor = Buffer.concat([
      floatField(5, 1),
      bytesField(5, elements("float", [2, 3])),
      floatField(5, 4),
      bytesField(2, bytesField(2, varintField(1, 2)), bytesField(2, varintField(1, 2))),
      varintField(1, 1),
    ]);
    const message = bytesField(1, bytesField(1, "scores"), bytesField(2, tensor));
    assert.deepEqual(read(message, specOf("element", 1)).rows, [2, 4]);
    assert.deepEqual(read(message, specOf("mean")).rows, [1.5, 3.5]);
    const integers = bytesField(
      1,
      bytesField(1, "scores"),
      bytesField(2, varintField(1, 9), varintField(10, 5), bytesField(10, Buffer.from([6, 7])), varintField(10, -8n)),
    );
    assert.deepEqual(read(integers, specOf("element", 3)).rows, [-8]);
  });

  it("are those of the last output of that name", () => {
    const output = (value: number) =>
      bytesField(1, bytesField(1, "scores"), bytesField(2, varintField(1, 1), floatField(5, value)));
    assert.deepEqual(read(Buffer.concat([output(1), output(2)])).rows, [2]);
  });

  it("are not numbers in text, complex and unknown tensors", () => {
    for (const tensor of [
      { dtype: "DT_STRING", stringVal: [Buffer.from("0.5")] },
      { dtype: "DT_COMPLEX64", scomplexVal: [1, 2] },
      { dtype: 1000, floatVal: [1] },
    ]) {
      assert.deepEqual(rowsOf(tensor), ["not_numeric"]);
    }
  });

  it("are malformed where they do not fit the shape or the type", () => {
    for (const tensor of [
      floats([1, 2, 3], 2, 1),
      { dtype: "DT_FLOAT", tensorShape: shapeOf(2, 1), tensorContent: Buffer.alloc(4) },
      { dtype: "DT_FLOAT", tensorShape: shapeOf(2, 1), tensorContent: Buffer.alloc(9) },
      { dtype: "DT_FLOAT", tensorContent: Buffer.alloc(5) },
    ]) {
      assert.deepEqual(rowsOf(tensor), ["malformed"]);
    }
  });
});

describe("A row's score", () => {
  const nan = Number.NaN;
  const infinity = Number.POSITIVE_INFINITY;
  const row = (values: number[], ...spec: Parameters<typeof specOf>) =>
    rowsOf({ dtype: "DT_DOUBLE", tensorShape: shapeOf(1, values.length), doubleVal: values }, specOf(...spec))[0];

  it("is an element, the largest, its place, the distance of the two largest, the entropy or the mean", () => {
    const values = [0.125, 0.5, 0.25, 0.125];
    assert.equal(row(values, "element", 2), 0.25);
    assert.equal(row(values, "max"), 0.5);
    assert.equal(row(values, "argmax"), 1);
    assert.equal(row(values, "margin"), 0.25);
    assert.ok(Math.abs((row(values, "entropy") as number) - 1.75 * Math.LN2) < 1e-12);
    assert.equal(row(values, "mean"), 0.25);
  });

  it("is the first place among equals, with no margin between them", () => {
    assert.equal(row([1, 3, 3], "argmax"), 1);
    assert.equal(row([1, 3, 3], "margin"), 0);
    assert.equal(row([-3, -1, -2], "max"), -1);
    assert.equal(row([-3, -1, -2], "margin"), 1);
  });

  it("is no number where an element that it needs is none", () => {
    assert.equal(row([nan, 1], "element", 0), "nan");
    assert.equal(row([nan, 1], "element", 1), 1);
    for (const reduce of ["max", "argmax", "margin", "mean", "entropy"] as const) {
      assert.equal(row([0.5, nan, 0.25], reduce), "nan", reduce);
    }
  });

  it("is infinite only where its result is", () => {
    assert.equal(row([infinity], "element"), "infinite");
    assert.equal(row([1, -infinity], "max"), 1);
    assert.equal(row([-infinity, -infinity], "max"), "infinite");
    assert.equal(row([1, -infinity], "margin"), "infinite");
    assert.equal(row([1, infinity], "mean"), "infinite");
    assert.equal(row([infinity, 1], "entropy"), "infinite");
  });

  it("is out of range outside the range, whose ends belong to it", () => {
    assert.deepEqual(
      [-0.5, 0, 1, 1.5].map((value) => row([value], "element", 0, [0, 1])),
      ["out_of_range", 0, 1, "out_of_range"],
    );
  });

  it("has entropy for probabilities only, and none for a certain one", () => {
    assert.equal(row([1, 0, 0], "entropy"), 0);
    assert.equal(row([1.0000001, 0], "entropy"), 0);
    assert.equal(row([-0.1, 0.5], "entropy"), "out_of_range");
    assert.equal(row([4, 2], "entropy"), "out_of_range");
  });

  it("has a margin between two columns at least", () => assert.equal(row([1], "margin"), "missing_index"));

  it("is computed for each row afresh", () => {
    const tensor = floats([0.5, 0.25, 0.125, 0.0625], 2, 2);
    for (const [reduce, expected] of [
      ["max", [0.5, 0.125]],
      ["argmax", [0, 0]],
      ["margin", [0.25, 0.0625]],
      ["mean", [0.375, 0.09375]],
    ] as const) {
      assert.deepEqual(rowsOf(tensor, specOf(reduce)), expected, reduce);
    }
  });

  it("is missing with the output", () => assert.deepEqual(read(predictResponse(undefined)).rows, ["missing_output"]));
});

describe("A Classify answer's score", () => {
  const modelSpec = { name: "fraud", version: { value: 42 } };
  const classes = (...scores: number[]) => ({ classes: scores.map((score, i) => ({ label: `c${i}`, score })) });
  const answer = (...classifications: Record<string, unknown>[]) =>
    encode("tensorflow.serving.ClassificationResponse", { result: { classifications }, modelSpec });

  it("is each example's class of that place, its largest, its place", () => {
    const message = answer(classes(0.5, 0.25), classes(0, 1));
    assert.deepEqual(read(message, specOf("element", 1), classify).rows, [0.25, 1]);
    assert.deepEqual(read(message, specOf("max"), classify).rows, [0.5, 1]);
    assert.deepEqual(read(message, specOf("argmax"), classify).rows, [0, 1]);
    assert.deepEqual(read(message, specOf("margin"), classify).rows, [0.25, 1]);
    assert.deepEqual(read(message, specOf(), classify).effectives, [["fraud", "42"]]);
  });

  it("is missing where an example has too few classes", () => {
    assert.deepEqual(read(answer(classes(0.5), classes()), specOf("element", 1), classify).rows, [
      "missing_index",
      "missing_index",
    ]);
  });

  it("is nothing where the answer is empty", () => {
    assert.deepEqual(read(answer(), specOf(), classify).rows, []);
  });

  it("stops at the limit", () => {
    const limited = new TensorflowServingScoreReader(specOf(), 2);
    const two = answer(classes(1), classes(2));
    assert.deepEqual(readScores(limited, classify, two).rows, [1, 2]);
    const many = answer(classes(1), classes(2), classes(3), classes(4));
    assert.deepEqual(readScores(limited, classify, many).rows, [1, 2, "row_limit"]);
  });
});

describe("A Regress answer's score", () => {
  it("is each example's value, whatever reduction Predict's answers need", () => {
    const message = encode("tensorflow.serving.RegressionResponse", {
      result: { regressions: [{ value: 0.5 }, { value: -2 }, {}] },
      modelSpec: { name: "m" },
    });
    for (const spec of [specOf(), specOf("element", 3), specOf("argmax")]) {
      assert.deepEqual(read(message, spec, regress).rows, [0.5, -2, 0]);
    }
    assert.deepEqual(read(message, specOf("element", 0, [0, 1]), regress).rows, [0.5, "out_of_range", 0]);
  });
});

describe("A damaged TensorFlow Serving answer", () => {
  const tensor = floats([0.5, 0.25], 2, 1);

  it("is malformed wherever it is cut within a field", () => {
    const whole = predictResponse(tensor);
    const reasons = new Set<number | string | undefined>();
    for (let end = 1; end < whole.length; end++) reasons.add(read(whole.subarray(0, end)).rows.at(-1));
    assert.deepEqual([...reasons].sort(), [0.25, "malformed", "missing_output"].sort());
    assert.deepEqual(read(whole.subarray(0, whole.length - 1)).rows, ["malformed"]);
  });

  it("never throws, and stays within the limit of rows, for any bytes", () => {
    const whole = predictResponse(tensor);
    const classified = encode("tensorflow.serving.ClassificationResponse", {
      result: { classifications: [{ classes: [{ label: "a", score: 1 }] }] },
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
    const readers = (["element", "max", "entropy", "mean"] as const).map((reduce) =>
      tensorflowServing.scoreReader(specOf(reduce)),
    );
    fc.assert(
      fc.property(
        bytes,
        fc.constantFrom(...readers),
        fc.constantFrom(predict, classify, regress),
        (message, reader, method) => {
          const scores = new RecordedScores();
          reader.read(method, message, 0, message.length, scores);
          assert.ok(scores.rows.length <= 1026);
          assert.ok(scores.rows.every((row) => typeof row === "string" || Number.isFinite(row)));
          assert.ok(scores.effectives.length <= 1);
          assert.equal(scores.late, false);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
