import assert from "node:assert/strict";
import { contentOf, largestSampleBytes, sampleOf, samplesOf } from "../../../src/init/sample.ts";

const of = (datatype: string, shape: readonly number[] | undefined = [1]) => ({ name: "x", datatype, shape });

/** Reads one element as JavaScript's own typed arrays hold it. */
const readers: Readonly<Record<string, (bytes: Buffer) => number | bigint>> = {
  BOOL: (bytes) => bytes.readUInt8(),
  UINT8: (bytes) => bytes.readUInt8(),
  UINT16: (bytes) => bytes.readUInt16LE(),
  UINT32: (bytes) => bytes.readUInt32LE(),
  UINT64: (bytes) => bytes.readBigUInt64LE(),
  INT8: (bytes) => bytes.readInt8(),
  INT16: (bytes) => bytes.readInt16LE(),
  INT32: (bytes) => bytes.readInt32LE(),
  INT64: (bytes) => bytes.readBigInt64LE(),
  // The upper half of the same number in single precision.
  BF16: (bytes) => Buffer.from([0, 0, ...bytes]).readFloatLE(),
  // No reader of Node's own: sign, five bits of exponent biased by 15, ten of fraction.
  FP16: (bytes) => {
    const bits = bytes.readUInt16LE();
    return bits === 0 ? 0 : (1 + (bits & 0x3ff) / 1024) * 2 ** ((bits >> 10) - 15);
  },
  FP32: (bytes) => bytes.readFloatLE(),
  FP64: (bytes) => bytes.readDoubleLE(),
};

describe("a made-up tensor", () => {
  for (const [datatype, read] of Object.entries(readers)) {
    it(`of ${datatype} holds zeros or ones, and nothing behind them`, () => {
      const contents = ([0, 1] as const).map((filler) => {
        const sample = sampleOf(of(datatype, [2]), filler);
        return sample === undefined ? Buffer.alloc(0) : contentOf(sample);
      });
      const width = (contents[0]?.length ?? 0) / 2;
      const values = contents.map((bytes) => [read(bytes), read(bytes.subarray(width))].map(Number));
      assert.deepEqual(values, [
        [0, 0],
        [1, 1],
      ]);
    });
  }

  for (const { shape, becomes, elements } of [
    { shape: [-1, 17], becomes: [1, 17], elements: 17 },
    { shape: [-1, -1], becomes: [1, 1], elements: 1 },
    { shape: [], becomes: [], elements: 1 },
    { shape: undefined, becomes: [1], elements: 1 },
    { shape: [4, 2], becomes: [4, 2], elements: 8 },
    { shape: [-1, 0], becomes: [1, 0], elements: 0 },
  ]) {
    it(`for [${shape ?? "any"}] is [${becomes}]`, () => {
      const sample = sampleOf({ name: "x", datatype: "FP32", shape }, 0);
      assert.deepEqual([sample?.shape, sample?.elements], [becomes, elements]);
    });
  }

  it("is not made of a type that is not known, nor too large", () => {
    const rows = largestSampleBytes / 4;
    assert.deepEqual(
      [sampleOf(of("DT_COMPLEX64"), 0), sampleOf(of("constructor"), 0), sampleOf(of("FP32", [rows + 1]), 0)],
      [undefined, undefined, undefined],
    );
    assert.equal(sampleOf(of("FP32", [rows]), 0)?.elements, rows);
  });

  it("that can't be made is named, where there are several", () => {
    const made = samplesOf([of("FP32"), of("DT_VARIANT")], 0);
    assert.deepEqual(made, { ok: false, input: of("DT_VARIANT") });
  });
});
