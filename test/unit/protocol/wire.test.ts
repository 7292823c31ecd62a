import assert from "node:assert/strict";
import fc from "fast-check";
import protobuf from "protobufjs";
import { countVarints, MapEntry, WireReader } from "../../../src/protocol/wire.ts";
import { bytesField, varint, varintField } from "../../support/wire-bytes.ts";

function readerOf(bytes: Uint8Array, start = 0, end = bytes.length): WireReader {
  const reader = new WireReader();
  reader.reset(bytes, start, end);
  return reader;
}

/** Whether the whole of the bytes can be stepped over, field by field. */
function wellFormed(bytes: Uint8Array): boolean {
  const reader = readerOf(bytes);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
  return !reader.bad;
}

describe("WireReader", () => {
  it("reads any 64 bits from a varint", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const reader = readerOf(varint(value));
        assert.equal(reader.varint(), true);
        assert.equal((BigInt(reader.high) << 32n) | BigInt(reader.low), value);
        assert.equal(reader.at, reader.end);
      }),
    );
  });

  it("takes a varint of ten bytes and no longer one", () => {
    const ten = Buffer.concat([Buffer.alloc(9, 0x80), Buffer.from([1])]);
    assert.equal(readerOf(ten).varint(), true);
    const eleven = Buffer.concat([Buffer.alloc(10, 0x80), Buffer.from([1])]);
    const reader = readerOf(eleven);
    assert.deepEqual([reader.varint(), reader.bad, reader.at], [false, true, eleven.length]);
  });

  it("refuses field number 0, unknown wire types and tags of more than 32 bits", () => {
    for (const bytes of [[0], [7], [2, 0], [0x0e], [0x0f], [0x80, 0x00], [0x88, 0x80, 0x80, 0x80, 0x80, 1, 0]]) {
      assert.equal(wellFormed(Buffer.from(bytes)), false, bytes.join());
    }
  });

  it("never reads beyond its range", () => {
    const bytes = Buffer.concat([bytesField(1, "abc"), bytesField(2, "def")]);
    for (const end of [1, 2, 3, 4]) {
      const reader = readerOf(bytes, 0, end);
      const tag = reader.tag();
      assert.equal(reader.length(), -1);
      assert.deepEqual([tag, reader.bad, reader.at, reader.tag()], [0x0a, true, end, 0]);
    }
  });

  it("refuses lengths beyond the range, also of more than 32 bits", () => {
    for (const length of [varint(5), varint(2n ** 32n), varint(2n ** 32n + 1n), varint(-1)]) {
      assert.equal(wellFormed(Buffer.concat([Buffer.from([0x0a]), length, Buffer.from("abcd")])), false);
    }
    assert.equal(wellFormed(Buffer.concat([Buffer.from([0x0a]), varint(4), Buffer.from("abcd")])), true);
  });

  it("steps over groups, which must end with their own number and may not nest without end", () => {
    const group = (number: number, ...inner: Buffer[]) =>
      Buffer.concat([varint((number << 3) | 3), ...inner, varint((number << 3) | 4)]);
    assert.equal(wellFormed(group(5, varintField(1, 1), group(6, bytesField(2, "x")))), true);
    assert.equal(wellFormed(Buffer.concat([varint((5 << 3) | 3), varint((6 << 3) | 4)])), false);
    assert.equal(wellFormed(varint((5 << 3) | 3)), false);
    assert.equal(wellFormed(varint((5 << 3) | 4)), false);
    let nested = group(1);
    for (let depth = 1; depth < 100; depth++) nested = group(1, nested);
    assert.equal(wellFormed(nested), true);
    assert.equal(wellFormed(group(1, nested)), false);
    assert.equal(wellFormed(Buffer.alloc(100_000, 0x0b)), false);
  });

  it("agrees with protobufjs on which bytes are well-formed, and where they end", () => {
    const decoder = new protobuf.Type("Anything");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        let decodes = true;
        try {
          decoder.decode(bytes);
        } catch (reason) {
          // Its reader compares a top-level group's end with the tag instead of the field number, and refuses them all.
          decodes = String(reason).includes("invalid end group tag");
        }
        // protobufjs lets field number 0 and some overlong varints pass: what we take it must take, not the reverse.
        assert.ok(!wellFormed(bytes) || decodes);
      }),
      { numRuns: 3000 },
    );
  });

  it("comes back to the outer message after an embedded one, read or not", () => {
    const reader = readerOf(Buffer.concat([bytesField(1, varintField(1, 7), varintField(2, 8)), varintField(3, 9)]));
    reader.tag();
    const outer = reader.enter();
    reader.tag();
    reader.varint();
    assert.equal(reader.low, 7);
    reader.leave(outer);
    assert.deepEqual([reader.tag(), reader.varint(), reader.low, reader.tag(), reader.bad], [24, true, 9, 0, false]);
  });

  it("stays exhausted once something is malformed, also in the outer message", () => {
    const reader = readerOf(Buffer.concat([bytesField(1, Buffer.from([0x0a, 5])), varintField(3, 9)]));
    reader.tag();
    const outer = reader.enter();
    reader.skip(reader.tag());
    reader.leave(outer);
    assert.deepEqual([reader.bad, reader.tag()], [true, 0]);
  });
});

