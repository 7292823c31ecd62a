import assert from "node:assert/strict";
import { formatVersion, goesBack, parseVersion } from "../../../src/api/version.ts";

const at = (revision: number, store = "0123456789ab", digest = "89abcdef") =>
  formatVersion({ store, revision, digest });

describe("a version", () => {
  it("reads back as it was written", () => {
    assert.deepEqual(parseVersion(at(7)), { store: "0123456789ab", revision: 7, digest: "89abcdef" });
  });

  it("of anything else is none", () => {
    for (const text of ["", "0123456789ab", "fraud.yaml", `${at(1)}x`, at(1).toUpperCase()]) {
      assert.equal(parseVersion(text), undefined);
    }
  });

  it("goes back where it is an earlier one of the same store", () => {
    assert.equal(goesBack(at(7), at(6)), true);
  });

  it("does not go back at the same revision, in another store, or from something else", () => {
    assert.equal(goesBack(at(7), at(7, undefined, "00000000")), false);
    assert.equal(goesBack(at(7), at(6, "ffffffffffff")), false);
    assert.equal(goesBack("2f0c8d8a1b2c", at(6)), false);
    assert.equal(goesBack(undefined, at(6)), false);
  });
});
