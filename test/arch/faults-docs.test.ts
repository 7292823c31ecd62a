import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tableRows } from "../support/markdown.ts";

const docs = new URL("../../docs/", import.meta.url);
const page = readFileSync(new URL("faults.md", docs), "utf8");
const rows = tableRows(page);

/** Files that a table's cell links to, from the page. */
function linked(cell = ""): string[] {
  return Array.from(cell.matchAll(/\]\(([^)]+)\)/g), ([, path = ""]) => path);
}

const read = (path: string): string => readFileSync(new URL(path, docs), "utf8");

/** `fault 33, 35:` in a test's name. */
function numbersIn(text: string): number[] {
  const names = Array.from(text.matchAll(/"fault ([0-9, ]+):|`fault ([0-9, ]+):/g), ([, a, b]) => a ?? b ?? "");
  return names.flatMap((list) => list.split(",").map(Number));
}

const numbered = rows.filter(([number = ""]) => /^[0-9]+$/.test(number));
const folder = new URL("../faults/", import.meta.url);
const tested = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => [`../test/faults/${name}`, new Set(numbersIn(readFileSync(new URL(name, folder), "utf8")))]),
);

describe("docs/faults.md", () => {
  it("has the faults 1 to 50, each once", () => {
    assert.deepEqual(
      numbered.map(([number]) => Number(number)),
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  });

  for (const [number = "", fault = "", what = "", tests = ""] of numbered) {
    it(`says what happens at fault ${number}, and links tests that are there`, () => {
      assert.ok(fault !== "" && what !== "");
      const files = linked(tests);
      assert.ok(files.length > 0 || tests === "–", tests);
      for (const file of files) assert.ok(existsSync(new URL(file, docs)), file);
    });

    it(`links every file of test/faults with tests of fault ${number}, and none without`, () => {
      const wanted = [...tested].filter(([, numbers]) => numbers.has(Number(number))).map(([file]) => file);
      const found = linked(tests).filter((file) => file.startsWith("../test/faults/"));
      assert.deepEqual(found.sort(), wanted.sort());
    });
  }

  it("names tests of ours beside those of others that are there", () => {
    const promised = rows.filter(([theirs = ""]) => /^(Envoy|linkerd): /.test(theirs));
    assert.ok(promised.length > 20);
    const missing = promised.filter(([, ours = "", where]) => !linked(where).some((file) => read(file).includes(ours)));
    assert.deepEqual(missing, []);
  });
});
