/** docs/prediction-log.md is held to the code, both ways. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { murmur3Text } from "../../src/base/hash.ts";
import { dropReasons } from "../../src/compare/drop-reason.ts";
import { predictionFields } from "../../src/compare/prediction-record.ts";
import { settingsTable } from "../../src/config/settings-table.ts";
import { tableRows } from "../support/markdown.ts";
import { recordsOf } from "../support/prediction-records.ts";

const page = readFileSync(new URL("../../docs/prediction-log.md", import.meta.url), "utf8");
const rows = tableRows(page).map(([first = "", ...rest]) => [first.replaceAll("`", ""), ...rest]);

describe("docs/prediction-log.md", () => {
  it("has every field of a record, with its type and meaning, and no other", () => {
    const documented = rows.filter(({ length }) => length === 4);
    const inCode = Object.entries(predictionFields).map(([name, { type, always, doc }]) => [
      name,
      type,
      always ? "always" : "",
      doc,
    ]);
    assert.deepEqual(documented, inCode);
  });

  it("has every reason for which a record is dropped, and no other", () => {
    const documented = rows.filter(([name = "", ...rest]) => rest.length === 1 && !name.startsWith("CONTENDER_"));
    assert.deepEqual(
      documented.map(([name]) => name),
      dropReasons,
    );
  });

  it("names the settings that there are, with the default", () => {
    const documented = rows.map(([name = ""]) => name).filter((name) => name.startsWith("CONTENDER_"));
    const { predictionLog, predictionLogSample } = settingsTable;
    assert.deepEqual(documented, [predictionLog.env, predictionLogSample.env]);
    assert.ok(page.includes(`${predictionLogSample.default} where it is not set`));
  });

  it("shows a record as there may be one", () => {
    const [, example = ""] = /```json\n([^`]*)```/.exec(page) ?? [];
    assert.equal(recordsOf(example).length, 1);
  });

  it("shows a key's hash as it is", () => {
    const [, salt = "", key = "", hash = ""] =
      /salt `([^`]+)`, the key `([^`]+)` gives `([0-9a-f]{8})`/.exec(page) ?? [];
    assert.equal(murmur3Text(key, murmur3Text(salt, 0)).toString(16).padStart(8, "0"), hash);
  });
});
