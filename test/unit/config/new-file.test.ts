import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { refuseTaken, writeNewFile } from "../../../src/config/new-file.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

describe("a new route file", () => {
  const own = new Owned();
  afterEach(() => own.close());

  it("is written where there is none", async () => {
    const path = own.add(new TempFolder()).at("route.yaml");
    await refuseTaken(path, false);
    await writeNewFile(path, "a: b\n", false);
    assert.equal(readFileSync(path, "utf8"), "a: b\n");
  });

  it("does not replace another, at the first look or at the last", async () => {
    const path = own.add(new TempFolder()).at("route.yaml");
    writeFileSync(path, "mine");
    const refusal = { code: "FILE_UNWRITABLE", message: /route\.yaml: is there already; .*--force/ };
    await assert.rejects(refuseTaken(path, false), refusal);
    await assert.rejects(writeNewFile(path, "yours", false), refusal);
    assert.equal(readFileSync(path, "utf8"), "mine");
  });

  it("replaces another where it is told to", async () => {
    const path = own.add(new TempFolder()).at("route.yaml");
    writeFileSync(path, "something longer than what comes");
    await refuseTaken(path, true);
    await writeNewFile(path, "new", true);
    assert.equal(readFileSync(path, "utf8"), "new");
  });

  it("goes neither over a directory nor into one that is not there", async () => {
    const folder = own.add(new TempFolder());
    await assert.rejects(refuseTaken(folder.path, true), { code: "FILE_UNWRITABLE", message: /is a directory/ });
    await assert.rejects(refuseTaken(folder.at("no/route.yaml"), true), {
      code: "FILE_UNWRITABLE",
      message: /there is no directory/,
    });
    await assert.rejects(writeNewFile(folder.at("no/route.yaml"), "", true), { code: "FILE_UNWRITABLE" });
  });
});
