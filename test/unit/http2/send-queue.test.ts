import assert from "node:assert/strict";
import fc from "fast-check";
import { lent, ReadMemory } from "../../../src/http2/read-memory.ts";
import { SendQueue } from "../../../src/http2/send-queue.ts";
import { pattern } from "../../support/h2-pair.ts";

/** A buffer that lies alone in its memory, as a socket's read does. */
function alone(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  pattern(length, seed).copy(bytes);
  return bytes;
}

function drain(queue: SendQueue, most: number): Buffer {
  const pieces: Buffer[] = [];
  while (queue.bytes > 0) pieces.push(queue.shift(most));
  return Buffer.concat(pieces);
}

describe("a send queue", () => {
  it("gives back what it was given, in order", () => {
    const queue = new SendQueue();
    queue.push(Buffer.from("xxabcxx"), 2, 5);
    queue.push(Buffer.from("def"), 0, 3);
    queue.push(Buffer.from("nothing"), 3, 3);
    assert.equal(queue.bytes, 6);
    assert.equal(queue.shift(4).toString(), "abcd");
    assert.equal(queue.shift(100).toString(), "ef");
    assert.equal(queue.bytes, 0);
  });

  it("tells for how long nothing has left it, as far as those who look can know", () => {
    const queue = new SendQueue();
    assert.equal(queue.stalledMs(1_000), 0);
    queue.push(Buffer.from("abcdef"), 0, 6);
    assert.deepEqual([queue.stalledMs(2_000), queue.stalledMs(5_000)], [0, 3_000]);
    queue.push(Buffer.from("gh"), 0, 2);
    assert.equal(queue.stalledMs(6_000), 4_000);
    queue.shift(1);
    assert.deepEqual([queue.stalledMs(7_000), queue.stalledMs(7_500)], [0, 500]);
    queue.clear();
    assert.equal(queue.stalledMs(9_000), 0);
    queue.push(Buffer.from("ij"), 0, 2);
    assert.deepEqual([queue.stalledMs(10_000), queue.stalledMs(12_000)], [0, 2_000]);
  });

  it("joins small pieces, so that they leave in one frame", () => {
    const queue = new SendQueue();
    for (let i = 0; i < 100; i++) queue.push(Buffer.from("0123456789"), 0, 10);
    assert.equal(queue.shift(16_384).length, 1_000);
  });

  for (const length of [100, 65_536]) {
    it(`copies ${length} bytes that are only lent`, () => {
      const memory = ReadMemory.take();
      const queue = new SendQueue();
      pattern(length).copy(memory.bytes);
      lent.begin(memory);
      queue.push(memory.bytes, 0, length);
      lent.end();
      memory.bytes.fill(0);
      assert.ok(drain(queue, 1_000).equals(pattern(length)));
      memory.leave();
    });
  }

  it("keeps a large piece of its buffer as it is", () => {
    const queue = new SendQueue();
    const read = alone(20_000);
    queue.push(read, 0, 20_000);
    assert.equal(queue.shift(20_000).buffer, read.buffer);
    for (const [start, end] of [
      [100, 18_000],
      [0, 18_000],
      [100, 20_000],
    ] as const) {
      queue.push(read, start, end);
      const piece = queue.shift(20_000);
      assert.equal(piece.buffer, read.buffer);
      assert.ok(piece.equals(read.subarray(start, end)), `${start} to ${end}`);
    }
  });

  it("copies what would pin more than twice its bytes, small or large", () => {
    const queue = new SendQueue();
    const read = alone(65_536);
    for (const length of [64, 16_384, 32_767]) {
      queue.push(read, 0, length);
      const piece = queue.shift(65_536);
      assert.notEqual(piece.buffer, read.buffer, `${length} bytes`);
      assert.ok(piece.buffer.byteLength <= Math.max(2_048, length), `${piece.buffer.byteLength} for ${length}`);
      assert.deepEqual(piece, read.subarray(0, length));
    }
    queue.push(read, 0, 32_768);
    assert.equal(queue.shift(65_536).buffer, read.buffer);
  });

  it("pins little more than twice its bytes, however they come", () => {
    const read = alone(65_536);
    for (const [pieces, length] of [
      [1, 1],
      [1, 1_025],
      [3, 700],
      [40, 1_025],
      [2_000, 10],
    ] as const) {
      const queue = new SendQueue();
      for (let i = 0; i < pieces; i++) queue.push(read, 0, length);
      const { bytes } = queue;
      const pinned = new Set<ArrayBufferLike>();
      while (queue.bytes > 0) pinned.add(queue.shift(1 << 20).buffer);
      const all = [...pinned].reduce((sum, { byteLength }) => sum + byteLength, 0);
      assert.ok(all <= bytes * 2 + 1_024, `${all} bytes for ${pieces} times ${length}`);
    }
  });

  it("goes on in the same piece after a part of it has left", () => {
    const queue = new SendQueue();
    queue.push(Buffer.from("abcdef"), 0, 6);
    assert.equal(queue.shift(2).toString(), "ab");
    queue.push(Buffer.from("gh"), 0, 2);
    assert.equal(drain(queue, 3).toString(), "cdefgh");
  });

  it("does not change what has left when more comes", () => {
    const queue = new SendQueue();
    queue.push(Buffer.from("abc"), 0, 3);
    queue.push(Buffer.from("def"), 0, 3);
    const first = queue.shift(4);
    queue.push(Buffer.from("ghi"), 0, 3);
    assert.equal(first.toString(), "abcd");
    assert.equal(drain(queue, 100).toString(), "efghi");
  });

  it("is empty after it was cleared", () => {
    const queue = new SendQueue();
    queue.push(Buffer.from("abc"), 0, 3);
    queue.shift(1);
    queue.clear();
    assert.equal(queue.bytes, 0);
    queue.push(Buffer.from("xyz"), 0, 3);
    assert.equal(drain(queue, 100).toString(), "xyz");
  });

  it("keeps the order of thousands of pieces, though it is never empty", () => {
    const queue = new SendQueue();
    const piece = (i: number): Buffer => alone(16_384, i % 200);
    for (let i = 0; i < 100; i++) queue.push(piece(i), 0, 16_384);
    for (let i = 0; i < 2_000; i++) {
      queue.push(piece(100 + i), 0, 16_384);
      assert.ok(queue.shift(16_384).equals(piece(i)), `piece ${i}`);
    }
    assert.equal(queue.bytes, 100 * 16_384);
  });

  it("behaves as one long text, however it is filled and emptied", () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 40_000 }));
    const step = fc.record({ push: fc.array(size, { maxLength: 4 }), shift: fc.array(size, { maxLength: 4 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const queue = new SendQueue();
        let expected = Buffer.alloc(0);
        let seed = 0;
        for (const { push, shift } of steps) {
          for (const length of push) {
            const bytes = alone(length + 10, seed++);
            queue.push(bytes, 5, 5 + length);
            expected = Buffer.concat([expected, bytes.subarray(5, 5 + length)]);
          }
          for (const most of shift) {
            if (queue.bytes === 0 || most === 0) continue;
            const piece = queue.shift(most);
            assert.ok(piece.length > 0 && piece.length <= most);
            assert.ok(piece.equals(expected.subarray(0, piece.length)));
            expected = expected.subarray(piece.length);
          }
          assert.equal(queue.bytes, expected.length);
        }
        assert.ok(drain(queue, 7_000).equals(expected));
      }),
      { numRuns: 100 },
    );
  });
});
