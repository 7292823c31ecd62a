import assert from "node:assert/strict";
import { didYouMean, nearest } from "../../../src/base/nearest.ts";

const known = ["weights", "shadows", "variants", "champion"];

describe("nearest", () => {
  for (const [slip, word, meant] of [
    ["a swap", "wieghts", "weights"],
    ["a missing letter", "champon", "champion"],
    ["a letter too many", "shaddows", "shadows"],
    ["a wrong letter", "varients", "variants"],
    ["capitals", "Weights", "weights"],
  ] as const) {
    it(`sees through ${slip}: ${word} means ${meant}`, () => {
      assert.equal(nearest(word, known), meant);
    });
  }

  it("stays silent where nothing is near", () => {
    assert.equal(nearest("timeout", known), undefined);
    assert.equal(nearest("wieght", []), undefined);
  });

  it("counts a swap of neighbours as one slip, not two", () => {
    assert.equal(nearest("ab", ["ba"], 1), "ba");
  });

  it("prefers fewer slips over an earlier place", () => {
    assert.equal(nearest("pins", ["pings", "pin", "pins"]), "pins");
  });

  it("names something whatever the distance where it is told to", () => {
    assert.equal(nearest("zzz", ["weights", "pin"], Number.POSITIVE_INFINITY), "pin");
  });
});

describe("didYouMean", () => {
  it("is empty without a guess, so that it can end any message", () => {
    assert.equal(didYouMean("timeout", known), "");
    assert.equal(didYouMean("wieghts", known), ' (did you mean "weights"?)');
  });
});
