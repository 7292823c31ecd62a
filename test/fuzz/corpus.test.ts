/** Everything that fuzzing has found, and what it begins with, once more. */
import assert from "node:assert/strict";
import { corpusTargets, readCorpus } from "./corpus.ts";
import { targets } from "./targets.ts";

describe("the fuzzers' corpus", () => {
  it("has a target for each of its folders", () => {
    const names = targets.map(({ name }) => name);
    assert.deepEqual(
      corpusTargets().filter((folder) => !names.includes(folder)),
      [],
    );
  });

  for (const target of targets) {
    const files = readCorpus(target.name);
    const grown = files.filter(({ name }) => name.startsWith("reaches-"));
    for (const { name, input } of files.filter((file) => !grown.includes(file))) {
      it(`is well with ${target.name}/${name}`, async () => await target.replay(input));
    }
    if (target.kind !== "bytes") continue;
    it(`is well with what ${target.name} begins with`, () => {
      for (const input of target.seeds()) target.replay(input);
    }).timeout(30_000);
    it(`is well with all that reaches a part of the code in ${target.name}`, () => {
      const broken = grown.flatMap(({ name, input }) => {
        try {
          target.replay(input);
          return [];
        } catch (error) {
          return [`${name}: ${error}`];
        }
      });
      assert.deepEqual(broken, []);
    }).timeout(60_000);
  }
});
