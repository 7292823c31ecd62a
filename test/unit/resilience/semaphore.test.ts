import assert from "node:assert/strict";
import fc from "fast-check";
import { Semaphore } from "../../../src/resilience/semaphore.ts";

describe("a semaphore", () => {
  it("lets out as much as it holds, and more once some is back", () => {
    const semaphore = new Semaphore(2);
    assert.deepEqual([semaphore.tryTake(), semaphore.tryTake(), semaphore.tryTake()], [true, true, false]);
    semaphore.giveBack();
    assert.deepEqual([semaphore.tryTake(), semaphore.tryTake()], [true, false]);
  });

  it("takes an amount whole or not at all", () => {
    const bytes = new Semaphore(1000);
    assert.equal(bytes.tryTake(1001), false);
    assert.equal(bytes.tryTake(600), true);
    assert.equal(bytes.tryTake(401), false);
    assert.equal(bytes.taken, 600);
    assert.equal(bytes.tryTake(400), true);
    bytes.giveBack(1000);
    assert.equal(bytes.taken, 0);
  });

  it("needs room in the wider one too, and takes of neither without it", () => {
    const process = new Semaphore(10);
    const one = new Semaphore(8, process);
    const other = new Semaphore(8, process);
    assert.equal(one.tryTake(8), true);
    assert.equal(other.tryTake(3), false);
    assert.deepEqual([other.taken, process.taken], [0, 8]);
    assert.equal(one.tryTake(1), false);
    assert.equal(process.taken, 8);
    one.giveBack(8);
    assert.equal(other.tryTake(3), true);
    assert.equal(process.taken, 3);
  });

  it("does not grow when something is given back twice, nor does the wider one", () => {
    const process = new Semaphore(4);
    const one = new Semaphore(2, process);
    const other = new Semaphore(2, process);
    other.tryTake(2);
    one.tryTake();
    one.giveBack();
    one.giveBack();
    assert.deepEqual([one.taken, process.taken], [0, 2]);
    assert.deepEqual([one.tryTake(3), one.tryTake(2)], [false, true]);
  });

  for (const amount of [-1, Number.NaN]) {
    it(`neither takes nor gives back ${amount}`, () => {
      const semaphore = new Semaphore(2);
      semaphore.tryTake();
      assert.equal(semaphore.tryTake(amount), false);
      semaphore.giveBack(amount);
      assert.equal(semaphore.taken, 1);
    });
  }

  it("never has more out than it holds, whatever comes", () => {
    const amounts = fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.nat(6)), { maxLength: 60, size: "max" });
    fc.assert(
      fc.property(amounts, (steps) => {
        const process = new Semaphore(10);
        const both = [new Semaphore(7, process), new Semaphore(7, process)] as const;
        for (const [first, take, amount] of steps) {
          const semaphore = both[first ? 0 : 1];
          if (take) semaphore.tryTake(amount);
          else semaphore.giveBack(amount);
          assert.ok(both.every(({ taken }) => taken >= 0 && taken <= 7));
          assert.equal(process.taken, both[0].taken + both[1].taken);
          assert.ok(process.taken <= 10);
        }
      }),
    );
  });

  for (const capacity of [0, -1, Number.NaN]) {
    it(`refuses a capacity of ${capacity}`, () => assert.throws(() => new Semaphore(capacity), RangeError));
  }
});
