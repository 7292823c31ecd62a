import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { keyFromText, murmur3Latin1, murmur3Text, murmur3Word } from "../../../src/base/hash.ts";

interface Vector {
  readonly hex?: string;
  readonly text?: string;
  readonly seed: string;
  readonly hash: string;
}

const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/hash/murmur3-x86-32.json", import.meta.url), "utf8"),
) as { readonly verification: string; readonly vectors: readonly Vector[] };

const hex = (hash: number): string => hash.toString(16).padStart(8, "0");
const bytesOf = ({ hex: digits, text }: Vector): string =>
  text === undefined ? Buffer.from(digits ?? "", "hex").toString("latin1") : keyFromText(text);

describe("murmur3", () => {
  for (const vector of fixture.vectors) {
    it(`gives ${vector.hash} for ${JSON.stringify(vector.text ?? vector.hex)} with seed ${vector.seed}`, () => {
      assert.equal(hex(murmur3Latin1(bytesOf(vector), Number.parseInt(vector.seed, 16))), vector.hash);
    });
  }

  it("has SMHasher's verification value: every length to 255, every byte value, 256 seeds", () => {
    const results = Buffer.alloc(256 * 4);
    for (let length = 0; length < 256; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => i)).toString("latin1");
      results.writeUInt32LE(murmur3Latin1(bytes, 256 - length), length * 4);
    }
    assert.equal(hex(murmur3Latin1(results.toString("latin1"), 0)), fixture.verification);
  });

  it("hashes a text as the bytes of its UTF-8", () => {
    const unit = fc.constantFrom("a", "\0", "~", "ü", "π", "日", "😀");
    fc.assert(
      fc.property(fc.string({ unit }), fc.integer(), (text, seed) => {
        const bytes = String.fromCharCode(...new TextEncoder().encode(text));
        assert.equal(murmur3Text(text, seed), murmur3Latin1(bytes, seed));
      }),
    );
    assert.notEqual(murmur3Text("ü", 0), murmur3Latin1("ü", 0));
  });

  it("hashes a number as its four bytes, lowest first", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer(), (word, seed) => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32LE(word);
        assert.equal(murmur3Word(word, seed), murmur3Latin1(bytes.toString("latin1"), seed));
      }),
    );
  });

  it("takes characters that are no bytes by their low eight bits, and so never fails", () => {
    for (const length of [1, 2, 3, 4, 5]) {
      assert.equal(murmur3Latin1("\u{2141}".repeat(length), 7), murmur3Latin1("A".repeat(length), 7));
    }
  });

  it("lets every bit of a key reach every bit of the hash", () => {
    const flips = new Uint32Array(32);
    const trials = 4_000;
    for (let i = 0; i < trials; i++) {
      const key = `user-${i}`;
      const at = i % key.length;
      const bit = 1 << (i % 7);
      const other = key.slice(0, at) + String.fromCharCode(key.charCodeAt(at) ^ bit) + key.slice(at + 1);
      const changed = murmur3Latin1(key, 1) ^ murmur3Latin1(other, 1);
      for (let out = 0; out < 32; out++) flips[out] = (flips[out] ?? 0) + ((changed >>> out) & 1);
    }
    // Half of the trials, give or take five standard deviations.
    const slack = 5 * Math.sqrt(trials / 4);
    for (const [bit, count] of flips.entries()) {
      assert.ok(Math.abs(count - trials / 2) < slack, `bit ${bit} flipped ${count} times of ${trials}`);
    }
  });
});

describe("a key from text", () => {
  it("is the text itself where that is ASCII", () => {
    assert.equal(keyFromText("user-42"), "user-42");
  });

  it("is its UTF-8, one byte a character, as metadata would bring it", () => {
    assert.equal(keyFromText("ü"), "\xc3\xbc");
    assert.equal(keyFromText("日"), "\xe6\x97\xa5");
    assert.equal(keyFromText("😀"), "\xf0\x9f\x98\x80");
  });

  it("has the replacement character where a surrogate stands alone", () => {
    assert.equal(keyFromText("\ud800"), "\xef\xbf\xbd");
  });
});
