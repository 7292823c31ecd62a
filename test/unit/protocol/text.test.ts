import assert from "node:assert/strict";
import fc from "fast-check";
import { keyFromText } from "../../../src/base/hash.ts";
import {
  int64Text,
  latin1,
  RepeatedInteger,
  RepeatedText,
  sameBytes,
  uint64Text,
  utf8,
} from "../../../src/protocol/text.ts";

const halvesOf = (value: bigint): [number, number] => {
  const bits = BigInt.asUintN(64, value);
  return [Number(bits & 0xffff_ffffn), Number(bits >> 32n)];
};

describe("Text of message bytes", () => {
  it("is exact for every integer of 64 bits", () => {
    const integers = new RepeatedInteger();
    const edges = [
      0n,
      1n,
      -1n,
      2n ** 32n,
      -(2n ** 32n),
      2n ** 53n + 1n,
      -(2n ** 53n) - 1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
    ];
    const any = fc.oneof(
      fc.constantFrom(...edges),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt(-999n, 999n),
    );
    fc.assert(
      fc.property(any, (value) => {
        const [low, high] = halvesOf(value);
        assert.equal(int64Text(low, high), value.toString());
        assert.equal(uint64Text(low, high), BigInt.asUintN(64, value).toString());
        assert.equal(integers.read(low, high), value.toString());
      }),
    );
  });

  it("is one character a byte for keys, the same for a key that people write", () => {
    const bytes = Buffer.from("größe");
    assert.equal(latin1(bytes, 0, bytes.length), "gr\xc3\xb6\xc3\x9fe");
    assert.equal(keyFromText("größe"), latin1(bytes, 0, bytes.length));
    assert.equal(latin1(bytes, 3, 3), "");
    assert.equal(utf8(bytes, 0, bytes.length), "größe");
    assert.equal(utf8(bytes, 3, 3), "");
  });

  it("is read from any Uint8Array, not only from a Buffer", () => {
    const bytes = Uint8Array.from([0, 0x75, 0x31, 0]);
    assert.deepEqual([latin1(bytes, 1, 3), utf8(bytes, 1, 3)], ["u1", "u1"]);
  });

  it("is the bytes' own when remembered, whatever came before", () => {
    const remembered = new RepeatedText();
    const texts = fc.array(
      fc.oneof(fc.constantFrom("a", "b", "ab", "", "x".repeat(300)), fc.string({ unit: "grapheme" })),
    );
    fc.assert(
      fc.property(texts, (all) => {
        for (const text of all) {
          const bytes = Buffer.from(text);
          assert.equal(remembered.read(bytes, 0, bytes.length), bytes.toString());
        }
      }),
    );
  });

  it("is compared byte by byte", () => {
    const bytes = Buffer.from("xuser");
    assert.equal(sameBytes(bytes, 1, 5, Buffer.from("user")), true);
    assert.equal(sameBytes(bytes, 1, 5, Buffer.from("uses")), false);
    assert.equal(sameBytes(bytes, 1, 4, Buffer.from("user")), false);
    assert.equal(sameBytes(bytes, 0, 5, Buffer.from("user")), false);
  });
});
