import assert from "node:assert/strict";
import { HeaderBlock, HeaderField, headerId, headerIdOf } from "../../../src/http2/header-block.ts";

describe("a header block", () => {
  it("finds the first field by id or by name, among those that count", () => {
    const block = new HeaderBlock();
    const first = new HeaderField("content-type", "a");
    block.add(new HeaderField("x-other", "0"));
    block.add(first);
    block.add(new HeaderField("content-type", "b"));
    assert.equal(block.find(headerId["content-type"]), first);
    assert.equal(block.named("content-type"), first);
    assert.equal(block.named("x-other")?.value, "0");
    assert.equal(block.find(headerId.te), undefined);
    assert.equal(block.named("te"), undefined);
    block.clear();
    assert.equal(block.find(headerId["content-type"]), undefined);
    assert.equal(block.named("x-other"), undefined);
  });

  it("knows its size by HPACK's count", () => {
    const block = new HeaderBlock();
    block.add(new HeaderField("ab", "cde"));
    block.add(new HeaderField("", ""));
    assert.equal(block.size, 2 + 3 + 32 + 32);
    block.tooLarge = true;
    block.clear();
    assert.deepEqual([block.size, block.count, block.tooLarge], [0, 0, false]);
  });

  it("gives dense ids to the names that the proxy looks for, 0 to all others", () => {
    const ids = Object.values(headerId);
    assert.deepEqual(
      [...ids].sort((a, b) => a - b),
      ids.map((_, i) => i),
    );
    assert.equal(headerIdOf("grpc-timeout"), headerId["grpc-timeout"]);
    assert.equal(headerIdOf("Grpc-Timeout"), 0);
    assert.equal(headerIdOf("constructor"), 0);
    assert.equal(new HeaderField("te", "trailers").id, headerId.te);
  });
});
