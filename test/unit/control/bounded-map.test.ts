import assert from "node:assert/strict";
import { BoundedMap } from "../../../src/control/bounded-map.ts";

describe("a bounded map", () => {
  it("forgets what was not asked for the longest", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    assert.equal(map.get("a"), 1);
    map.set("c", 3);
    assert.deepEqual([map.get("a"), map.get("b"), map.get("c"), map.size], [1, undefined, 3, 2]);
  });

  it("goes by what values weigh, and keeps none that is too heavy by itself", () => {
    const map = new BoundedMap<string, string>(10, ({ length }) => length);
    map.set("a", "xxxx");
    map.set("b", "xxxx");
    map.set("b", "yyyyyy");
    assert.deepEqual([map.get("a"), map.get("b")], ["xxxx", "yyyyyy"]);
    map.set("c", "x");
    assert.deepEqual([map.get("a"), map.get("c")], [undefined, "x"]);
    map.set("d", "x".repeat(11));
    assert.equal(map.size, 0);
  });
});
