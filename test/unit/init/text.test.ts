import assert from "node:assert/strict";
import { parseDocuments } from "../../../src/config/yaml.ts";
import { listed, printable, shellWord, yamlText } from "../../../src/init/text.ts";

describe("texts that a server chose", () => {
  it("are printed on one line, without what moves a cursor or turns the writing's direction", () => {
    assert.equal(printable("a\u001b[2Jb\r\nc\u202ed\u2028 e\u0000"), "a [2Jb c d e");
  });

  it("are cut where they are long", () => {
    assert.deepEqual([printable("x".repeat(1_000)).length, printable("x".repeat(300)).length], [301, 300]);
  });

  for (const text of [
    "fraud",
    "models/fraud-2.b_c",
    "41",
    "1e3",
    "true",
    "No",
    "null",
    "",
    " x",
    "a: b",
    "a #b",
    "- x",
    "{x}",
    'say "hi"',
    "back\\slash",
    "line\nbreak\u2028\u0085\ufeff\u007f",
    "模型",
  ]) {
    it(`are what they were after YAML has read them: ${JSON.stringify(text)}`, () => {
      const [document] = parseDocuments(`{ list: [${yamlText(text)}, x] }`);
      assert.deepEqual(document?.errors, []);
      assert.deepEqual(document?.value, new Map([["list", [text, "x"]]]));
    });
  }

  for (const [text, word] of [
    ["route.yaml", "route.yaml"],
    ["my route.yaml", "'my route.yaml'"],
    ["it's", "'it'\\''s'"],
    ["$(date)", "'$(date)'"],
    ["scores[1]", "'scores[1]'"],
  ] as const) {
    it(`are one word to a shell: ${text}`, () => {
      assert.equal(shellWord(text), word);
    });
  }

  it("are listed up to a number, with how many more there are", () => {
    assert.deepEqual([listed(["a", "b"], 2), listed(["a", "b", "c", "d"], 2)], ["a, b", "a, b and 2 more"]);
  });
});
