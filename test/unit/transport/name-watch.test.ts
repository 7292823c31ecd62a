import assert from "node:assert/strict";
import { NameWatch } from "../../../src/transport/name-watch.ts";
import { resolveTransportOptions, type TransportOptions } from "../../../src/transport/options.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { constantChance } from "../../support/scripted-chance.ts";
import { ScriptedResolver } from "../../support/scripted-resolver.ts";

function setUp(options: TransportOptions = {}, draw = 0.5) {
  const clock = new ManualClock({ nowMs: 5_000 });
  const resolver = new ScriptedResolver();
  const told: string[] = [];
  const watch = new NameWatch(
    "fraud.ml",
    {
      ...{ clock, resolver, chance: constantChance(draw) },
      onAddresses: (addresses) => told.push(addresses.join(" ")),
      onFailure: (reason) => told.push(`failed: ${reason}`),
    },
    resolveTransportOptions(options),
  );
  return { clock, resolver, told, watch };
}

describe("the watch over a name", () => {
  it("looks it up at once, and again after its interval", () => {
    const { clock, resolver, told, watch } = setUp();
    assert.deepEqual([resolver.asked, watch.pending], [["fraud.ml"], true]);
    resolver.answer("10.0.0.1", "10.0.0.2", "10.0.0.1");
    assert.deepEqual([told, watch.pending], [["10.0.0.1 10.0.0.2"], false]);
    clock.advance(29_999);
    assert.equal(resolver.asked.length, 1);
    clock.advance(1);
    assert.equal(resolver.asked.length, 2);
  });

  for (const [draw, pauseMs] of [
    [0, 24_000],
    [0.75, 33_000],
  ] as const) {
    it(`waits ${pauseMs} ms where chance gives ${draw}, so that a fleet does not ask all at once`, () => {
      const { clock, resolver } = setUp({}, draw);
      resolver.answer("10.0.0.1");
      assert.equal(clock.nextDueMs, 5_000 + pauseMs);
    });
  }

  it("looks it up again when a connection fails, but not twice within two seconds", () => {
    const { clock, resolver, watch } = setUp();
    resolver.answer("10.0.0.1");
    clock.advance(10_000);
    watch.doubt();
    watch.doubt();
    assert.equal(resolver.asked.length, 2);
    resolver.answer("10.0.0.1");
    for (let i = 0; i < 5; i++) watch.doubt();
    clock.advance(1_999);
    assert.equal(resolver.asked.length, 2);
    clock.advance(1);
    assert.equal(resolver.asked.length, 3);
  });

  it("never has two look-ups at once, however long one takes", () => {
    const { clock, resolver, told, watch } = setUp();
    watch.doubt();
    clock.advance(5_000);
    assert.deepEqual(told, ["failed: no answer within 5000 ms"]);
    assert.equal(watch.pending, false);
    watch.doubt();
    clock.advance(600_000);
    assert.equal(resolver.asked.length, 1);
    resolver.answer("10.0.0.1");
    assert.equal(told.at(-1), "10.0.0.1");
    clock.advance(30_000);
    assert.equal(resolver.asked.length, 2);
  });

  it("asks again soon after a failure, with growing pauses up to the longest", () => {
    const { clock, resolver, told } = setUp({ backoffInitialMs: 1_000 });
    const pauses: number[] = [];
    for (let i = 0; i < 6; i++) {
      resolver.fail("ENOTFOUND");
      pauses.push((clock.nextDueMs ?? 0) - clock.nowMs());
      clock.advance(pauses.at(-1) ?? 0);
    }
    assert.deepEqual(pauses, [2_000, 2_000, 2_560, 4_096, 5_000, 5_000]);
    assert.equal(told.filter((each) => each === "failed: ENOTFOUND").length, 6);
    resolver.answer("10.0.0.1");
    assert.equal((clock.nextDueMs ?? 0) - clock.nowMs(), 30_000);
  });

  it("takes an answer without addresses for a failure", () => {
    const { resolver, told } = setUp();
    resolver.answer();
    assert.deepEqual(told, ["failed: no address"]);
  });

  it("leaves no timer when it is closed, and is deaf to an answer that comes after", () => {
    const { clock, resolver, told, watch } = setUp();
    watch.close();
    resolver.answer("10.0.0.1");
    watch.doubt();
    assert.deepEqual([told, clock.pending, resolver.asked.length], [[], 0, 1]);
  });
});
