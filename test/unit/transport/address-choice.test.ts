import assert from "node:assert/strict";
import { byFamily, chooseAddresses } from "../../../src/transport/address-choice.ts";

const pods = Array.from({ length: 100 }, (_, i) => `10.0.${i >> 4}.${i & 15}`);

describe("the choice of addresses", () => {
  it("is all of them where there are few, in their order", () => {
    assert.deepEqual(chooseAddresses(["10.0.0.2", "10.0.0.1"], 2, 7), ["10.0.0.2", "10.0.0.1"]);
  });

  it("is no more than asked for, and the same for the same seed in whatever order they come", () => {
    const chosen = chooseAddresses(pods, 16, 7);
    assert.equal(chosen.length, 16);
    assert.deepEqual([...chooseAddresses(pods.toReversed(), 16, 7)].sort(), [...chosen].sort());
  });

  it("loses one and takes one when an address goes", () => {
    const before = chooseAddresses(pods, 16, 7);
    const after = chooseAddresses(
      pods.filter((pod) => pod !== before[3]),
      16,
      7,
    );
    assert.equal(after.length, 16);
    assert.equal(after.filter((pod) => before.includes(pod)).length, 15);
  });

  it("gives every pod its share over many sidecars", () => {
    const uses = new Map<string, number>();
    for (let seed = 0; seed < 500; seed++) {
      for (const pod of chooseAddresses(pods, 16, seed * 4_294_967)) uses.set(pod, (uses.get(pod) ?? 0) + 1);
    }
    // 500 sidecars with 16 each: 80 for each of 100 pods, with a standard deviation of 8.2.
    const counts = pods.map((pod) => uses.get(pod) ?? 0);
    assert.ok(
      Math.min(...counts) > 45 && Math.max(...counts) < 120,
      `${Math.min(...counts)} to ${Math.max(...counts)}`,
    );
  });

  it("knows the families apart, that of the first address in front", () => {
    assert.deepEqual(byFamily(["::1", "10.0.0.1", "fd00::2"]), [["::1", "fd00::2"], ["10.0.0.1"]]);
    assert.deepEqual(byFamily(["10.0.0.1"]), [["10.0.0.1"]]);
    assert.deepEqual(byFamily([]), []);
  });
});
