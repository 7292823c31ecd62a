import assert from "node:assert/strict";
import { HeaderBlock, headerId } from "../../../../src/http2/header-block.ts";
import { HpackDecoder } from "../../../../src/http2/hpack/decoder.ts";
import { hpackError, hpackErrorName } from "../../../../src/http2/hpack/hpack-error.ts";
import { decode, hex, type Pair } from "../../../support/hpack.ts";
import { huffmanEncode, IndexingEncoder, integer, stringLiteral } from "../../../support/indexing-encoder.ts";

function fresh(options: Partial<{ maxTableSize: number; maxListSize: number }> = {}): HpackDecoder {
  return new HpackDecoder({ maxTableSize: 4096, maxListSize: 65_536, ...options });
}

function literal(first: number, name: string, value: string): Buffer {
  return Buffer.from([first, ...stringLiteral(name, false), ...stringLiteral(value, false)]);
}

/** The dynamic table, newest first, read by references until one is beyond it. */
function tableOf(decoder: HpackDecoder): Pair[] {
  const entries: Pair[] = [];
  for (let index = 62; ; index++) {
    const { error, fields } = decode(decoder, Buffer.from(integer(0x80, 7, index)));
    if (error === "index") return entries;
    entries.push(...fields);
  }
}

describe("the HPACK decoder reads RFC 7541's examples", () => {
  it("C.2.1: a literal that is inserted", () => {
    const decoder = fresh();
    const { error, fields } = decode(decoder, hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"));
    assert.deepEqual([error, fields], ["none", [["custom-key", "custom-header"]]]);
    assert.deepEqual(tableOf(decoder), [["custom-key", "custom-header"]]);
  });

  it("C.2.2: a literal that is not", () => {
    const decoder = fresh();
    const { error, fields } = decode(decoder, hex("040c 2f73 616d 706c 652f 7061 7468"));
    assert.deepEqual([error, fields], ["none", [[":path", "/sample/path"]]]);
    assert.deepEqual(tableOf(decoder), []);
  });

  it("C.2.3: a literal that never may be", () => {
    const decoder = fresh();
    const { error, fields } = decode(decoder, hex("1008 7061 7373 776f 7264 0673 6563 7265 74"));
    assert.deepEqual([error, fields], ["none", [["password", "secret", "never"]]]);
    assert.deepEqual(tableOf(decoder), []);
  });

  it("C.2.4: a field of the static table", () => {
    assert.deepEqual(decode(fresh(), hex("82")).fields, [[":method", "GET"]]);
  });

  const first: Pair[] = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ];
  const second: Pair[] = [...first, ["cache-control", "no-cache"]];
  const third: Pair[] = [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ];
  const requests = {
    "C.3: requests, plain": [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    "C.4: requests, Huffman-coded": [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
  };
  for (const [title, blocks] of Object.entries(requests)) {
    it(title, () => {
      const decoder = fresh();
      assert.deepEqual(
        blocks.map((digits) => decode(decoder, hex(digits)).fields),
        [first, second, third],
      );
      assert.deepEqual(tableOf(decoder), [
        ["custom-key", "custom-value"],
        ["cache-control", "no-cache"],
        [":authority", "www.example.com"],
      ]);
    });
  }

  const at2013: Pair = ["date", "Mon, 21 Oct 2013 20:13:21 GMT"];
  const later: Pair = ["date", "Mon, 21 Oct 2013 20:13:22 GMT"];
  const location: Pair = ["location", "https://www.example.com"];
  const secret: Pair = ["cache-control", "private"];
  const cookie: Pair = ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"];
  const responses = {
    "C.5: responses, plain, with evictions": [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
       546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      "4803 3330 37c1 c0bf",
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ],
    "C.6: responses, Huffman-coded, with evictions": [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
       8f0b 97c8 e9ae 82ae 43d3`,
      "4883 640e ffc1 c0bf",
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
  };
  for (const [title, blocks] of Object.entries(responses)) {
    it(title, () => {
      const decoder = fresh();
      // The examples take a table of 256 bytes for granted.
      assert.equal(decode(decoder, Buffer.from(integer(0x20, 5, 256))).error, "none");
      assert.deepEqual(
        blocks.map((digits) => decode(decoder, hex(digits)).fields),
        [
          [[":status", "302"], secret, at2013, location],
          [[":status", "307"], secret, at2013, location],
          [[":status", "200"], secret, later, location, ["content-encoding", "gzip"], cookie],
        ],
      );
      assert.deepEqual(tableOf(decoder), [cookie, ["content-encoding", "gzip"], later]);
    });
  }
});

describe("the HPACK decoder", () => {
  it("appends to a block, from any part of a buffer", () => {
    const decoder = fresh();
    const block = new HeaderBlock();
    assert.equal(decoder.decode(hex("ff 83 86 ff"), 1, 3, block), hpackError.none);
    assert.equal(decoder.decode(hex("84"), 0, 1, block), hpackError.none);
    assert.equal(decoder.decode(hex(""), 0, 0, block), hpackError.none);
    assert.deepEqual(
      block.fields.map(({ name, value }) => name + value),
      [":methodPOST", ":schemehttp", ":path/"],
    );
    assert.deepEqual([block.count, block.size], [3, 43 + 43 + 38]);
  });

  it("hands out one object for all references to an entry, and the entry's own name", () => {
    const decoder = fresh();
    const inserted = decode(decoder, literal(0x40, "x-user", "u1")).block.fields[0];
    const { block } = decode(decoder, hex("be be 7e 02 75 32"));
    assert.equal(block.fields[0], inserted);
    assert.equal(block.fields[1], inserted);
    assert.deepEqual([block.fields[2]?.name, block.fields[2]?.value], ["x-user", "u2"]);
  });

  it("keeps every byte of a name and of a value", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    for (const huffman of [false, true]) {
      const bytes = Buffer.from([0x00, ...stringLiteral(all, huffman), ...stringLiteral(all, huffman)]);
      assert.deepEqual(decode(fresh(), bytes).fields, [[all, all]]);
    }
  });

  it("reads a string that is longer than what it usually decodes into", () => {
    const long = "0".repeat(100_000);
    const bytes = Buffer.from([0x00, ...stringLiteral("x", true), ...stringLiteral(long, true)]);
    assert.deepEqual(decode(fresh({ maxListSize: 200_000 }), bytes).fields, [["x", long]]);
  });

  it("gives names that the proxy knows their ids", () => {
    const { block } = decode(fresh(), literal(0x40, "grpc-timeout", "1S"));
    assert.equal(block.fields[0]?.id, headerId["grpc-timeout"]);
    assert.equal(decode(fresh(), literal(0x40, "x-user", "1S")).block.fields[0]?.id, headerId.other);
  });

  it("uses a name that the table evicts in the same breath (RFC 7541, 4.4)", () => {
    const decoder = fresh();
    const value = "v".repeat(4096 - 32 - 1);
    decode(decoder, literal(0x40, "n", value));
    const { error, fields } = decode(decoder, Buffer.from([0x40 | 62, ...stringLiteral(value, false)]));
    assert.deepEqual([error, fields], ["none", [["n", value]]]);
    assert.deepEqual(tableOf(decoder), [["n", value]]);
  });

  it("empties its table for a field larger than that (RFC 7541, 4.4)", () => {
    const decoder = fresh();
    decode(decoder, literal(0x40, "a", "b"));
    assert.equal(decode(decoder, literal(0x40, "n", "v".repeat(4096))).error, "none");
    assert.deepEqual(tableOf(decoder), []);
  });

  describe("marks fields that HTTP does not allow", () => {
    const cases: [name: string, value: string, valid: boolean][] = [
      ["x", "y", true],
      ["x", "", true],
      ["x", "a\tb \xff", true],
      [":path", "/", true],
      [":protocol", "websocket", true],
      [":unknown", "y", false],
      ["X", "y", false],
      ["", "y", false],
      ["a b", "y", false],
      ["x", " y", true],
      ["x", "y\t", true],
      ["x", "a\0b", false],
      ["x", "a\rb", false],
      ["x", "a\nb", false],
      ["x", `${"y".repeat(200)}\n`, false],
    ];
    for (const [name, value, valid] of cases) {
      for (const huffman of [false, true]) {
        it(`${JSON.stringify([name, value])}${huffman ? ", Huffman-coded" : ""}: ${valid ? "allowed" : "not"}`, () => {
          const bytes = [...stringLiteral(name, huffman), ...stringLiteral(value, huffman)];
          for (const first of [0x00, 0x10, 0x40]) {
            const { error, block } = decode(fresh(), Buffer.from([first, ...bytes]));
            assert.deepEqual([error, block.fields[0]?.valid], ["none", valid]);
          }
        });
      }
    }

    it("and judges name and value apart where only the name comes from the table", () => {
      const decoder = fresh();
      decode(decoder, Buffer.concat([literal(0x40, "bad Name", "y"), literal(0x40, "good", "bad\n")]));
      const value = stringLiteral("fine", false);
      const { block } = decode(decoder, Buffer.from([0x0f, 62 - 15, ...value, 0x0f, 63 - 15, ...value, 0xbe, 0xbf]));
      assert.deepEqual(
        block.fields.map(({ name, valid }) => [name, valid]),
        [
          ["good", true],
          ["bad Name", false],
          ["good", false],
          ["bad Name", false],
        ],
      );
    });
  });

  describe("refuses", () => {
    const rows: [what: string, error: keyof typeof hpackError, bytes: Buffer][] = [
      ["index 0", "index", hex("80")],
      ["an index beyond the tables", "index", hex("be")],
      ["an index far beyond the tables", "index", hex("ff e0 ff ff 07")],
      ["a name's index beyond the tables", "index", hex("7e 00")],
      ["a name's index beyond the tables, not inserted", "index", hex("0f 2f 00")],
      ["an index above 2^31 - 1", "integer", hex("ff ff ff ff ff 7f")],
      ["a name's index above 2^31 - 1", "integer", hex("7f ff ff ff ff 7f 00")],
      ["a string's length above 2^31 - 1", "integer", hex("00 7f ff ff ff ff 7f")],
      ["a table size above 2^31 - 1", "integer", hex("3f ff ff ff ff 7f")],
      ["an integer of more than five bytes", "integer", hex("ff 80 80 80 80 80 00")],
      ["an index that is cut off", "truncated", hex("ff")],
      ["an index that is cut off later", "truncated", hex("ff 80")],
      ["a name's index that is cut off", "truncated", hex("7f")],
      ["a literal without its name", "truncated", hex("40")],
      ["a literal without all of its name", "truncated", hex("40 02 61")],
      ["a literal without its value", "truncated", hex("40 01 61")],
      ["a literal without all of its value", "truncated", hex("40 01 61 02 62")],
      ["a value's length that is cut off", "truncated", hex("40 01 61 7f")],
      ["a long value without all of its bytes", "truncated", hex("00 01 61 7f 01 62")],
      ["a table size that is cut off", "truncated", hex("3f")],
      ["the end of a string within a name", "huffman", Buffer.from([0x40, 0x84, ...huffmanEncode([256]), 0])],
      ["the end of a string within a value", "huffman", Buffer.from([0x40, 1, 0x61, 0x84, ...huffmanEncode([256])])],
      ["a value with 8 ones of padding", "huffman", hex("40 01 61 82 1f ff")],
      ["a name with 8 ones of padding", "huffman", hex("40 82 1f ff 00")],
      ["a value whose padding is not all ones", "huffman", hex("40 01 61 81 18")],
      ["a value that never may be indexed, with wrong padding", "huffman", hex("10 01 61 81 18")],
      ["a table size above what our settings allow", "tableSize", hex("3f e2 1f")],
      ["a table size behind a field", "tableSizeLate", hex("82 20")],
    ];
    for (const [what, error, bytes] of rows) {
      it(`${what}: ${error}`, () => assert.equal(decode(fresh(), bytes).error, error));
    }

    it("an index that the table evicted", () => {
      const decoder = fresh();
      decode(decoder, literal(0x40, "a", "b"));
      assert.equal(decode(decoder, hex("20 be")).error, "index");
    });
  });

  it("names its errors", () => {
    assert.deepEqual(Object.values(hpackError).map(hpackErrorName), Object.keys(hpackError));
    assert.equal(hpackErrorName(99), "unknown");
  });
});

describe("the HPACK decoder's table size", () => {
  it("follows updates at the start of a block, several of them too", () => {
    const decoder = fresh();
    decode(decoder, Buffer.concat([literal(0x40, "a", "1"), literal(0x40, "b", "2")]));
    assert.equal(decode(decoder, Buffer.from(integer(0x20, 5, 34))).error, "none");
    assert.deepEqual(tableOf(decoder), [["b", "2"]]);
    assert.equal(decode(decoder, Buffer.concat([hex("20 3f e1 1f"), literal(0x40, "c", "3")])).error, "none");
    assert.deepEqual(tableOf(decoder), [["c", "3"]]);
  });

  it("is 4096 until the peer changes it, however much our settings allow", () => {
    const decoder = fresh({ maxTableSize: 65_536 });
    const value = "v".repeat(2000);
    decode(decoder, Buffer.concat(["a", "b", "c"].map((name) => literal(0x40, name, value))));
    assert.equal(tableOf(decoder).length, 2);
    assert.equal(decode(decoder, Buffer.from(integer(0x20, 5, 65_536))).error, "none");
    const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
    decode(decoder, Buffer.concat(names.map((name) => literal(0x40, name, value))));
    assert.deepEqual(
      tableOf(decoder).map(([name]) => name),
      [...names.reverse(), "c", "b"],
    );
  });

  it("may be any up to what our settings allow", () => {
    const decoder = fresh();
    decoder.setMaxTableSize(8192);
    assert.equal(decode(decoder, Buffer.from(integer(0x20, 5, 8192))).error, "none");
    assert.equal(decode(decoder, Buffer.from(integer(0x20, 5, 8193))).error, "tableSize");
  });

  it("must go down with our settings at the start of the next block (RFC 7541, 4.2)", () => {
    const missing = fresh();
    missing.setMaxTableSize(100);
    assert.equal(decode(missing, hex("82")).error, "tableSizeMissing");

    const kept = fresh();
    kept.setMaxTableSize(100);
    assert.equal(decode(kept, Buffer.concat([Buffer.from(integer(0x20, 5, 100)), hex("82")])).error, "none");
    assert.equal(decode(kept, hex("82")).error, "none");
  });

  it("must go down with settings that were in force from the start", () => {
    const decoder = fresh({ maxTableSize: 0 });
    assert.equal(decode(decoder, hex("82")).error, "tableSizeMissing");
    assert.equal(decode(fresh({ maxTableSize: 0 }), hex("20 82")).error, "none");
  });

  it("must go down to the lowest of the sizes that our settings went through", () => {
    for (const [digits, error] of [
      ["3f e1 1f 82", "tableSizeMissing"],
      ["3f 45 82", "none"],
      ["3f 46 82", "tableSizeMissing"],
      ["20 3f e1 1f 82", "none"],
    ] as const) {
      const decoder = fresh();
      decoder.setMaxTableSize(100);
      decoder.setMaxTableSize(200);
      decoder.setMaxTableSize(4096);
      assert.equal(decode(decoder, hex(digits)).error, error, digits);
    }
  });

  it("need not change where our settings leave it room", () => {
    const decoder = fresh();
    assert.equal(decode(decoder, Buffer.from(integer(0x20, 5, 50))).error, "none");
    decoder.setMaxTableSize(100);
    assert.equal(decode(decoder, hex("82")).error, "none");
  });
});

describe("the HPACK decoder's list limit", () => {
  it("counts each field's name, value and 32 bytes, and admits a list of exactly its size", () => {
    const bytes = Buffer.concat([literal(0x00, "ab", "cde"), literal(0x00, "f", "")]);
    for (const [maxListSize, count, tooLarge] of [
      [70, 2, false],
      [69, 1, true],
      [37, 1, true],
      [36, 0, true],
    ] as const) {
      const { error, block } = decode(fresh({ maxListSize }), bytes);
      assert.deepEqual([error, block.count, block.tooLarge], ["none", count, tooLarge], `${maxListSize}`);
    }
  });

  it("drops all fields behind the one that went over it, small ones too", () => {
    const bytes = Buffer.concat([literal(0x00, "a", "b".repeat(100)), hex("82"), literal(0x10, "c", "d")]);
    const { block } = decode(fresh({ maxListSize: 100 }), bytes);
    assert.deepEqual([block.count, block.tooLarge], [0, true]);
  });

  it("leaves the table as it would be without a limit", () => {
    const [limited, free] = [fresh({ maxListSize: 50 }), fresh()];
    const peer = new IndexingEncoder();
    const fields = Array.from({ length: 40 }, (_, i) => ({
      name: `n${i % 7}`,
      value: `v${i % 11}`,
      as: (["inserted", "plain", "never"] as const)[i % 3] ?? "inserted",
    }));
    const bytes = peer.encode(fields);
    assert.equal(decode(limited, bytes).block.tooLarge, true);
    assert.equal(decode(free, bytes).block.tooLarge, false);
    assert.deepEqual(tableOf(limited), tableOf(free));
    assert.ok(tableOf(free).length > 5);
  });

  it("still finds what is wrong behind it", () => {
    const over = Buffer.concat([literal(0x00, "a", "b".repeat(100)), hex("00 01 61 81 18")]);
    assert.equal(decode(fresh({ maxListSize: 10 }), over).error, "huffman");
    assert.equal(decode(fresh({ maxListSize: 10 }), over.subarray(0, -1)).error, "truncated");
  });

  it("stops a list of one-byte references to a large entry from growing", () => {
    const decoder = fresh({ maxListSize: 16_384 });
    decode(decoder, literal(0x40, "a", "b".repeat(4000)));
    const { error, block } = decode(decoder, Buffer.alloc(100_000, 0xbe));
    assert.deepEqual([error, block.count, block.tooLarge], ["none", 4, true]);
    assert.equal(block.fields.length, 4);
  });

  it("is the caller's to reset, by clearing the block", () => {
    const decoder = fresh({ maxListSize: 50 });
    const block = new HeaderBlock();
    decoder.decode(literal(0x00, "a", "b".repeat(100)), 0, 104, block);
    assert.equal(block.tooLarge, true);
    block.clear();
    decoder.decode(hex("82"), 0, 1, block);
    assert.deepEqual([block.count, block.size, block.tooLarge], [1, 42, false]);
  });
});

describe("long values that are written out again and again", () => {
  const token = `Bearer ${"t".repeat(600)}`;

  for (const huffman of [false, true]) {
    for (const [first, sensitive] of [
      [0x00, false],
      [0x10, true],
    ] as const) {
      const bytes = Buffer.from([first, ...stringLiteral("authorization", huffman), ...stringLiteral(token, huffman)]);
      it(`come back as one object: ${huffman ? "Huffman-coded" : "plain"}, ${sensitive ? "never indexed" : "not indexed"}`, () => {
        const decoder = fresh();
        const one = decode(decoder, bytes).block.fields[0];
        const two = decode(decoder, bytes).block.fields[0];
        assert.deepEqual([one?.value, one?.sensitive, two === one], [token, sensitive, true]);
      });
    }
  }

  it("are told apart by name, by value and by whether they may be indexed", () => {
    const decoder = fresh();
    const other = `${token.slice(0, -20)}u${token.slice(-19)}`;
    const fields: Pair[] = [
      ["authorization", token],
      ["another-names", token],
      ["authorization", token],
      ["authorization", token, "never"],
      ["authorization", token],
      ["authorization", other],
      ["authorization", `${token}t`],
      ["authorization", token.slice(0, 130)],
      ["authorization", `${token}${token}`],
      ["authorization", token],
    ];
    for (const field of fields) {
      const bytes = literal(field[2] === "never" ? 0x10 : 0x00, field[0], field[1]);
      assert.deepEqual(decode(decoder, bytes).fields, [field]);
    }
  });

  it("are not remembered by one connection for another", () => {
    const bytes = literal(0x00, "authorization", token);
    assert.notEqual(decode(fresh(), bytes).block.fields[0], decode(fresh(), bytes).block.fields[0]);
  });

  it("are not remembered beyond 2 KiB", () => {
    const decoder = fresh();
    const bytes = literal(0x00, "authorization", "t".repeat(2_100));
    assert.notEqual(decode(decoder, bytes).block.fields[0], decode(decoder, bytes).block.fields[0]);
  });
});
