import assert from "node:assert/strict";
import { Addresses } from "../../../src/transport/addresses.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ScriptedChance } from "../../support/scripted-chance.ts";

function setUp(...draws: readonly number[]) {
  const clock = new ManualClock();
  const seen: (readonly string[])[] = [];
  const addresses: Addresses = new Addresses(clock, new ScriptedChance(...draws), 2, () => {
    seen.push(addresses.wanted);
  });
  return { clock, seen, addresses };
}

describe("the addresses of a name", () => {
  it("are all wanted where they are of one family, be it IPv6 alone", () => {
    const { clock, seen, addresses } = setUp();
    assert.equal(addresses.unknown, true);
    addresses.learn(["fd00::1", "fd00::2"]);
    assert.deepEqual(seen, [["fd00::1", "fd00::2"]]);
    assert.deepEqual([addresses.unknown, clock.pending], [false, 0]);
  });

  it("are wanted of the first family alone until its head start is over", () => {
    const { clock, seen, addresses } = setUp();
    addresses.learn(["fd00::1", "10.0.0.1"]);
    clock.advance(249);
    assert.deepEqual(seen, [["fd00::1"]]);
    clock.advance(1);
    assert.deepEqual(seen.at(-1), ["fd00::1", "10.0.0.1"]);
    assert.equal(clock.pending, 0);
  });

  it("are wanted of the family that connects first, from then on", () => {
    const { clock, seen, addresses } = setUp();
    addresses.learn(["fd00::1", "10.0.0.1"]);
    clock.advance(250);
    addresses.connected("10.0.0.1");
    assert.deepEqual(seen.at(-1), ["10.0.0.1"]);
    addresses.learn(["fd00::1", "10.0.0.2", "10.0.0.1"]);
    assert.deepEqual(seen.at(-1), ["10.0.0.2", "10.0.0.1"]);
    assert.equal(clock.pending, 0);
  });

  it("are wanted of the first family alone where it connects within its head start", () => {
    const { clock, seen, addresses } = setUp();
    addresses.learn(["fd00::1", "10.0.0.1"]);
    addresses.connected("fd00::1");
    clock.advance(1_000);
    assert.deepEqual(seen, [["fd00::1"]]);
  });

  it("are wanted of both families once none of the one in use answers any more", () => {
    const { seen, addresses } = setUp();
    addresses.learn(["fd00::1", "10.0.0.1"]);
    addresses.connected("fd00::1");
    addresses.noneAnswers();
    assert.deepEqual(seen.at(-1), ["fd00::1", "10.0.0.1"]);
    addresses.noneAnswers();
    assert.equal(seen.length, 2);
  });

  it("are wanted of the other family where the one in use has gone from the name", () => {
    const { seen, addresses } = setUp();
    addresses.learn(["fd00::1", "10.0.0.1"]);
    addresses.connected("fd00::1");
    addresses.learn(["10.0.0.1"]);
    assert.deepEqual(seen.at(-1), ["10.0.0.1"]);
  });

  it("are drawn once where there are too many, and the draw is kept", () => {
    const { seen, addresses } = setUp(0.5);
    const five = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
    addresses.learn(five);
    addresses.learn(five.toReversed());
    assert.equal(seen[0]?.length, 2);
    assert.deepEqual([...(seen[1] ?? [])].sort(), [...(seen[0] ?? [])].sort());
  });
});
