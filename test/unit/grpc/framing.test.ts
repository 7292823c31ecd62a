import assert from "node:assert/strict";
import { frameMessage } from "../../../src/grpc/framing.ts";

describe("A framed message", () => {
  it("is its flag, its length in four bytes, big end first, and itself", () => {
    assert.deepEqual([...frameMessage(Buffer.from("abc"), 1)], [1, 0, 0, 0, 3, 97, 98, 99]);
    assert.deepEqual([...frameMessage(new Uint8Array(0))], [0, 0, 0, 0, 0]);
    assert.deepEqual([...frameMessage(Buffer.alloc(70_000)).subarray(0, 5)], [0, 0, 1, 0x11, 0x70]);
  });
});
