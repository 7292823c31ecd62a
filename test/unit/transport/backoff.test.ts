import assert from "node:assert/strict";
import { newBackoff, nextPauseMs } from "../../../src/transport/backoff.ts";
import { resolveTransportOptions } from "../../../src/transport/options.ts";
import { constantChance, ScriptedChance } from "../../support/scripted-chance.ts";

describe("backoff", () => {
  it("grows by its factor up to its longest pause", () => {
    const backoff = newBackoff();
    const options = resolveTransportOptions({ backoffJitter: 0 });
    const pauses = Array.from({ length: 12 }, () => Math.round(nextPauseMs(backoff, options, constantChance())));
    assert.deepEqual(pauses, [100, 160, 256, 410, 655, 1_049, 1_678, 2_684, 4_295, 5_000, 5_000, 5_000]);
    assert.equal(backoff.failures, 12);
  });

  it("starts over where its failures are forgotten", () => {
    const backoff = newBackoff();
    const options = resolveTransportOptions({ backoffJitter: 0 });
    for (let i = 0; i < 5; i++) nextPauseMs(backoff, options, constantChance());
    backoff.failures = 0;
    assert.equal(nextPauseMs(backoff, options, constantChance()), 100);
  });

  it("varies by its jitter, up and down", () => {
    const options = resolveTransportOptions({ backoffInitialMs: 1_000, backoffFactor: 1, backoffJitter: 0.2 });
    const chance = new ScriptedChance(0, 0.25, 0.5, 0.75);
    const backoff = newBackoff();
    const pauses = Array.from({ length: 4 }, () => Math.round(nextPauseMs(backoff, options, chance)));
    assert.deepEqual(pauses, [800, 900, 1_000, 1_100]);
  });

  it("stays finite after any number of failures", () => {
    const options = resolveTransportOptions({ backoffJitter: 0 });
    assert.equal(nextPauseMs({ failures: 1e9 }, options, constantChance()), 5_000);
  });
});
