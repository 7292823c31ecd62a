import assert from "node:assert/strict";
import { adoptMs, WeightsInForce } from "../../soak/weights.ts";

const steps = [
  { champion: 90, variants: ["v41", "v41"] },
  { champion: 10, variants: ["v41", "v42"] },
];

describe("the weights in force", () => {
  it("give a user the variant of any step that may have been in force during the call, and no other", () => {
    const weights = new WeightsInForce(steps);
    weights.begin(0, 0);
    assert.equal(weights.allows("v41", 1, 10, 20), true);
    assert.equal(weights.allows("v42", 1, 10, 20), false);
    weights.begin(1, 100);
    // Until every sidecar is sure to have read the file, both may be.
    assert.equal(weights.allows("v42", 1, 90, 110), true);
    assert.equal(weights.allows("v41", 1, 100 + adoptMs, 200 + adoptMs), true);
    assert.equal(weights.allows("v41", 1, 101 + adoptMs, 200 + adoptMs), false);
    assert.equal(weights.allows("v42", 0, 101 + adoptMs, 200 + adoptMs), false);
  });
});
