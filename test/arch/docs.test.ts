/** Pages that list what the code has are held to the code, both ways: nothing missing, nothing invented. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorTable } from "../../src/base/errors.ts";
import { layerOf } from "../support/house-rules.ts";
import { tableRows } from "../support/markdown.ts";
import { readSources } from "../support/modules.ts";
import { layers } from "./house.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "docs/errors.md"), "utf8");

describe("docs/errors.md", () => {
  const rows = tableRows(page).filter(([code]) => code?.startsWith("`"));
  const documented = Object.fromEntries(rows.map(([code, exit]) => [code?.replaceAll("`", ""), Number(exit)]));

  it("has every code of the error table, with its exit code, and no other", () => {
    const inCode = Object.fromEntries(Object.entries(errorTable).map(([code, { exitCode }]) => [code, exitCode]));
    assert.deepEqual(documented, inCode);
  });

  it("has each code once", () => {
    assert.equal(rows.length, Object.keys(documented).length);
  });

  for (const [code, , meaning, remedy] of rows) {
    it(`says of ${code} what it means and what to do`, () => {
      assert.match(meaning ?? "", /^[A-Z].{20,}\.$/);
      assert.match(remedy ?? "", /^[A-Z].{20,}\.$/);
    });
  }
});

describe("ARCHITECTURE.md", () => {
  const rows = tableRows(readFileSync(join(root, "ARCHITECTURE.md"), "utf8")).filter((cells) => cells.length === 3);
  const documented = new Map(rows.map(([folder, , allowed]) => [folder?.replaceAll("`", "") ?? "", allowed]));
  const present = new Set([...readSources(root, "src", (path) => path.endsWith(".ts")).keys()].map(layerOf));

  it("has every folder that src/ has", () => {
    assert.deepEqual(
      [...present].filter((layer) => !documented.has(layer)),
      [],
    );
  });

  for (const [layer, allowed] of documented) {
    it(`says of ${layer} what the checked table says, of the folders that are there`, () => {
      assert.equal(cellOf(layer), allowed);
    });
  }

  function cellOf(layer: string): string {
    const inTable = layers[layer] ?? [];
    if (inTable === "anything") return inTable;
    const there = inTable.filter((folder) => documented.has(folder)).map((folder) => `\`${folder}\``);
    return there.join(", ") || "nothing";
  }
});
