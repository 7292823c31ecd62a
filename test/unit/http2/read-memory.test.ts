import assert from "node:assert/strict";
import { lent, ReadMemory } from "../../../src/http2/read-memory.ts";

describe("read memory", () => {
  it("is used again once its socket has left it and nobody holds it", () => {
    const memory = ReadMemory.take();
    memory.hold();
    memory.hold();
    memory.leave();
    const other = ReadMemory.take();
    assert.notEqual(other, memory);
    memory.release();
    assert.notEqual(ReadMemory.take(), memory);
    assert.equal(memory.free, false);
    memory.release();
    assert.equal(memory.free, true);
    assert.equal(ReadMemory.take(), memory);
  });

  it("stays its socket's own while that reads into it", () => {
    const memory = ReadMemory.take();
    memory.hold();
    memory.release();
    assert.equal(memory.free, true);
    assert.notEqual(ReadMemory.take(), memory);
  });

  it("counts as memory as far as reads have gone, until it is given up", () => {
    for (let i = 0; i < 64; i++) ReadMemory.take(); // none is kept any more
    const before = ReadMemory.touchedBytes;
    const memory = ReadMemory.take();
    memory.touch(100);
    memory.touch(4_000);
    memory.touch(200);
    assert.equal(ReadMemory.touchedBytes - before, 4_000);
    memory.leave(); // kept for the next socket
    assert.equal(ReadMemory.touchedBytes - before, 4_000);
    const given = Array.from({ length: 64 }, () => new ReadMemory());
    for (const other of given) other.touch(10);
    for (const other of given) other.leave();
    // One of them found no place beside the first.
    assert.equal(ReadMemory.touchedBytes - before, 4_000 + 63 * 10);
  });

  it("is kept for later up to a bound", () => {
    const many = Array.from({ length: 200 }, () => ReadMemory.take());
    for (const memory of many) memory.leave();
    const again = new Set(Array.from({ length: 200 }, () => ReadMemory.take()));
    assert.equal(again.size, 200);
    assert.equal(many.filter((memory) => again.has(memory)).length, 64);
  });
});

describe("what is lent", () => {
  it("is the memory of the read under way, and no other", () => {
    const [memory, other] = [ReadMemory.take(), ReadMemory.take()];
    assert.equal(lent.memoryOf(memory.bytes), undefined);
    lent.begin(memory);
    assert.equal(lent.memoryOf(memory.bytes), memory);
    assert.equal(lent.memoryOf(other.bytes), undefined);
    assert.equal(lent.memoryOf(memory.bytes.subarray(0, 5)), undefined);
    lent.end();
    assert.equal(lent.memoryOf(memory.bytes), undefined);
  });

  it("tells those who borrowed when the read ends, once", () => {
    const told: string[] = [];
    for (const read of ["first", "second"]) {
      lent.begin(ReadMemory.take());
      lent.borrow({ own: () => told.push(`${read} a`) });
      lent.borrow({ own: () => told.push(`${read} b`) });
      lent.end();
    }
    lent.begin(ReadMemory.take());
    lent.end();
    assert.deepEqual(told, ["first a", "first b", "second a", "second b"]);
  });
});
