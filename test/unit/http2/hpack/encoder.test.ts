import assert from "node:assert/strict";
import { HeaderField } from "../../../../src/http2/header-block.ts";
import { HpackDecoder } from "../../../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../../../src/http2/hpack/encoder.ts";
import { decode, encode, hex, type Pair } from "../../../support/hpack.ts";
import { integer, stringLiteral } from "../../../support/indexing-encoder.ts";

function plain(name: string, value: string): number[] {
  return [...stringLiteral(name, false), ...stringLiteral(value, false)];
}

function decoder(): HpackDecoder {
  return new HpackDecoder({ maxTableSize: 4096, maxListSize: 1_000_000 });
}

function memoized<T>(make: (n: number) => T): (n: number) => T {
  const made = new Map<number, T>();
  return (n) => {
    const value = made.get(n) ?? make(n);
    made.set(n, value);
    return value;
  };
}

const request: Pair[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/inference.GRPCInferenceService/ModelInfer"],
  [":authority", "fraud.models:8500"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
  ["user-agent", "grpc-go/1.71.0"],
  ["authorization", `Bearer ${"t".repeat(593)}`],
];

describe("the HPACK encoder", () => {
  it("refers to fields of the static table by one byte", () => {
    const fields: Pair[] = [
      [":method", "GET"],
      [":method", "POST"],
      [":path", "/"],
      [":status", "500"],
      ["accept-encoding", "gzip, deflate"],
      ["authorization", ""],
    ];
    assert.deepEqual(encode(new HpackEncoder(), fields), hex("82 83 84 8e 90 97"));
  });

  it("notes on a field that the static table has it", () => {
    const get = new HeaderField(":method", "GET");
    encode(new HpackEncoder(), [get]);
    assert.equal(get.ref, 2);
  });

  it("sends a repeated field as one byte, by whichever object it comes", () => {
    const encoder = new HpackEncoder();
    encode(encoder, request);
    assert.equal(encode(encoder, request).length, request.length);
    const kept = request.map(([name, value]) => new HeaderField(name, value));
    assert.equal(encode(encoder, kept).length, request.length);
    assert.equal(encode(encoder, kept).length, request.length);
  });

  it("knows a field in each of several encoders that share it, by that encoder's own index", () => {
    const shared = request.map(([name, value]) => new HeaderField(name, value));
    const ends = Array.from({ length: 3 }, () => ({ encoder: new HpackEncoder(), peer: decoder() }));
    const sent = ends.map(({ encoder, peer }, i) => {
      // Each table has another count of entries above the shared fields.
      const own = Array.from({ length: i }, (_, n): Pair => ["cookie", `${n}`]);
      decode(peer, encode(encoder, shared));
      decode(peer, encode(encoder, own));
      const bytes = encode(encoder, shared);
      assert.deepEqual(decode(peer, bytes).fields, request);
      return bytes;
    });
    assert.deepEqual(
      sent.map((bytes) => bytes.length),
      ends.map(() => request.length),
    );
    assert.equal(new Set(sent.map((bytes) => bytes.toString("hex"))).size, ends.length);
  });

  it("keeps every byte of a value", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const fields: Pair[] = [
      ["x-bin", all],
      ["y-bin", "\xff\0\x80"],
    ];
    assert.deepEqual(decode(decoder(), encode(new HpackEncoder(), fields)).fields, fields);
  });

  it("writes a sensitive field as a literal that never may be indexed, even where a table has it", () => {
    const encoder = new HpackEncoder();
    const fields: Pair[] = [
      ["authorization", "secret", "never"],
      [":method", "GET", "never"],
      ["x-key", "secret", "never"],
    ];
    const expected = Buffer.from([
      ...[0x1f, 23 - 15, ...stringLiteral("secret", false)],
      ...[0x12, ...stringLiteral("GET", false)],
      ...[0x10, ...plain("x-key", "secret")],
    ]);
    assert.deepEqual(encode(encoder, fields), expected);
    assert.deepEqual(encode(encoder, fields), expected);
    encode(encoder, [["authorization", "secret"]]);
    assert.deepEqual(encode(encoder, fields.slice(0, 1)), expected.subarray(0, 9));
  });

  it("does not take a sensitive field for the same one that is not", () => {
    const encoder = new HpackEncoder();
    const value = "v".repeat(50);
    encode(encoder, [["authorization", value]]);
    assert.equal(encode(encoder, [["authorization", value]]).length, 1);
    assert.ok(encode(encoder, [["authorization", value, "never"]]).length > 50);
    assert.equal(encode(encoder, [["authorization", value]]).length, 1);
  });

  it("does not insert an unknown name that comes once, but does when it comes again", () => {
    const encoder = new HpackEncoder();
    const field: Pair = ["x-user", "u1"];
    assert.deepEqual(encode(encoder, [field]), Buffer.from([0x00, ...plain(...(field as [string, string]))]));
    assert.deepEqual(encode(encoder, [field]), Buffer.from([0x40, ...plain("x-user", "u1")]));
    assert.deepEqual(encode(encoder, [field]), hex("be"));
  });

  it("refers to a name that is in the table", () => {
    const encoder = new HpackEncoder();
    encode(encoder, [["content-type", "application/grpc"]]);
    const other = encode(encoder, [["grpc-encoding", "gzip"]]);
    assert.deepEqual(other, Buffer.from([0x40, ...plain("grpc-encoding", "gzip")]));
    assert.deepEqual(
      encode(encoder, [["grpc-encoding", "zstd"]]),
      Buffer.from([0x7e, ...stringLiteral("zstd", false)]),
    );
  });

  it("does not insert a field larger than three quarters of the table, and keeps what is in it", () => {
    const encoder = new HpackEncoder();
    encode(encoder, request);
    const large = (size: number): Pair => ["user-agent", "a".repeat(size - 32 - "user-agent".length)];
    assert.equal(encode(encoder, [large(3073)])[0], 0x0f);
    assert.equal(encode(encoder, request).length, request.length);
    assert.equal(encode(encoder, [large(3072)])[0], 0x40 | 58);
    assert.equal(encode(encoder, [large(3072)]).length, 1);
  });

  describe("and values that are made per call", () => {
    const names = ["grpc-timeout", "traceparent", "x-request-id", "x-b3-traceid", "grpc-trace-bin"];
    const call = (n: number): Pair[] => names.map((name) => [name, `value ${n} of ${name}`]);

    it("inserts them once for their names' sake, then never", () => {
      const encoder = new HpackEncoder();
      const first = encode(encoder, call(0));
      assert.deepEqual(first, Buffer.from(call(0).flatMap(([name, value]) => [0x40, ...plain(name, value)])));
      for (let n = 1; n < 50; n++) {
        const expected = call(n).flatMap(([, value], i) => [0x0f, 66 - i - 15, ...stringLiteral(value, false)]);
        assert.deepEqual(encode(encoder, call(n)), Buffer.from(expected));
      }
    });

    it("leaves the rest of the table alone", () => {
      const encoder = new HpackEncoder();
      encode(encoder, request);
      for (let n = 0; n < 500; n++) encode(encoder, call(n));
      assert.equal(encode(encoder, request).length, request.length);
    });

    it("does not insert one that is large, or that the static table names", () => {
      const encoder = new HpackEncoder();
      for (const [name, value] of [
        ["tracestate", "a".repeat(300)],
        ["content-length", "17"],
        ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
      ] as const) {
        assert.ok(Number(encode(encoder, [[name, value]])[0]) < 0x10, name);
        assert.ok(Number(encode(encoder, [[name, value]])[0]) < 0x10, name);
      }
    });
  });

  describe("and values that turn out to be made per call", () => {
    /** How many of the fields went into the table. */
    function inserted(encoder: HpackEncoder, fields: readonly Pair[]): number {
      return fields.filter((field) => (Number(encode(encoder, [field])[0]) & 0xc0) === 0x40).length;
    }
    const token = (n: number): [string, string] => ["authorization", `Bearer ${String(n).padStart(593, "0")}`];
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

    it("stops inserting large ones after a few", () => {
      const encoder = new HpackEncoder();
      assert.ok(inserted(encoder, range(0, 50).map(token)) <= 4);
      assert.ok(inserted(encoder, range(50, 2000).map(token)) <= 12);
    });

    it("stops inserting small ones after a dozen", () => {
      const encoder = new HpackEncoder();
      const session = (n: number): Pair => ["x-session", `${n}`];
      assert.ok(inserted(encoder, range(0, 60).map(session)) <= 12);
      assert.ok(inserted(encoder, range(60, 2000).map(session)) <= 50);
    });

    it("soon takes up one that begins to repeat", () => {
      const encoder = new HpackEncoder();
      for (const n of range(0, 40)) encode(encoder, [token(n)]);
      const sizes = range(0, 100).map(() => encode(encoder, [token(40)]).length);
      assert.ok(sizes.indexOf(1) > 0 && sizes.indexOf(1) <= 66, `${sizes.indexOf(1)}`);
      assert.ok(sizes.slice(sizes.indexOf(1)).every((size) => size === 1));
    });

    it("takes it up as soon after it has been fooled again", () => {
      const encoder = new HpackEncoder();
      for (const n of range(0, 5000)) encode(encoder, [token(n)]);
      for (let n = 0; n < 5000; n++) encode(encoder, [token(-1)]);
      for (const n of range(5000, 5030)) encode(encoder, [token(n)]);
      const sizes = range(0, 100).map(() => encode(encoder, [token(-2)]).length);
      assert.ok(sizes.indexOf(1) > 0 && sizes.indexOf(1) <= 66, `${sizes.indexOf(1)}`);
    });

    for (const [how, fieldOf] of [
      ["each time another object", (n: number) => token(n)],
      ["one object as long as it lives", memoized((n) => new HeaderField(...token(n)))],
    ] as const) {
      it(`goes on inserting tokens that live for a while, ${how}`, () => {
        const encoder = new HpackEncoder();
        for (const n of range(0, 500)) {
          const bytes = encode(encoder, [fieldOf(Math.floor(n / 5))]);
          assert.equal(bytes.length, n % 5 === 0 ? 604 : 1);
        }
      });
    }

    it("is not led by a long past in which they repeated", () => {
      const encoder = new HpackEncoder();
      for (const n of range(0, 2000)) encode(encoder, [token(Math.floor(n / 2))]);
      assert.ok(inserted(encoder, range(2000, 2060).map(token)) <= 6);
    });

    it("keeps several values of one name that take turns", () => {
      const encoder = new HpackEncoder();
      const turns = range(0, 400).map((n) => token(n % 4));
      assert.equal(inserted(encoder, turns), 4);
    });

    it("keeps the proxy's own fields in the table, whatever names a caller makes up", () => {
      const encoder = new HpackEncoder();
      const peer = decoder();
      let misses = 0;
      for (const n of range(0, 3000)) {
        const hostile: Pair[] = [
          [`x-${n}`, `${n}`],
          [`y-${n % 100}`, `${n}`],
        ];
        const bytes = encode(encoder, [...request, ...hostile]);
        assert.deepEqual(decode(peer, bytes).fields, [...request, ...hostile]);
        if (bytes.length > 60) misses++;
      }
      assert.ok(misses < 300, `${misses} of 3000 blocks wrote fields of the request out`);
    });
  });
});

