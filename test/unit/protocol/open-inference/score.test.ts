import assert from "node:assert/strict";
import fc from "fast-check";
import type { ScoreReduce, ScoreSpec } from "../../../../src/model/route.ts";
import { openInference } from "../../../../src/protocol/open-inference/index.ts";
import { modelInfer, modelStreamInfer } from "../../../../src/protocol/open-inference/methods.ts";
import { OpenInferenceScoreReader } from "../../../../src/protocol/open-inference/score.ts";
import { encode } from "../../../support/protos.ts";
import { RecordedScores, readScores } from "../../../support/recorded-scores.ts";
import { bytesField, elements, varintField } from "../../../support/wire-bytes.ts";

function specOf(reduce: ScoreReduce = "element", index = 0, range?: [number, number]): ScoreSpec {
  return { output: "scores", reduce, index, range, buckets: [] };
}

const read = (message: Uint8Array, spec: ScoreSpec | undefined = specOf()) =>
  readScores(openInference.scoreReader(spec), modelInfer, message);

const inferResponse = (fields: Record<string, unknown>) => encode("inference.ModelInferResponse", fields);
const other = { name: "key", datatype: "INT64", shape: [1] };

/** An answer whose second of three outputs is `scores`. */
function contents(datatype: string, shape: number[], fields: Record<string, unknown>): Uint8Array {
  const scores = { name: "scores", datatype, shape, contents: fields };
  return inferResponse({ modelName: "fraud", modelVersion: "2", outputs: [other, scores, { ...other, name: "z" }] });
}

function raw(datatype: string, shape: number[], bytes: Uint8Array): Uint8Array {
  const eight = Buffer.alloc(8);
  return inferResponse({
    modelName: "fraud",
    modelVersion: "2",
    outputs: [other, { name: "scores", datatype, shape }, { ...other, name: "z" }],
    rawOutputContents: [eight, bytes, eight],
  });
}

function rawTexts(...texts: string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(text));
      return Buffer.concat([length, Buffer.from(text)]);
    }),
  );
}

describe("A ModelInfer answer's model", () => {
  it("is told once, before any score, and also where no score is asked for", () => {
    const message = contents("FP32", [1, 1], { fp32Contents: [0.5] });
    const scores = read(message);
    assert.deepEqual([scores.effectives, scores.rows, scores.late], [[["fraud", "2"]], [0.5], false]);
    const unscored = readScores(openInference.scoreReader(undefined), modelInfer, message);
    assert.deepEqual([unscored.effectives, unscored.rows], [[["fraud", "2"]], []]);
  });

  it("is told as far as the answer tells it", () => {
    assert.deepEqual(read(inferResponse({ modelName: "m" })).effectives, [["m", undefined]]);
    assert.deepEqual(read(inferResponse({})).effectives, []);
  });

  it("is not read from streams, whose answers have two types", () => {
    const scores = readScores(openInference.scoreReader(specOf()), modelStreamInfer, bytesField(1, "model or error?"));
    assert.deepEqual([scores.effectives, scores.rows], [[], []]);
  });
});

