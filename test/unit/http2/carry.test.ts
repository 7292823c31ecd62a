import assert from "node:assert/strict";
import { Carry } from "../../../src/http2/carry.ts";

describe("a carry", () => {
  it("keeps what it is given, beyond its first size too", () => {
    const carry = new Carry(5_000);
    carry.add(Buffer.from("xxabc"), 2, 5);
    carry.add(Buffer.alloc(4_000, "d"), 0, 4_000);
    assert.equal(carry.count, 4_003);
    assert.equal(carry.buf.toString("latin1", 0, carry.count), `abc${"d".repeat(4_000)}`);
  });

  it("takes as much as is wanted and says how far that went", () => {
    const carry = new Carry(100);
    const chunk = Buffer.from("0123456789");
    carry.add(chunk, 0, 2);
    assert.equal(carry.fillTo(5, chunk, 2, 10), 5);
    assert.equal(carry.fillTo(5, chunk, 5, 10), 5, "enough is there already");
    assert.equal(carry.fillTo(20, chunk, 5, 10), 10, "there is no more");
    assert.equal(carry.buf.toString("latin1", 0, carry.count), "0123456789");
  });
});