describe("the HPACK encoder's table size", () => {
  const field: Pair = ["user-agent", "grpc-go/1.71.0"];
  const size = (bytes: number) => Buffer.from(integer(0x20, 5, bytes));

  it("is announced at the start of the next block, once", () => {
    const encoder = new HpackEncoder();
    encode(encoder, [field]);
    encoder.setPeerMaxTableSize(100);
    assert.deepEqual(encode(encoder, [field]), Buffer.concat([size(100), hex("be")]));
    assert.deepEqual(encode(encoder, [field]), hex("be"));
  });

  it("evicts what no longer fits", () => {
    const encoder = new HpackEncoder();
    encode(encoder, [field]);
    encoder.setPeerMaxTableSize(40);
    assert.deepEqual(encode(encoder, []), size(40));
    encoder.setPeerMaxTableSize(4096);
    assert.equal(encode(encoder, [field]).length, size(4096).length + 2 + 14);
  });

  it("is announced as the lowest and then the final one of those that came between two blocks", () => {
    const encoder = new HpackEncoder();
    encode(encoder, [field]);
    for (const bytes of [200, 0, 50, 1000, 300]) encoder.setPeerMaxTableSize(bytes);
    assert.deepEqual(encode(encoder, []), Buffer.concat([size(0), size(300)]));
    assert.deepEqual(encode(encoder, []), hex(""));
  });

  it("is announced down and up again where it ends as it began: the peer has emptied its table", () => {
    const encoder = new HpackEncoder();
    encode(encoder, [field]);
    encoder.setPeerMaxTableSize(0);
    encoder.setPeerMaxTableSize(4096);
    assert.deepEqual(encode(encoder, []), Buffer.concat([size(0), size(4096)]));
    assert.ok(encode(encoder, [field]).length > 1);
  });

  it("is announced once where it only goes up", () => {
    const encoder = new HpackEncoder();
    encoder.setPeerMaxTableSize(100);
    encode(encoder, []);
    encoder.setPeerMaxTableSize(200);
    encoder.setPeerMaxTableSize(300);
    assert.deepEqual(encode(encoder, []), size(300));
  });

  it("does not go above our own maximum, nor above 4096 before the peer allows it", () => {
    const small = new HpackEncoder();
    small.setPeerMaxTableSize(1_000_000);
    assert.deepEqual(encode(small, []), hex(""));

    const large = new HpackEncoder({ maxTableSize: 10_000 });
    assert.deepEqual(encode(large, []), hex(""));
    large.setPeerMaxTableSize(1_000_000);
    assert.deepEqual(encode(large, []), size(10_000));
  });

  it("is announced with the first block where our own maximum is below 4096", () => {
    const encoder = new HpackEncoder({ maxTableSize: 128 });
    assert.deepEqual(encode(encoder, []), size(128));
    assert.deepEqual(encode(encoder, []), hex(""));
  });

  it("of 0 means literals and the static table only", () => {
    const encoder = new HpackEncoder({ maxTableSize: 0 });
    assert.deepEqual(encode(encoder, [[":method", "GET"]]), hex("20 82"));
    for (let n = 0; n < 3; n++) {
      assert.deepEqual(encode(encoder, [field]), Buffer.from([0x0f, 58 - 15, ...stringLiteral(field[1], false)]));
    }
  });
});