describe("A ModelInfer answer's elements", () => {
  const values = [1, 0, 3];
  const all: [string, Uint8Array, Uint8Array][] = (
    [
      ["FP32", "fp32Contents", elements("float", values)],
      ["FP64", "fp64Contents", elements("double", values)],
      ["INT8", "intContents", elements("uint8", values)],
      ["INT16", "intContents", elements("uint16", values)],
      ["INT32", "intContents", elements("int32", values)],
      ["INT64", "int64Contents", elements("int64", values)],
      ["UINT8", "uintContents", elements("uint8", values)],
      ["UINT16", "uintContents", elements("uint16", values)],
      ["UINT32", "uintContents", elements("int32", values)],
      ["UINT64", "uint64Contents", elements("int64", values)],
    ] as const
  ).map(([datatype, field, bytes]) => [
    datatype,
    contents(datatype, [3, 1], { [field]: values }),
    raw(datatype, [3, 1], bytes),
  ]);
  for (const [datatype, typed, untyped] of all) {
    it(`are read as ${datatype}, typed and raw`, () => {
      assert.deepEqual(read(typed).rows, values);
      assert.deepEqual(read(untyped).rows, values);
    });
  }

  it("are read as half floats and truth values", () => {
    assert.deepEqual(read(raw("FP16", [2, 1], elements("uint16", [0x3c00, 0xc200]))).rows, [1, -3]);
    assert.deepEqual(read(raw("BF16", [2, 1], elements("uint16", [0x3f80, 0xc040]))).rows, [1, -3]);
    assert.deepEqual(read(raw("BOOL", [2, 1], Buffer.from([1, 0]))).rows, [1, 0]);
    assert.deepEqual(read(contents("BOOL", [2, 1], { boolContents: [true, false] })).rows, [1, 0]);
  });

  it("are those of their own output, however the message is ordered", () => {
    const output = (name: string) => bytesField(5, bytesField(1, name), bytesField(2, "FP32"), varintField(3, 1));
    const rawOf = (value: number) => bytesField(6, elements("float", [value]));
    const message = Buffer.concat([rawOf(1), rawOf(2), output("a"), output("scores"), rawOf(3)]);
    assert.deepEqual(read(message).rows, [2]);
  });

  it("make rows of the last dimension, and one row without a shape", () => {
    const four = { fp32Contents: [1, 2, 3, 4] };
    assert.deepEqual(read(contents("FP32", [2, 2], four), specOf("element", 1)).rows, [2, 4]);
    assert.deepEqual(read(contents("FP32", [4], four)).rows, [1, 2, 3, 4]);
    assert.deepEqual(read(contents("FP32", [4], four), specOf("argmax")).rows, [3]);
    assert.deepEqual(read(contents("FP32", [], four), specOf("element", 3)).rows, [4]);
    assert.deepEqual(read(contents("FP32", [-1, 2], four), specOf("element", 3)).rows, [4]);
    assert.deepEqual(read(contents("FP32", [0, 2], {})).rows, []);
    assert.deepEqual(read(contents("FP32", [2, 0], {})).rows, ["missing_index", "missing_index"]);
    assert.deepEqual(read(contents("FP32", [], {})).rows, ["missing_index"]);
  });

  it("are scored up to the limit", () => {
    const limited = new OpenInferenceScoreReader(specOf(), 2);
    const message = contents("FP32", [3, 1], { fp32Contents: [1, 2, 3] });
    assert.deepEqual(readScores(limited, modelInfer, message).rows, [1, 2, "row_limit"]);
  });

  it("are never made up: one element does not stand for several", () => {
    assert.deepEqual(read(contents("FP32", [2, 1], { fp32Contents: [1] })).rows, ["malformed"]);
    assert.deepEqual(read(raw("FP32", [2, 1], elements("float", [1]))).rows, ["malformed"]);
    assert.deepEqual(read(raw("FP32", [1], Buffer.alloc(5))).rows, ["malformed"]);
    assert.deepEqual(read(raw("FP32", [1], Buffer.alloc(0))).rows, ["malformed"]);
    assert.deepEqual(read(contents("FP16", [1], { fp32Contents: [1] })).rows, ["malformed"]);
  });

  it("are missing with their raw contents", () => {
    const message = inferResponse({
      outputs: [other, { name: "scores", datatype: "FP32", shape: [1] }],
      rawOutputContents: [Buffer.alloc(8)],
    });
    assert.deepEqual(read(message).rows, ["malformed"]);
  });

  it("are elsewhere where the output is in shared memory", () => {
    const shared = {
      name: "scores",
      datatype: "FP32",
      shape: [1],
      parameters: { shared_memory_region: { stringParam: "r" } },
    };
    assert.deepEqual(read(inferResponse({ outputs: [shared] })).rows, ["shared_memory"]);
    assert.deepEqual(read(inferResponse({ outputs: [shared], rawOutputContents: [Buffer.alloc(0)] })).rows, [
      "shared_memory",
    ]);
  });

  it("are no numbers where the type is none", () => {
    assert.deepEqual(read(contents("COMPLEX", [1], {})).rows, ["not_numeric"]);
    assert.deepEqual(read(raw("COMPLEX", [1], Buffer.alloc(8))).rows, ["not_numeric"]);
  });

  it("are missing with the output", () => {
    assert.deepEqual(read(inferResponse({ outputs: [other] })).rows, ["missing_output"]);
  });
});

