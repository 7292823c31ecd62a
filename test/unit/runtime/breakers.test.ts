import assert from "node:assert/strict";
import { Breaker } from "../../../src/resilience/breaker.ts";
import { breakersOf } from "../../../src/runtime/breakers.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { snapshotOf } from "../../support/sidecar.ts";

const warmup = { copies: 3 };
const at = (address: string, more: object = {}): { address: string } => ({ address, ...more });

describe("the breakers that a configuration needs", () => {
  it("are one for each insured challenger, each shadow, and each variant that copies of its own warm up", () => {
    const snapshot = snapshotOf({
      variants: {
        v41: at("127.0.0.1:1", { warmup }),
        v42: at("127.0.0.1:2", { warmup, onFailure: "champion" }),
        v43: at("127.0.0.1:3", { warmup }),
        v44: at("127.0.0.1:4"),
      },
      champion: "v41",
      weights: { v41: 80, v42: 10, v44: 10 },
      shadows: { v43: { timeout: "5s" } },
    });
    const needs = breakersOf(snapshot, { minCalls: 7 });
    assert.deepEqual(
      needs.map(({ labels: [, variant, traffic], options }) => [variant, traffic, options.probeTimeoutMs]),
      [
        ["v42", "live", undefined],
        ["v43", "shadow", 10_000],
        ["v42", "warmup", 60_000],
      ],
    );
    assert.equal(new Set(needs.map(({ key }) => key)).size, 3);
  });

  it("are others where the time for a probe is, and that is never longer than a timer can be", () => {
    const needs = ["5s", "6s", "500h"].map((timeout) => {
      const variants = { v41: at("127.0.0.1:1"), v43: at("127.0.0.1:3") };
      const [need] = breakersOf(snapshotOf({ variants, weights: { v41: 1 }, shadows: { v43: { timeout } } }), {});
      return need ?? assert.fail();
    });
    assert.equal(new Set(needs.map(({ key }) => key)).size, 3);
    for (const { options } of needs) new Breaker(new ManualClock(), options, () => undefined).close();
  });
});
