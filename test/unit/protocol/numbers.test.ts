import assert from "node:assert/strict";
import fc from "fast-check";
import { numberAt, numberKind, numberOfVarint, uint32At } from "../../../src/protocol/numbers.ts";

describe("Numbers of message bytes", () => {
  const bytes = Buffer.alloc(10);

  it("are what Buffer reads, for every width and sign", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), (random) => {
        bytes.set(random);
        const expected: [number, number][] = [
          [numberKind.float32, bytes.readFloatLE(1)],
          [numberKind.float64, bytes.readDoubleLE(1)],
          [numberKind.int8, bytes.readInt8(1)],
          [numberKind.int16, bytes.readInt16LE(1)],
          [numberKind.int32, bytes.readInt32LE(1)],
          [numberKind.int64, Number(bytes.readBigInt64LE(1))],
          [numberKind.uint8, bytes.readUInt8(1)],
          [numberKind.uint16, bytes.readUInt16LE(1)],
          [numberKind.uint32, bytes.readUInt32LE(1)],
          [numberKind.uint64, Number(bytes.readBigUInt64LE(1))],
        ];
        for (const [kind, value] of expected) {
          assert.equal(numberAt(kind as (typeof numberKind)["int8"], bytes, 1), value, `kind ${kind}`);
        }
        assert.equal(uint32At(bytes, 1), bytes.readUInt32LE(1));
      }),
    );
  });

  it("are half floats by the bits of IEEE 754", () => {
    const float16: [number, number][] = [
      [0x0000, 0],
      [0x8000, -0],
      [0x0001, 2 ** -24],
      [0x03ff, 1023 * 2 ** -24],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65_504],
      [0x7c00, Number.POSITIVE_INFINITY],
      [0xfc00, Number.NEGATIVE_INFINITY],
      [0x7e00, Number.NaN],
    ];
    for (const [bits, value] of float16) {
      bytes.writeUInt16LE(bits, 0);
      assert.ok(Object.is(numberAt(numberKind.float16, bytes, 0), value), bits.toString(16));
      assert.ok(Object.is(numberOfVarint(numberKind.float16, bits, 0), value), bits.toString(16));
    }
  });

  it("are bfloat16 by the upper half of a float's bits", () => {
    for (const value of [0, 1, -2.5, 2 ** -130, 3.0e38, Number.POSITIVE_INFINITY, Number.NaN]) {
      bytes.writeFloatLE(value, 2);
      bytes.writeUInt16LE(0, 2);
      const rounded = bytes.readFloatLE(2);
      assert.ok(Object.is(numberAt(numberKind.bfloat16, bytes, 4), rounded), `${value}`);
      assert.ok(Object.is(numberOfVarint(numberKind.bfloat16, bytes.readUInt16LE(4), 0), rounded), `${value}`);
    }
  });
});