describe("MapEntry", () => {
  it("finds key and value in any order, the last of each, and empty ones", () => {
    const entry = new MapEntry();
    const partsOf = (...fields: Buffer[]) => {
      const bytes = bytesField(1, ...fields);
      const reader = readerOf(bytes);
      reader.tag();
      entry.read(reader);
      assert.equal(reader.at, bytes.length);
      return [
        bytes.toString("latin1", entry.keyStart, entry.keyEnd),
        bytes.toString("latin1", entry.valueStart, entry.valueEnd),
      ];
    };
    assert.deepEqual(partsOf(bytesField(1, "k"), bytesField(2, "v")), ["k", "v"]);
    assert.deepEqual(partsOf(bytesField(2, "v"), varintField(9, 9), bytesField(1, "x"), bytesField(1, "k")), [
      "k",
      "v",
    ]);
    assert.deepEqual(partsOf(), ["", ""]);
  });

  it("has nothing of the entry before where an entry is cut off", () => {
    const entry = new MapEntry();
    const whole = readerOf(bytesField(1, bytesField(1, "key"), bytesField(2, "value")));
    whole.tag();
    entry.read(whole);
    const cut = readerOf(Buffer.from([0x0a, 0x7f, 0x0a, 0x03]));
    cut.tag();
    entry.read(cut);
    assert.equal(cut.bad, true);
    assert.deepEqual([entry.keyEnd - entry.keyStart, entry.valueEnd - entry.valueStart], [0, 0]);
  });
});

describe("MapEntry of a long key", () => {
  it("is not misled by a length of two bytes, of which the first looks like the length", () => {
    const entry = new MapEntry();
    const key = `${"k".repeat(128)}\x12`;
    const reader = readerOf(bytesField(1, bytesField(1, key), bytesField(2, "v".repeat(17))));
    reader.tag();
    entry.read(reader);
    assert.deepEqual([entry.keyEnd - entry.keyStart, entry.valueEnd - entry.valueStart], [129, 17]);
  });
});

describe("MapEntry, with its short cut for what encoders write", () => {
  /** The same by the general rules alone, over a copy of nothing but the entry. */
  function partsByRules(bytes: Uint8Array): number[] | undefined {
    const reader = readerOf(bytes);
    const outer = reader.enter();
    const parts = [reader.at, reader.at, reader.at, reader.at];
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      const length = tag === 0x0a || tag === 0x12 ? reader.length() : -1;
      const place = tag === 0x0a ? 0 : 2;
      if (length < 0) {
        reader.skip(tag);
      } else {
        parts[place] = reader.at;
        parts[place + 1] = reader.at += length;
      }
    }
    return reader.bad || outer < 0 ? undefined : parts;
  }

  it("finds what the general rules find, in any bytes, and none where they find a fault", () => {
    const entry = new MapEntry();
    const field = fc
      .tuple(fc.constantFrom(1, 1, 2, 2, 3), fc.uint8Array({ maxLength: 5 }))
      .map(([number, payload]) => bytesField(number, payload));
    const long = fc.constantFrom(
      bytesField(1, "k".repeat(130)),
      bytesField(2, "v".repeat(130)),
      Buffer.from([0x12, 0x81, 0x80, 0x00, 0x61]),
    );
    const entries = fc
      .array(fc.oneof({ weight: 6, arbitrary: field }, long), { maxLength: 3 })
      .map((fields) => bytesField(1, ...fields).subarray(1));
    const changes = fc.array(fc.tuple(fc.nat(40), fc.constantFrom(0, 1, 2, 3, 4, 5, 0x0a, 0x12, 0x80, 0xff)), {
      maxLength: 2,
    });
    fc.assert(
      fc.property(entries, changes, (whole, mutations) => {
        const bytes = Uint8Array.from([...whole, 0x12, 1, 0x12, 0, 0x0a, 0]);
        for (const [at, value] of mutations) bytes[at % whole.length] = value;
        const reader = readerOf(bytes);
        entry.read(reader);
        const parts = [entry.keyStart, entry.keyEnd, entry.valueStart, entry.valueEnd];
        assert.deepEqual(reader.bad ? undefined : parts, partsByRules(bytes));
      }),
      { numRuns: 5000 },
    );
  });
});

describe("Counting varints", () => {
  it("counts those of a packed field, and refuses one that is cut off", () => {
    const bytes = Buffer.concat([varint(1), varint(300), varint(-1)]);
    assert.equal(countVarints(bytes, 0, bytes.length), 3);
    assert.equal(countVarints(bytes, 0, 0), 0);
    assert.equal(countVarints(bytes, 0, 2), -1);
  });
});
