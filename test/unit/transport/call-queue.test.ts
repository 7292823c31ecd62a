import assert from "node:assert/strict";
import { CallQueue, type Waiter } from "../../../src/transport/call-queue.ts";
import { heldMemory } from "../../support/held-memory.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { turns } from "../../support/until.ts";

function waiter(): Waiter {
  return { onConnection: () => undefined, onNoConnection: () => undefined, queuedAtMs: 0, waiting: false };
}

describe("a queue of calls", () => {
  it("keeps nothing of those that have left it, served or cancelled", async () => {
    const queue = new CallQueue(new ManualClock(), 1_000);
    const held: WeakRef<Waiter>[] = [];
    const fill = (): void => {
      const waiters = Array.from({ length: 100 }, waiter);
      for (const each of waiters) {
        queue.add(each);
        held.push(new WeakRef(each));
      }
      for (let i = 0; i < 50; i++) queue.shift();
      for (const each of waiters) queue.remove(each);
    };
    fill();
    // What a WeakRef was made of lives to the end of the turn.
    await turns(3);
    heldMemory();
    assert.equal(queue.length, 0);
    assert.equal(held.filter((each) => each.deref() !== undefined).length, 0);
  });

  it("goes on in its order, whoever leaves it", () => {
    const queue = new CallQueue(new ManualClock(), 1_000);
    const waiters = Array.from({ length: 6 }, waiter);
    for (const each of waiters) queue.add(each);
    const [first, second, third, fourth, fifth, sixth] = waiters as [Waiter, Waiter, Waiter, Waiter, Waiter, Waiter];
    assert.equal(queue.shift(), first);
    queue.remove(third);
    assert.equal(queue.shift(), second);
    queue.remove(sixth);
    assert.deepEqual([queue.shift(), queue.shift(), queue.length], [fourth, fifth, 0]);
  });
});
