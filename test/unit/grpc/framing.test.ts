import assert from "node:assert/strict";
import fc from "fast-check";
import { frameMessage, MessageCollector, MessageScanner } from "../../../src/grpc/framing.ts";

/** The bytes cut at these places (taken modulo the length), in order. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : at[i - 1], end));
}

const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });
const places = fc.array(fc.nat(300), { maxLength: 12 });

describe("A framed message", () => {
  it("is its flag, its length in four bytes, big end first, and itself", () => {
    assert.deepEqual([...frameMessage(Buffer.from("abc"), 1)], [1, 0, 0, 0, 3, 97, 98, 99]);
    assert.deepEqual([...frameMessage(new Uint8Array(0))], [0, 0, 0, 0, 0]);
    assert.deepEqual([...frameMessage(Buffer.alloc(70_000)).subarray(0, 5)], [0, 0, 1, 0x11, 0x70]);
  });
});

describe("MessageScanner", () => {
  it("counts messages however the stream is cut", () => {
    const scanner = new MessageScanner();
    fc.assert(
      fc.property(messages, places, (payloads, cuts) => {
        scanner.reset();
        let counted = 0;
        for (const piece of cut(Buffer.concat(payloads.map((payload) => frameMessage(payload))), cuts)) {
          counted += scanner.push(piece, 0, piece.length);
        }
        assert.equal(counted, payloads.length);
        assert.equal(scanner.complete, payloads.length);
        assert.equal(scanner.atBoundary, true);
      }),
    );
  });

  it("counts a message with its last byte and not before", () => {
    const scanner = new MessageScanner();
    const bytes = frameMessage(Buffer.from("abc"));
    assert.equal(scanner.push(bytes, 0, bytes.length - 1), 0);
    assert.equal(scanner.atBoundary, false);
    assert.equal(scanner.push(bytes, bytes.length - 1, bytes.length), 1);
    assert.equal(scanner.atBoundary, true);
  });

  it("counts an empty message with the last byte of its prefix", () => {
    const scanner = new MessageScanner();
    assert.equal(scanner.push(new Uint8Array(4), 0, 4), 0);
    assert.equal(scanner.push(new Uint8Array(6), 0, 6), 2);
  });

  it("tells the first message's compression, not a later one's", () => {
    const scanner = new MessageScanner();
    const both = Buffer.concat([frameMessage(Buffer.from("a"), 1), frameMessage(Buffer.from("b"), 0)]);
    scanner.push(both, 0, both.length);
    assert.equal(scanner.firstCompressed, true);
    scanner.reset();
    scanner.push(both, 6, both.length);
    assert.equal(scanner.firstCompressed, false);
    assert.equal(scanner.started, true);
  });

  it("holds lengths above two gigabytes", () => {
    const scanner = new MessageScanner();
    scanner.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]), 0, 8);
    assert.equal(scanner.complete, 0);
    assert.equal(scanner.atBoundary, false);
  });
});

describe("MessageCollector", () => {
  it("gathers the first message however the stream is cut, and tells how much of the last piece is beyond it", () => {
    const collector = new MessageCollector(64);
    fc.assert(
      fc.property(messages, places, (payloads, cuts) => {
        collector.reset();
        const stream = Buffer.concat(payloads.map((payload) => frameMessage(payload)));
        let taken = 0;
        for (const piece of cut(stream, cuts)) {
          taken += piece.length;
          if (collector.push(piece, 0, piece.length) === "complete") break;
        }
        const message = collector.bytes.subarray(collector.start, collector.end);
        assert.equal(collector.state, "complete");
        assert.deepEqual([...message], [...(payloads[0] as Uint8Array)]);
        assert.equal(taken - collector.rest, 5 + (payloads[0] as Uint8Array).length);
      }),
    );
  });

  it("does not copy a message that came in one piece", () => {
    const collector = new MessageCollector(64);
    const bytes = frameMessage(Buffer.from("abc"));
    assert.equal(collector.push(bytes, 0, bytes.length), "complete");
    assert.equal(collector.bytes, bytes);
    assert.deepEqual([collector.start, collector.end, collector.heldBytes], [5, 8, 0]);
  });

  it("takes a message of the limit and refuses a larger one as soon as its prefix is there", () => {
    const collector = new MessageCollector(3);
    assert.equal(collector.push(frameMessage(Buffer.from("abc")), 0, 8), "complete");
    collector.reset();
    assert.equal(collector.push(Buffer.from([0, 0, 0, 0, 4]), 0, 5), "too_large");
    assert.equal(collector.declaredBytes, 4);
    assert.equal(collector.push(Buffer.from("abcd"), 0, 4), "too_large");
    assert.equal(collector.heldBytes, 0);
  });

  it("pins no more than twice what came, whatever the prefix promises", () => {
    const collector = new MessageCollector(2 ** 32);
    collector.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), 0, 5);
    assert.equal(collector.heldBytes, 0);
    for (let sent = 0; sent < 64; sent++) collector.push(Buffer.alloc(1000), 0, 1000);
    assert.equal(collector.state, "need_more");
    assert.ok(collector.heldBytes <= 2 * 64_000, `${collector.heldBytes}`);
  });

  it("tells a compressed message by its flag", () => {
    const collector = new MessageCollector(64);
    collector.push(frameMessage(Buffer.from("abc"), 1), 0, 8);
    assert.equal(collector.compressed, true);
    collector.reset();
    collector.push(frameMessage(Buffer.from("abc"), 0), 0, 8);
    assert.equal(collector.compressed, false);
  });

  it("detaches a message that later streams and later bytes of the piece do not change", () => {
    const collector = new MessageCollector(64);
    const piece = frameMessage(Buffer.from("abc"));
    collector.push(piece, 0, piece.length);
    const fromPiece = collector.detach();
    piece.fill(0);
    assert.equal(Buffer.from(fromPiece).toString(), "abc");

    collector.reset();
    const other = frameMessage(Buffer.from("defg"));
    collector.push(other, 0, 6);
    collector.push(other, 6, other.length);
    const fromPieces = collector.detach();
    collector.reset();
    collector.push(frameMessage(Buffer.from("hijk")), 0, 7);
    assert.equal(Buffer.from(fromPieces).toString(), "defg");
  });

  it("keeps a small buffer for the next stream and gives a large one back", () => {
    const collector = new MessageCollector(1 << 20);
    for (const [bytes, kept] of [
      [1000, true],
      [100_000, false],
    ] as const) {
      const framed = frameMessage(Buffer.alloc(bytes));
      collector.push(framed, 0, 500);
      collector.push(framed, 500, framed.length);
      assert.equal(collector.state, "complete");
      collector.reset();
      assert.equal(collector.heldBytes > 0, kept);
    }
  });
});
