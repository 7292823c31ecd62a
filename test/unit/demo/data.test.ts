import assert from "node:assert/strict";
import { loadCreditData, parseCsv } from "../../../src/demo/data.ts";

describe("the demo's data", () => {
  const rows = [
    {
      given: "a,b\n1,2\n",
      cells: [
        ["a", "b"],
        ["1", "2"],
      ],
    },
    {
      given: "a,b\r\n1,2",
      cells: [
        ["a", "b"],
        ["1", "2"],
      ],
    },
    { given: 'a,"x, ""y"""\n', cells: [["a", 'x, "y"']] },
    { given: "a,\n", cells: [["a", ""]] },
    { given: '""\n', cells: [[""]] },
    { given: "", cells: [] },
  ];
  for (const { given, cells } of rows) {
    it(`splits ${JSON.stringify(given)} into ${JSON.stringify(cells)}`, () => {
      assert.deepEqual(parseCsv(given), cells);
    });
  }

  it("holds 300 rows that no model was trained on, of 17 finite numbers each", () => {
    const { heldOut, featureNames } = loadCreditData();
    assert.equal(heldOut.length, 300);
    assert.equal(featureNames.length, 17);
    assert.ok(heldOut.every(({ features }) => features.length === 17 && features.every(Number.isFinite)));
  });

  it("says of about three credits in ten that they went bad, as the whole data set does", () => {
    const bad = loadCreditData().heldOut.filter((row) => row.bad).length;
    assert.ok(bad > 60 && bad < 120, `${bad} of 300`);
  });

  it("encodes a number as it is and a category as its place in the schema", () => {
    const { heldOut, featureNames } = loadCreditData();
    const first = heldOut[0];
    assert.ok(first);
    const value = (name: string) => first.features[featureNames.indexOf(name)];
    // Row 700 of the file, as one reads it there.
    const read = {
      status_of_existing_checking_account: 0, // no checking account
      duration_in_month: 12,
      credit_amount: 1123,
      savings_account_and_bonds: 3, // 500 <= ... < 1000 DM
      property: 1, // car or other, not in attribute Savings account/bonds: a cell with a comma
      telephone: 0, // none
    };
    assert.deepEqual(Object.fromEntries(Object.keys(read).map((name) => [name, value(name)])), read);
    assert.equal(first.bad, true);
  });
});
