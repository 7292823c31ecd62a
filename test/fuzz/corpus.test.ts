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
    for (const { name, input } of readCorpus(target.name)) {
      it(`is well with ${target.name}/${name}`, async () => await target.replay(input));
    }
    if (target.kind !== "bytes") continue;
    it(`is well with what ${target.name} begins with`, () => {
      for (const input of target.seeds()) target.replay(input);
    }).timeout(30_000);
  }
});
