import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { descriptorLimit } from "../../../src/config/descriptor-limit.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const head = "Limit                     Soft Limit           Hard Limit           Units     \n";

describe("the limit of file descriptors", () => {
  const own = new Owned();
  afterEach(() => own.close());

  function of(text: string): number | undefined {
    const path = own.add(new TempFolder()).at("limits");
    writeFileSync(path, text);
    return descriptorLimit(path);
  }

  it("is the soft one of this process", () => {
    assert.equal(of(`${head}Max open files            1024                 524288               files     \n`), 1_024);
  });

  it("is unknown where there is none, or it can't be read", () => {
    assert.equal(
      of(`${head}Max open files            unlimited            unlimited            files     \n`),
      undefined,
    );
    assert.equal(of(head), undefined);
    assert.equal(descriptorLimit(own.add(new TempFolder()).at("nothing")), undefined);
  });
});
