import assert from "node:assert/strict";
import { parseDocuments } from "../../../src/config/yaml.ts";

const value = (text: string) => parseDocuments(text)[0]?.value;

describe("parseDocuments", () => {
  it("keeps the document's order of keys, where an object would sort numbers", () => {
    const map = value("{ 10: a, 9: b, x: c }");
    assert.ok(map instanceof Map);
    assert.deepEqual([...map.keys()], [10, 9, "x"]);
  });

  it("knows the line of a path, from 1, and of the nearest thing around what is not there", () => {
    const [document] = parseDocuments("# comment\na:\n  b:\n    - x\n    - { c: 1 }\n  41: y\n");
    assert.equal(document?.lineOf(["a"]), 2);
    assert.equal(document?.lineOf(["a", "b", 1, "c"]), 5);
    assert.equal(document?.lineOf(["a", "41"]), 6);
    assert.equal(document?.lineOf(["a", "missing", "deeper"]), 2);
    assert.equal(document?.lineOf(["missing"]), 2);
  });

  it("counts lines through all documents of a text", () => {
    const [, second] = parseDocuments("a: 1\n---\nb: 2\nc: 3\n");
    assert.equal(second?.lineOf(["c"]), 4);
  });

  it("reads JSON", () => {
    assert.deepEqual(value('{"a": [1, true, null, "x"]}'), new Map([["a", [1, true, null, "x"]]]));
  });

  it("takes words for words: `yes`, `on` and a version such as 1_000 are texts", () => {
    assert.deepEqual(value("[yes, on, 1_000, 0o7]"), ["yes", "on", "1_000", 7]);
  });

  it("has each document's own text, with its comments", () => {
    const documents = parseDocuments("# head\na: 1 # x\n---\n# second\nb: 2\n...\n---\nc: 3\n# tail\n");
    assert.deepEqual(
      documents.map((document) => document.text),
      ["# head\na: 1 # x\n", "# second\nb: 2\n", "c: 3\n# tail\n"],
    );
  });

  it("leaves out documents without contents", () => {
    assert.deepEqual(parseDocuments("---\n# nothing\n---\na: 1\n---\n").length, 1);
  });

  it("does not take `<<` for a merge", () => {
    const map = value("a: &a { x: 1 }\nb: { <<: *a }");
    assert.ok(map instanceof Map && map.get("b") instanceof Map);
    assert.deepEqual([...map.get("b").keys()], ["<<"]);
  });

  for (const [what, text, path, message] of [
    ["a key that is there twice", "a:\n  b: 1\n  b: 2\n", ["a", "b"], /there twice/],
    ["a tag", "a:\n  b: !!js/function 'x'\n", ["a", "b"], /tag/],
    ["an alias without an anchor", "a:\n  b: *c\n", ["a", "b"], /"\*c"/],
    ["an unclosed map", "a:\n  b: { c: 1\n", ["a", "b", "c"], /}/],
  ] as const) {
    it(`refuses ${what} and says where`, () => {
      const [error] = parseDocuments(text)[0]?.errors ?? [];
      assert.match(error?.message ?? "", message);
      assert.deepEqual(error?.path, path);
    });
  }

  it("prints nothing and throws nothing, whatever the text", () => {
    for (const text of [
      "\0",
      "\t- x",
      "%YAML 9.9\n---\na: 1",
      "? ? ?",
      "&a *a",
      "- !<x",
      "\ufeffa: 1",
      "{[}]",
      "a: b: c",
    ]) {
      assert.ok(Array.isArray(parseDocuments(text)), JSON.stringify(text));
    }
  });
});
