import assert from "node:assert/strict";
import { readInto } from "../../../src/transport/socket-reader.ts";

/** Plays the socket: puts these bytes where the reader wants them. */
function feed(reader: ReturnType<typeof readInto>, bytes: Buffer): void {
  const { buffer, callback } = reader;
  assert.ok(typeof buffer === "function");
  const into = buffer() as Buffer;
  bytes.copy(into);
  assert.equal(callback(bytes.length, into), true);
}

describe("a socket's reader", () => {
  it("hands on each read, and writes over none", () => {
    const chunks: Buffer[] = [];
    const reader = readInto((chunk) => chunks.push(chunk));
    const reads = Array.from({ length: 300 }, (_, i) => Buffer.alloc(1 + ((i * 997) % 16_000), i));
    for (const bytes of reads) feed(reader, bytes);
    assert.deepEqual(chunks, reads);
  });

  it("uses one piece of memory for many short reads, and has room for a long one each time", () => {
    const chunks: Buffer[] = [];
    const reader = readInto((chunk) => chunks.push(chunk));
    for (let i = 0; i < 400; i++) {
      assert.ok(typeof reader.buffer === "function" && reader.buffer().length >= 16_384);
      feed(reader, Buffer.alloc(100, i));
    }
    assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, 1);
    for (let i = 0; i < 100; i++) feed(reader, Buffer.alloc(100, i));
    assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, 2);
  });
});
