import assert from "node:assert/strict";
import { HeaderFragments } from "../../../src/http2/header-fragments.ts";
import { resolveHttp2Options } from "../../../src/http2/options.ts";

function fragments(options: { maxContinuations?: number; maxHeaderBlockBytes?: number } = {}): HeaderFragments {
  return new HeaderFragments(resolveHttp2Options(options));
}

const bytes = Buffer.from("0123456789");

describe("a header block in fragments", () => {
  it("is whole once its last one is here, and none is under way then", () => {
    const block = fragments();
    assert.equal(block.streamId, 0);
    block.begin(5, true, 0, bytes, 0, 3);
    assert.deepEqual([block.streamId, block.endStream], [5, true]);
    assert.equal(block.add(bytes, 3, 3), true);
    assert.equal(block.add(bytes, 3, 10), true);
    assert.equal(block.take().toString(), "0123456789");
    assert.equal(block.streamId, 0);
    block.begin(7, false, 0, bytes, 8, 10);
    assert.equal(block.take().toString(), "89");
  });

  it("does not change with the read that a fragment came in", () => {
    const block = fragments();
    const read = Buffer.from("abcdef");
    block.begin(1, false, 0, read, 0, 6);
    read.fill("x");
    assert.equal(block.take().toString(), "abcdef");
  });

  it("may be so many frames and bytes, counted anew for each block", () => {
    const block = fragments({ maxContinuations: 2, maxHeaderBlockBytes: 1_024 });
    const kilobyte = Buffer.alloc(1_024);
    for (let i = 0; i < 3; i++) {
      block.begin(1, false, 0, kilobyte, 0, 1_000);
      assert.equal(block.add(kilobyte, 0, 24), true);
      assert.equal(block.add(kilobyte, 0, 0), true);
      block.take();
    }
    block.begin(1, false, 0, kilobyte, 0, 1_000);
    assert.equal(block.add(kilobyte, 0, 25), false);
    const many = fragments({ maxContinuations: 2 });
    many.begin(1, false, 0, bytes, 0, 1);
    many.add(bytes, 0, 0);
    many.add(bytes, 0, 0);
    assert.equal(many.add(bytes, 0, 0), false);
  });
});
