import assert from "node:assert/strict";
import { ByteBudget, Holder } from "../../../src/http2/byte-budget.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";

/** A stream of which only the credit it is given matters. */
function waiter(granted: string[], name: string, holder: Holder): H2Stream {
  const stream = { connection: { grantCredit: () => granted.push(name) }, holder };
  return stream as unknown as H2Stream;
}

describe("the byte budget", () => {
  it("is exceeded above its limit, not at it", () => {
    const budget = new ByteBudget(100);
    const holder = new Holder();
    budget.hold(holder, 100);
    assert.equal(budget.exceeded(holder), false);
    budget.hold(holder, 1);
    assert.equal(budget.exceeded(holder), true);
    budget.release(holder, 1);
    assert.equal(budget.exceeded(holder), false);
  });

  it("lets those who wait go on once a tenth is free, each once", () => {
    const budget = new ByteBudget(100);
    const holder = new Holder();
    const granted: string[] = [];
    budget.hold(holder, 101);
    budget.wait(waiter(granted, "a", holder));
    const twice = waiter(granted, "b", holder);
    budget.wait(twice);
    budget.wait(twice);
    budget.release(holder, 10);
    assert.deepEqual(granted, []);
    budget.release(holder, 1);
    assert.deepEqual(granted, ["a", "b"]);
    budget.release(holder, 1);
    assert.deepEqual(granted, ["a", "b"]);
  });

  it("forgets who went away", () => {
    const budget = new ByteBudget(100);
    const holder = new Holder();
    const granted: string[] = [];
    const gone = waiter(granted, "gone", holder);
    budget.hold(holder, 101);
    budget.wait(gone);
    budget.wait(waiter(granted, "there", holder));
    budget.forget(gone);
    budget.release(holder, 50);
    assert.deepEqual(granted, ["there"]);
  });

  it("keeps who has to wait again within the same release", () => {
    const budget = new ByteBudget(100);
    const holder = new Holder();
    const granted: string[] = [];
    const again = {
      connection: {
        grantCredit: (stream: H2Stream) => {
          granted.push("again");
          budget.wait(stream);
        },
      },
      holder,
    } as unknown as H2Stream;
    budget.hold(holder, 101);
    budget.wait(again);
    budget.release(holder, 20);
    assert.deepEqual(granted, ["again"]);
    budget.release(holder, 1);
    assert.deepEqual(granted, ["again", "again"]);
  });

  it("is exceeded by those only that hold more than an equal share, and they go on once the share has room", () => {
    const budget = new ByteBudget(100);
    const [greedy, modest, reader] = [new Holder(), new Holder(), new Holder()];
    const granted: string[] = [];
    budget.hold(greedy, 90);
    budget.hold(modest, 20);
    assert.deepEqual(
      [greedy, modest, reader].map((each) => budget.exceeded(each)),
      [true, false, false],
    );
    budget.wait(waiter(granted, "greedy", greedy));
    budget.hold(modest, 40);
    budget.wait(waiter(granted, "modest", modest));
    budget.release(modest, 15);
    assert.deepEqual(granted, ["modest"], "45 of 50 each, while the other still holds 90");
    budget.hold(modest, 1_000);
    budget.release(greedy, 45);
    assert.deepEqual(granted, ["modest", "greedy"]);
  });

  it("shares among those that hold something", () => {
    const budget = new ByteBudget(100);
    const [first, second] = [new Holder(), new Holder()];
    budget.hold(first, 60);
    budget.hold(second, 60);
    assert.deepEqual([budget.exceeded(first), budget.exceeded(second)], [true, true]);
    budget.release(second, 60);
    budget.hold(first, 40);
    assert.equal(budget.exceeded(first), false, "all of it");
    budget.hold(first, 1);
    assert.equal(budget.exceeded(first), true);
  });

  it("has 256 MiB unless told otherwise", () => {
    assert.equal(new ByteBudget().limitBytes, 256 * 1_048_576);
  });
});
