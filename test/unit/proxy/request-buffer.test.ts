import assert from "node:assert/strict";
import fc from "fast-check";
import { lent, ReadMemory } from "../../../src/http2/read-memory.ts";
import { RequestBuffer } from "../../../src/proxy/request-buffer.ts";
import { pattern } from "../../support/h2-pair.ts";
import { heldMemory } from "../../support/held-memory.ts";
import { framed } from "../../support/predict.ts";

/** A buffer that lies alone in its memory, as a socket's read does. */
function read(length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  pattern(length).copy(bytes);
  return bytes;
}

function contents(buffer: RequestBuffer): Buffer {
  buffer.flatten();
  return buffer.head.subarray(buffer.start, buffer.end);
}

function two(buffer: RequestBuffer, bytes: Buffer): void {
  buffer.push(bytes, 0, 2);
  buffer.push(bytes, 4, 6);
}

describe("a request buffer", () => {
  it("keeps one piece where it lies", () => {
    const buffer = new RequestBuffer();
    const bytes = read(1_000);
    buffer.push(bytes, 100, 600);
    assert.equal(buffer.head, bytes);
    assert.deepEqual([buffer.start, buffer.end, buffer.bytes], [100, 600, 500]);
  });

  it("copies a short piece of a long read, which it would pin", () => {
    const bytes = read(65_536);
    const short = new RequestBuffer();
    short.push(bytes, 10, 110);
    assert.notEqual(short.head.buffer, bytes.buffer);
    assert.equal(short.head.buffer.byteLength, 100);
    assert.deepEqual(contents(short), bytes.subarray(10, 110));
    const long = new RequestBuffer();
    long.push(bytes, 0, 32_768);
    assert.equal(long.head.buffer, bytes.buffer);
  });

  for (const { what, fill, after } of [
    { what: "a range of a read", fill: (b: RequestBuffer, bytes: Buffer) => b.push(bytes, 2, 7), after: "cdefg" },
    { what: "several ranges of a read", fill: two, after: "abef" },
    {
      what: "ranges that were made one",
      fill: (b: RequestBuffer, bytes: Buffer) => {
        two(b, bytes);
        b.flatten();
      },
      after: "abef",
    },
    {
      what: "a range that came after others had gone",
      fill: (b: RequestBuffer, bytes: Buffer) => {
        b.push(bytes, 0, 2);
        b.clear();
        b.push(bytes, 6, 8);
      },
      after: "gh",
    },
    { what: "a brief range", fill: (b: RequestBuffer, bytes: Buffer) => b.push(bytes, 1, 3, true), after: "bc" },
    {
      what: "a range that was made its own early",
      fill: (b: RequestBuffer, bytes: Buffer) => {
        b.push(bytes, 0, 3);
        b.own();
        b.push(bytes, 3, 5);
      },
      after: "abcde",
    },
  ]) {
    it(`that has ${what} keeps it when the next read goes over it`, () => {
      const memory = ReadMemory.take();
      const buffer = new RequestBuffer();
      memory.bytes.write("abcdefgh");
      lent.begin(memory);
      fill(buffer, memory.bytes);
      lent.end();
      memory.bytes.fill(0);
      assert.equal(contents(buffer).toString(), after);
      assert.equal(buffer.bytes, after.length);
      memory.leave();
    });
  }

  it("copies nothing of a read that is over with when the read is", () => {
    const memory = ReadMemory.take();
    const buffer = new RequestBuffer();
    lent.begin(memory);
    buffer.push(memory.bytes, 10, 20);
    assert.equal(buffer.head, memory.bytes);
    buffer.clear();
    const { head } = buffer;
    lent.end();
    assert.equal(buffer.head, head);
    memory.leave();
  });

  it("makes one piece of several, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 10 }), fc.nat(10), (lengths, early) => {
        const buffer = new RequestBuffer();
        const total = lengths.reduce((sum, length) => sum + length, 0);
        const bytes = read(total);
        let at = 0;
        for (const [i, length] of lengths.entries()) {
          if (i === early) buffer.flatten();
          buffer.push(bytes, at, at + length);
          at += length;
        }
        assert.equal(buffer.bytes, total);
        assert.deepEqual(contents(buffer), bytes);
      }),
      { numRuns: 50 },
    );
  });

  it("takes no more than twice the memory of what it holds, however small the pieces are", () => {
    for (const length of [1, 3, 100, 1_023, 1_500]) {
      const buffer = new RequestBuffer();
      const bytes = read(length);
      const before = heldMemory();
      for (let i = 0; i * length < 400_000; i++) buffer.push(bytes, 0, length);
      const taken = heldMemory() - before;
      assert.ok(taken <= 2 * buffer.bytes + 100_000, `${taken} bytes for ${buffer.bytes} in pieces of ${length}`);
    }
  });

  it("knows the first message's length and flag once its prefix is here, however it is cut", () => {
    const message = framed("hello", 1);
    const buffer = new RequestBuffer();
    for (let i = 0; i < 5; i++) {
      assert.equal(buffer.messageBytes(), -1, `${i} bytes`);
      buffer.push(message, i, i + 1);
    }
    assert.equal(buffer.messageBytes(), 5);
    assert.equal(buffer.flag, 1);
  });

  it("knows that a message is longer than a limit by its prefix or by its bytes", () => {
    const buffer = new RequestBuffer();
    buffer.push(framed("x".repeat(95)), 0, 20);
    assert.equal(buffer.exceeds(100), false);
    assert.equal(buffer.exceeds(99), true);
    const several = new RequestBuffer();
    several.push(Buffer.concat([framed("a"), framed("b")]), 0, 12);
    assert.equal(several.exceeds(12), false);
    assert.equal(several.exceeds(11), true);
  });

  it("reads a length of 32 bits without a sign", () => {
    const buffer = new RequestBuffer();
    buffer.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), 0, 5);
    assert.equal(buffer.messageBytes(), 0xffff_ffff);
  });

  it("is empty once it was cleared", () => {
    const buffer = new RequestBuffer();
    buffer.push(Buffer.from("abc"), 0, 3);
    buffer.push(Buffer.from("def"), 0, 3);
    buffer.clear();
    assert.deepEqual([buffer.bytes, contents(buffer).length, buffer.messageBytes(), buffer.flag], [0, 0, -1, 0]);
    buffer.push(Buffer.from("abc"), 1, 3);
    assert.equal(contents(buffer).toString(), "bc");
  });
});
