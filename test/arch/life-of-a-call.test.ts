/** docs/life-of-a-call.md is held to the code: its steps to files and functions, its tables to the words that are recorded. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assignmentReasons, localReplyReasons, shadowDropReasons } from "../../src/model/call.ts";
import { tableRows } from "../support/markdown.ts";
import { readSources } from "../support/modules.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(new URL("../../docs/life-of-a-call.md", import.meta.url), "utf8");
const sources = readSources(root, "src", (path) => path.endsWith(".ts"));

/** The words in backticks of a text. */
function quoted(text = ""): string[] {
  return Array.from(text.matchAll(/`([^`]+)`/g), ([, word = ""]) => word);
}

/** First cells of the table under a heading. */
function firstWords(heading: string): string[] {
  const [, section = ""] = page.split(`## ${heading}\n`);
  return tableRows(section.split("\n## ")[0] ?? "").map(([first]) => quoted(first)[0] ?? "");
}

describe("docs/life-of-a-call.md", () => {
  const steps = tableRows(page).filter(([step = ""]) => /^\d+$/.test(step));

  it("numbers its steps", () => {
    assert.deepEqual(
      steps.map(([step]) => Number(step)),
      steps.map((_, at) => at + 1),
    );
    assert.ok(steps.length > 10);
  });

  for (const [step, file, , functions] of steps) {
    it(`names in step ${step} a file and functions that are there`, () => {
      const source = sources.get(quoted(file)[0] ?? "");
      assert.ok(source !== undefined, file);
      const names = quoted(functions);
      assert.notEqual(names.length, 0);
      const missing = names.filter((name) => !new RegExp(`(?<![\\w#])${name}\\b`).test(source));
      assert.deepEqual(missing, []);
    });
  }

  it("names no other file that isn't there", () => {
    const named = quoted(page).filter((word) => /^src\/.*\.ts$/.test(word));
    assert.deepEqual(
      named.filter((path) => !sources.has(path)),
      [],
    );
  });

  it("has every reason of an assignment, and no other", () => {
    assert.deepEqual(firstWords("Why it has its variant"), assignmentReasons);
  });

  it("has every reason of an answer of our own, and no other", () => {
    assert.deepEqual(firstWords("When Contender answers itself"), localReplyReasons);
  });
});

describe("the words that become labels", () => {
  const beside = Array.from(sources, ([path, text]) => (path.startsWith("src/model/") ? "" : text)).join("\n");
  const words = [...assignmentReasons, ...localReplyReasons, ...shadowDropReasons];
  for (const word of new Set(words)) {
    it(`${word}: something gives it as a reason`, () => {
      assert.ok(beside.includes(`"${word}"`));
    });
  }
});
