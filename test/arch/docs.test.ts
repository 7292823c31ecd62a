/** Pages that list what the code has are held to the code, both ways: nothing missing, nothing invented. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { errorTable } from "../../src/base/errors.ts";
import { tableRows } from "../support/markdown.ts";

const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

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
