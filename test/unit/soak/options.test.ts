import assert from "node:assert/strict";
import { readOptions } from "../../soak/options.ts";

describe("a soak's options", () => {
  it("are ten minutes at 6,000 calls a second unless told otherwise", () => {
    const options = { minutes: 10, rate: 6_000, seed: 1, json: undefined };
    assert.deepEqual(readOptions([]), { kind: "run", options });
  });

  it("are read", () => {
    const options = { minutes: 0.5, rate: 100, seed: 7, json: "report.json" };
    const args = ["--minutes", "0.5", "--rate=100", "--seed", "7", "--json", "report.json"];
    assert.deepEqual(readOptions(args), { kind: "run", options });
    assert.deepEqual(readOptions(["--minutes", "1", "--help"]), { kind: "help" });
  });

  for (const [args, problem] of [
    [["--minutes", "0"], /^--minutes: want a number from 0.2/],
    [["--minutes", "-1"], /minutes/],
    [["--rate", "1.5"], /^--rate: want a whole number from 10/],
    [["--seed", "x"], /^--seed/],
    [["--what"], /--what/],
    [["stray"], /stray/],
  ] as const) {
    it(`${args.join(" ")} is wrong`, () => {
      const asked = readOptions(args);
      assert.ok(asked.kind === "wrong" && asked.problems.length === 1);
      assert.match(asked.problems[0] ?? "", problem);
    });
  }

  it("have all their problems told at once", () => {
    const asked = readOptions(["--minutes", "0", "--rate", "0"]);
    assert.ok(asked.kind === "wrong" && asked.problems.length === 2);
  });
});
