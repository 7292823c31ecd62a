import assert from "node:assert/strict";
import { traceIdHash, traceIdOf } from "../../../src/compare/traceparent.ts";

const id = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("the trace id of a traceparent", () => {
  for (const legal of [
    `00-${id}-00f067aa0ba902b7-01`,
    `00-${id}-b7ad6b7169203331-00`,
    `cc-${id}-00f067aa0ba902b7-01-what-the-future-brings`,
  ]) {
    it(`is found in ${legal}`, () => {
      assert.equal(traceIdOf(legal), id);
    });
  }

  for (const illegal of [
    "",
    id,
    `00-${id}`,
    `00-${id}-00f067aa0ba902b7`,
    `00_${id}-00f067aa0ba902b7-01`,
    `00-${id}_00f067aa0ba902b7-01`,
    `00-${id.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${id.slice(1)}g-00f067aa0ba902b7-01`,
    `00-${id.slice(1)}/-00f067aa0ba902b7-01`,
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
  ]) {
    it(`is not found in ${JSON.stringify(illegal)}`, () => {
      assert.equal(traceIdOf(illegal), undefined);
      assert.equal(traceIdHash(illegal, 1), -1);
    });
  }

  it("is not found where there is no traceparent", () => {
    assert.equal(traceIdOf(undefined), undefined);
  });

  it("has a hash that all spans of the trace share, whatever their flags", () => {
    const hashes = [`00-${id}-00f067aa0ba902b7-01`, `01-${id}-b7ad6b7169203331-00`].map((each) => traceIdHash(each, 7));
    assert.equal(hashes[0], hashes[1]);
  });

  it("has a hash that every digit and the seed change", () => {
    const ids = Array.from(id, (digit, i) => id.slice(0, i) + (digit === "5" ? "6" : "5") + id.slice(i + 1));
    const hashes = new Set([id, ...ids].map((each) => traceIdHash(`00-${each}-00f067aa0ba902b7-01`, 7)));
    hashes.add(traceIdHash(`00-${id}-00f067aa0ba902b7-01`, 8));
    assert.equal(hashes.size, 34);
  });
});
