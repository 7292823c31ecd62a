import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Cursor,
  integerTooLarge,
  integerTruncated,
  readInteger,
  writeInteger,
} from "../../../../src/http2/hpack/integer.ts";
import { hex } from "../../../support/hpack.ts";
import { integer } from "../../../support/indexing-encoder.ts";

function written(flags: number, prefixMax: number, value: number): Buffer {
  const buf = Buffer.alloc(8);
  return buf.subarray(0, writeInteger(buf, 0, flags, prefixMax, value));
}

/** Reads what stands behind a full prefix of 5 bits. */
function read(digits: string): number {
  const bytes = hex(digits);
  return readInteger(bytes, 0, bytes.length, 31, new Cursor());
}

describe("HPACK integers", () => {
  it("10 takes a prefix of 5 bits (RFC 7541, C.1.1)", () => {
    assert.deepEqual(written(0, 31, 10), hex("0a"));
  });

  it("1337 takes two bytes behind a prefix of 5 bits (RFC 7541, C.1.2)", () => {
    assert.deepEqual(written(0, 31, 1337), hex("1f 9a 0a"));
    assert.equal(read("9a 0a"), 1337);
  });

  it("42 takes a whole byte (RFC 7541, C.1.3)", () => {
    assert.deepEqual(written(0, 255, 42), hex("2a"));
  });

  it("are read as they were written, whatever the prefix, and leave the cursor behind them", () => {
    const bits = fc.integer({ min: 4, max: 7 });
    const value = fc.oneof(fc.nat(300), fc.nat(0x7fff_ffff));
    fc.assert(
      fc.property(bits, value, fc.nat(5), (prefixBits, number, offset) => {
        const max = 2 ** prefixBits - 1;
        const flags = max + 1;
        const bytes = Buffer.concat([Buffer.alloc(offset, 0xff), written(flags, max, number), Buffer.from([0])]);
        assert.deepEqual(
          bytes.subarray(offset, -1),
          Buffer.from(integer(flags, prefixBits, number)),
          "as the definition writes it",
        );
        const cursor = new Cursor();
        const short = number < max;
        const result = short
          ? bytes.readUInt8(offset) & max
          : readInteger(bytes, offset + 1, bytes.length, max, cursor);
        assert.equal(result, number);
        assert.equal(short ? offset + 1 : cursor.position, bytes.length - 1);
      }),
    );
  });

  it("may be spread over more bytes than they need, but not over more than five", () => {
    assert.equal(read("80 00"), 31);
    assert.equal(read("80 80 80 80 00"), 31);
    assert.equal(read("80 80 80 80 80 00"), integerTooLarge);
  });

  it("are at most 2^31 - 1", () => {
    assert.equal(read("e0 ff ff ff 07"), 0x7fff_ffff);
    assert.equal(read("e1 ff ff ff 07"), integerTooLarge);
    assert.equal(read("ff ff ff ff 7f"), integerTooLarge);
  });

  it("are truncated where the block ends before their last byte", () => {
    assert.equal(read(""), integerTruncated);
    assert.equal(read("80"), integerTruncated);
    assert.equal(read("ff ff ff ff"), integerTruncated);
  });
});
