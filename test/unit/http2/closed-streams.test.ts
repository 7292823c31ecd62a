import assert from "node:assert/strict";
import { ClosedStreams, closedHow } from "../../../src/http2/closed-streams.ts";

describe("closed streams", () => {
  it("are unknown before they close", () => {
    assert.equal(new ClosedStreams().how(1), closedHow.unknown);
  });

  it("are remembered by how they closed, the last way counting", () => {
    const closed = new ClosedStreams();
    closed.add(1, closedHow.ended);
    closed.add(3, closedHow.resetByUs);
    closed.add(5, closedHow.resetByPeer);
    assert.deepEqual(
      [1, 3, 5, 7].map((id) => closed.how(id)),
      [closedHow.ended, closedHow.resetByUs, closedHow.resetByPeer, closedHow.unknown],
    );
    closed.add(1, closedHow.resetByPeer);
    assert.equal(closed.how(1), closedHow.resetByPeer);
  });

  it("are forgotten, oldest first, beyond the last 512", () => {
    const closed = new ClosedStreams();
    for (let id = 1; id <= 1 + 2 * 512; id += 2) closed.add(id, closedHow.ended);
    assert.equal(closed.how(1), closedHow.unknown);
    assert.equal(closed.how(3), closedHow.ended);
    assert.equal(closed.how(1 + 2 * 512), closedHow.ended);
  });

  it("know the highest id there can be", () => {
    const closed = new ClosedStreams();
    closed.add(2 ** 31 - 1, closedHow.ended);
    assert.equal(closed.how(2 ** 31 - 1), closedHow.ended);
  });
});
