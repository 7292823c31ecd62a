import assert from "node:assert/strict";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";

/** A stream of which only the credit it is given matters. */
function waiter(granted: string[], name: string): H2Stream {
  const stream = { connection: { grantCredit: () => granted.push(name) } };
  return stream as unknown as H2Stream;
}

describe("the byte budget", () => {
  it("is exceeded above its limit, not at it", () => {
    const budget = new ByteBudget(100);
    budget.hold(100);
    assert.equal(budget.exceeded, false);
    budget.hold(1);
    assert.equal(budget.exceeded, true);
    budget.release(1);
    assert.equal(budget.exceeded, false);
  });

  it("lets those who wait go on once a tenth is free, each once", () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    budget.hold(101);
    budget.wait(waiter(granted, "a"));
    const twice = waiter(granted, "b");
    budget.wait(twice);
    budget.wait(twice);
    budget.release(10);
    assert.deepEqual(granted, []);
    budget.release(1);
    assert.deepEqual(granted, ["a", "b"]);
    budget.release(1);
    assert.deepEqual(granted, ["a", "b"]);
  });

  it("forgets who went away", () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const gone = waiter(granted, "gone");
    budget.hold(101);
    budget.wait(gone);
    budget.wait(waiter(granted, "there"));
    budget.forget(gone);
    budget.release(50);
    assert.deepEqual(granted, ["there"]);
  });

  it("keeps who has to wait again within the same release", () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const again = {
      connection: {
        grantCredit: (stream: H2Stream) => {
          granted.push("again");
          budget.wait(stream);
        },
      },
    } as unknown as H2Stream;
    budget.hold(101);
    budget.wait(again);
    budget.release(20);
    assert.deepEqual(granted, ["again"]);
    budget.release(1);
    assert.deepEqual(granted, ["again", "again"]);
  });

  it("has 256 MiB unless told otherwise", () => {
    assert.equal(new ByteBudget().limitBytes, 256 * 1_048_576);
  });
});
