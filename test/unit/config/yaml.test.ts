import assert from "node:assert/strict";
import { parseDocuments, readDocuments } from "../../../src/config/yaml.ts";

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

  for (const [what, text, line] of [
    ["brackets", `a:\n  ${"[".repeat(200_000)}`, 2],
    ["braces", "{a: ".repeat(50_000), 1],
    ["lists on one line", "- ".repeat(100_000), 1],
    ["keys that are no scalars", "? ".repeat(100_000), 1],
    ["indentation", Array.from({ length: 200 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join(""), 101],
  ] as const) {
    it(`refuses a document too deep in ${what}, once, before it is read to its end`, () => {
      const documents = parseDocuments(text);
      assert.deepEqual(
        documents.flatMap(({ errors }) => errors),
        [{ line, path: [], message: "want at most 100 levels within each other" }],
      );
    });
  }

  it("reads what is as deep as anybody writes", () => {
    assert.deepEqual(parseDocuments(`${"[".repeat(50)}${"]".repeat(50)}`)[0]?.errors, []);
    assert.deepEqual(parseDocuments(`a: "${"[".repeat(500)}" # ${"{".repeat(500)}\n`)[0]?.errors, []);
  });

  it("tells a hundred of a thousand errors, and how many more there are", () => {
    const [document] = parseDocuments("a: 1\n".repeat(1_000));
    assert.equal(document?.errors.length, 101);
    assert.deepEqual(document?.errors[0], { line: 2, path: ["a"], message: "this key is there twice" });
    assert.deepEqual(document?.errors.at(-1), { line: 102, path: [], message: "and 899 more" });
  });

  it("takes time that grows with the text, and not with its square", function () {
    this.timeout(30_000);
    const keys = Array.from({ length: 50_000 }, (_, index) => `k${index}: 1\n`);
    const [document] = parseDocuments(keys.join(""));
    const lines = keys.map((_, index) => document?.lineOf([`k${index}`]));
    assert.deepEqual([lines[0], lines.at(-1)], [1, 50_000]);
    assert.match(parseDocuments(`- &a x\n${"- *a\n".repeat(50_000)}`)[0]?.errors[0]?.message ?? "", /[Aa]lias/);
  });

  it("reads a long text in pieces, between which others have their turn", () => {
    const pieces = [...readDocuments("- a\n".repeat(10_000))];
    assert.ok(pieces.filter((piece) => piece === undefined).length > 20);
    assert.equal(pieces.at(-1)?.errors.length, 0);
  });

  it("leaves the traces of others' errors as they were", () => {
    const before = Error.stackTraceLimit;
    parseDocuments("] ] ]");
    assert.equal(Error.stackTraceLimit, before);
  });
});
