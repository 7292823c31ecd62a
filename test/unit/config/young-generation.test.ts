import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { youngGenerationBytes } from "../../../src/config/young-generation.ts";

const mebibyte = 1_048_576;
const limit = "process.stdout.write(String(require('node:v8').getHeapStatistics().heap_size_limit))";

describe("V8's young generation", () => {
  for (const flags of [
    ["--max-old-space-size=64"],
    ["--max-old-space-size=512"],
    ["--max-old-space-size=512", "--max-semi-space-size=16"],
    ["--max_old_space_size=256", "--max_semi_space_size=4", "--max-semi-space-size=32"],
  ]) {
    it(`is the rest of this Node's limit with ${flags.join(" ")}`, () => {
      const told = Number(execFileSync(process.execPath, [...flags, "-e", limit], { encoding: "utf8" }));
      const [, old] = /size=([0-9]+)/.exec(flags[0] ?? "") ?? [];
      assert.equal(told - youngGenerationBytes(flags.join(" "), process.version), Number(old) * mebibyte);
    });
  }

  it("has the default of its version", () => {
    assert.equal(youngGenerationBytes("", "v22.23.2"), 48 * mebibyte);
    assert.equal(youngGenerationBytes("", "v26.1.0"), 192 * mebibyte);
  });
});
