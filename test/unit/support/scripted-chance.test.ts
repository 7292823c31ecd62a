import assert from "node:assert/strict";
import { constantChance, ScriptedChance } from "../../support/scripted-chance.ts";

describe("scripted chance", () => {
  it("gives the written draws in order and counts them", () => {
    const chance = new ScriptedChance(0.25, 0, 0.999);
    assert.deepEqual([chance.next(), chance.next()], [0.25, 0]);
    assert.deepEqual([chance.drawn, chance.left], [2, 1]);
  });

  it("throws on a draw that was not foreseen", () => {
    const chance = new ScriptedChance(0.5);
    chance.next();
    assert.throws(() => chance.next(), /draw 2 was not scripted/);
    assert.equal(chance.drawn, 1);
  });

  for (const value of [1, -0.1, Number.NaN]) {
    it(`refuses ${value}, which no source of chance may give`, () => {
      assert.throws(() => new ScriptedChance(value), RangeError);
      assert.throws(() => constantChance(value), RangeError);
    });
  }

  it("gives one draw for ever where it is constant", () => {
    const chance = constantChance(0.125);
    assert.deepEqual([chance.next(), chance.next()], [0.125, 0.125]);
    assert.equal(constantChance().next(), 0);
  });
});
