import assert from "node:assert/strict";
import fc from "fast-check";
import hpack from "hpack.js";
import { huffmanCodes } from "../../../../src/http2/hpack/huffman-code.ts";
import {
  decodedBound,
  decodedForbidden,
  decodedLength,
  decodeHuffman,
  huffmanFailed,
} from "../../../../src/http2/hpack/huffman-decoder.ts";
import { hex } from "../../../support/hpack.ts";
import { huffmanEncode } from "../../../support/indexing-encoder.ts";

const eos = 256;
const codes = huffmanCodes();
const symbols = new Map(codes.map(({ symbol, code, bits }) => [code.toString(2).padStart(bits, "0"), symbol]));

interface Result {
  readonly text: string;
  readonly forbidden: boolean;
}

/** The string, or undefined where decoding fails. Room is what is promised to be enough, and guarded. */
function decode(bytes: Uint8Array): Result | undefined {
  const room = decodedBound(bytes.length);
  const out = Buffer.alloc(room + 2, 0xa5);
  const result = decodeHuffman(bytes, 0, bytes.length, new DataView(out.buffer, out.byteOffset, room));
  assert.deepEqual([...out.subarray(room)], [0xa5, 0xa5]);
  if (result === huffmanFailed) return undefined;
  return { text: out.toString("latin1", 0, decodedLength(result)), forbidden: decodedForbidden(result) };
}

describe("the Huffman code", () => {
  it("is the one that hpack.js has, symbol by symbol", () => {
    const theirs = hpack.huffman.encode.map(([bits, code], symbol) => ({ symbol, code, bits }));
    assert.deepEqual(codes, theirs);
  });

  const vectors = [
    ["f1e3 c2e5 f23a 6ba0 ab90 f4ff", "www.example.com"],
    ["a8eb 1064 9cbf", "no-cache"],
    ["25a8 49e9 5ba9 7d7f", "custom-key"],
    ["d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", "https://www.example.com"],
    ["", ""],
  ] as const;
  for (const [digits, text] of vectors) {
    it(`decodes "${text}" (RFC 7541, C.4 and C.6)`, () => {
      assert.deepEqual(decode(hex(digits)), { text, forbidden: false });
    });
  }

  it("decodes every byte, alone and beside every other one", () => {
    for (let first = 0; first < 256; first++) {
      assert.equal(decode(Buffer.from(huffmanEncode([first])))?.text, String.fromCharCode(first));
      const run = Array.from({ length: 256 }, (_, second) => [first, second]).flat();
      assert.equal(decode(Buffer.from(huffmanEncode(run)))?.text, String.fromCharCode(...run));
    }
  });

  it("decodes any string, and says whether NUL, CR or LF is in it", () => {
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 10, 13, 48, 97));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 200 }), (bytes) => {
        const forbidden = bytes.some((code) => code === 0 || code === 10 || code === 13);
        assert.deepEqual(decode(Buffer.from(huffmanEncode(bytes))), { text: String.fromCharCode(...bytes), forbidden });
      }),
    );
  });

  for (const [padding, text] of ["X", "000", "-", "0", "--", "0-", "00", "0--"].entries()) {
    it(`accepts ${padding} ones of padding`, () => {
      const bytes = huffmanEncode([...Buffer.from(text)]);
      assert.equal(bitsOf(text) + padding, 8 * bytes.length);
      assert.equal(decode(Buffer.from(bytes))?.text, text);
    });
  }

  it("refuses padding of 8 ones and more", () => {
    for (const digits of ["ff", "ffff", "ffffff", "07ff", "f1e3 c2e5 f23a 6ba0 ab90 f4ff ff"]) {
      assert.equal(decode(hex(digits)), undefined, digits);
    }
  });

  it("refuses padding that is not all ones", () => {
    // "0" is 00000; every other padding than 111 is wrong.
    for (let padding = 0; padding < 7; padding++) assert.equal(decode(Buffer.from([padding])), undefined);
    assert.equal(decode(Buffer.from([7]))?.text, "0");
  });

  it("refuses the end-of-string symbol, at the end as well as within", () => {
    assert.equal(decode(Buffer.from(huffmanEncode([eos]))), undefined);
    assert.equal(decode(Buffer.from(huffmanEncode([48, eos]))), undefined);
    assert.equal(decode(Buffer.from(huffmanEncode([48, eos, 48]))), undefined);
  });

  it("takes any bytes as the definition does: symbols to the end, then less than 8 ones", () => {
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constant(0xff));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 12 }), (bytes) => {
        assert.equal(decode(Buffer.from(bytes))?.text, decodeByDefinition(bytes));
      }),
      { numRuns: 500 },
    );
  });
});

function bitsOf(text: string): number {
  return [...Buffer.from(text)].reduce((sum, symbol) => sum + (codes[symbol]?.bits ?? 0), 0);
}

/** Bit by bit through the list of codes. */
function decodeByDefinition(bytes: readonly number[]): string | undefined {
  let text = "";
  let seen = "";
  for (const bit of bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("")) {
    seen += bit;
    const symbol = symbols.get(seen);
    if (symbol === eos) return undefined;
    if (symbol === undefined) continue;
    text += String.fromCharCode(symbol);
    seen = "";
  }
  return seen.length < 8 && !seen.includes("0") ? text : undefined;
}
