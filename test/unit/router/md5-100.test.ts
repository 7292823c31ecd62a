import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { keyFromText } from "../../../src/base/hash.ts";
import { md5Place, md5Places } from "../../../src/router/md5-100.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

describe("md5-100", () => {
  it("places a key by its digest as one large number, modulo 100", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "7", "-", "ü", "日") }), (text) => {
        const digest = createHash("md5").update(text, "utf8").digest("hex");
        assert.equal(md5Place(keyFromText(text)), Number(BigInt(`0x${digest}`) % 100n));
      }),
    );
  });

  it("hashes the very bytes of a key that is no UTF-8", () => {
    const digest = createHash("md5")
      .update(Buffer.from([0xff, 0x00, 0xfc]))
      .digest("hex");
    assert.equal(md5Place("\xff\x00\xfc"), Number(BigInt(`0x${digest}`) % 100n));
  });

  it("gives challengers the first places in the order of the file, and the champion the rest", () => {
    const places = parsedValue(md5Places(["v43", "v41", "v42"], { v41: 70, v42: 10, v43: 20 }, "v41"));
    const want = [...new Array<number>(20).fill(0), ...new Array<number>(10).fill(2), ...new Array<number>(70).fill(1)];
    assert.deepEqual([...places], want);
  });

  it("gives a champion of 100 percent, or a challenger of 100, every place", () => {
    assert.deepEqual(new Set(parsedValue(md5Places(["a", "b"], { a: 100 }, "a"))), new Set([0]));
    assert.deepEqual(new Set(parsedValue(md5Places(["a", "b"], { a: 0, b: 100 }, "a"))), new Set([1]));
  });

  const rows = [
    {
      what: "a fraction of a percent",
      weights: { a: 99.5, b: 0.5 },
      want: [
        "weights.a: want a whole percent with md5-100, got 99.5",
        "weights.b: want a whole percent with md5-100, got 0.5",
      ],
    },
    { what: "a sum below 100", weights: { a: 90, b: 9 }, want: ["weights: want a sum of 100 with md5-100, got 99"] },
    { what: "a sum above 100", weights: { a: 90, b: 11 }, want: ["weights: want a sum of 100 with md5-100, got 101"] },
    {
      what: "a negative percent",
      weights: { a: 110, b: -10 },
      want: ["weights.b: want a finite number of at least 0, got -10"],
    },
    { what: "an unknown variant", weights: { a: 90, c: 10 }, want: ["weights.c: want a variant of the route"] },
  ];
  for (const { what, weights, want } of rows) {
    it(`is refused with ${what}`, () => assert.deepEqual(problemLinesOf(md5Places(["a", "b"], weights, "a")), want));
  }

  it("is refused without its champion", () => {
    assert.deepEqual(problemLinesOf(md5Places(["a"], { a: 100 }, "z")), [
      'champion: want a variant of the route, got "z"',
    ]);
  });

  it("is refused where Node has no MD5, before any call could meet that", () => {
    const none = (): never => {
      throw new Error("unsupported digest");
    };
    assert.deepEqual(problemLinesOf(md5Places(["a"], { a: 100 }, "a", none)), [
      "assignment: want a Node with MD5 for md5-100: unsupported digest",
    ]);
  });
});
