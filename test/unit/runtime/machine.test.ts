import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mock } from "node:test";
import { getHeapStatistics } from "node:v8";
import { systemMachine } from "../../../src/runtime/machine.ts";

describe("the machine", () => {
  it("tells V8's heap and its limit", () => {
    const { usedBytes, limitBytes } = systemMachine(0).heap();
    assert.equal(limitBytes, getHeapStatistics().heap_size_limit);
    assert.ok(usedBytes > 1_000_000 && usedBytes < limitBytes);
  });

  it("tells the process's memory beside what was asked for, or beside the container's or the machine's", () => {
    assert.equal(systemMachine(123_456_789).memory().limitBytes, 123_456_789);
    const { usedBytes, limitBytes } = systemMachine(0).memory();
    assert.ok(usedBytes > 10_000_000 && usedBytes < limitBytes);
    assert.ok(Number.isSafeInteger(limitBytes), String(limitBytes));
  });

  it("goes by what it read last where the system has no descriptor for a reading", () => {
    const machine = systemMachine(0);
    const before = machine.memory();
    const failing = mock.method(process, "memoryUsage", () => {
      throw new Error("EMFILE: too many open files, uv_resident_set_memory");
    });
    try {
      assert.deepEqual(machine.memory(), before);
    } finally {
      failing.mock.restore();
    }
  });

  it("counts buffers, which lie outside of the heap", () => {
    // In a process of its own: this one has memory that was freed, and is used again without any growth.
    const script = `
      const { systemMachine } = await import(${JSON.stringify(new URL("../../../src/runtime/machine.ts", import.meta.url).href)});
      const machine = systemMachine(0);
      const before = machine.memory().usedBytes;
      globalThis.buffers = Array.from({ length: 100 }, () => Buffer.alloc(1_000_000, 1));
      console.log(machine.memory().usedBytes - before);
    `;
    const grown = Number(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }));
    assert.ok(grown > 90_000_000 && grown < 110_000_000, `grown by ${grown}`);
  });
});