describe("A ModelInfer answer's classes", () => {
  const texts = ["0.75:3:cat", "0.125:0:dog: the second", "1e-1:12"];
  const both = (shape: number[], given: string[], spec: ScoreSpec) => {
    const typed = read(contents("BYTES", shape, { bytesContents: given.map((text) => Buffer.from(text)) }), spec).rows;
    assert.deepEqual(read(raw("BYTES", shape, rawTexts(...given)), spec).rows, typed);
    return typed;
  };

  it("have their values as elements and their indices as labels", () => {
    assert.deepEqual(both([1, 3], texts, specOf()), [0.75]);
    assert.deepEqual(both([1, 3], texts, specOf("element", 2)), [0.1]);
    assert.deepEqual(both([1, 3], texts, specOf("max")), [0.75]);
    assert.deepEqual(both([1, 3], texts, specOf("argmax")), [3]);
    assert.deepEqual(both([1, 3], texts, specOf("margin")), [0.625]);
    assert.deepEqual(both([3, 1], texts, specOf("argmax")), [3, 0, 12]);
  });

  it("are one row without a batch, whatever is asked for", () => {
    assert.deepEqual(both([3], texts, specOf()), [0.75]);
  });

  it("are values in any spelling of a number", () => {
    const spelt: [string, number | string][] = [
      ["0.950000:1", 0.95],
      ["-12.5:1", -12.5],
      ["3:1", 3],
      ["0.79563672038740012:1", Number("0.79563672038740012")],
      ["1.5E+3:1", 1500],
      ["nan:1", "nan"],
      ["-nan:1", "nan"],
      ["inf:1", "infinite"],
      ["-inf:1", "infinite"],
    ];
    for (const [text, score] of spelt) assert.deepEqual(both([1, 1], [text], specOf()), [score], text);
  });

  it("are no numbers in texts of another form", () => {
    for (const text of [
      "",
      "0.5",
      "cat",
      ":1",
      "x:1",
      "0.5:",
      "0.5:x",
      "0.5:-1",
      "1.2.3:1",
      "0x10:1",
      "-:1",
      ".:1",
      "1:9999999999999999",
    ]) {
      assert.deepEqual(both([1, 1], [text], specOf()), ["not_numeric"], text);
    }
  });

  it("are malformed where they are not as many as the shape says, or cut off", () => {
    assert.deepEqual(both([1, 2], texts, specOf()), ["malformed"]);
    assert.deepEqual(read(raw("BYTES", [1, 1], rawTexts("0.5:1").subarray(0, 8))).rows, ["malformed"]);
    assert.deepEqual(read(raw("BYTES", [1, 1], Buffer.from([1, 0]))).rows, ["malformed"]);
  });
});

describe("A damaged ModelInfer answer", () => {
  const whole = raw("FP32", [2, 1], elements("float", [0.5, 0.25]));

  it("is malformed where it is cut within a field", () => {
    assert.deepEqual(read(whole.subarray(0, whole.length - 1)).rows, ["malformed"]);
    assert.deepEqual(read(whole.subarray(0, 3)).effectives, []);
  });

  it("never throws, and stays within the limit of rows, for any bytes", () => {
    const classes = raw("BYTES", [1, 1], rawTexts("0.5:1:a"));
    const typed = contents("INT64", [2, 1], { int64Contents: [1, 2] });
    const mutations = fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 6 });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.tuple(fc.constantFrom(whole, classes, typed), mutations).map(([message, changes]) => {
        const mutated = Uint8Array.from(message);
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        return mutated;
      }),
    );
    const readers = (["element", "argmax", "entropy", "mean"] as const).map((reduce) =>
      openInference.scoreReader(specOf(reduce)),
    );
    fc.assert(
      fc.property(bytes, fc.constantFrom(...readers), (message, reader) => {
        const scores = new RecordedScores();
        reader.read(modelInfer, message, 0, message.length, scores);
        assert.ok(scores.rows.length <= 1026);
        assert.ok(scores.rows.every((row) => typeof row === "string" || Number.isFinite(row)));
        assert.ok(scores.effectives.length <= 1);
        assert.equal(scores.late, false);
      }),
      { numRuns: 2000 },
    );
  });
});
