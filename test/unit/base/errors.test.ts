import assert from "node:assert/strict";
import { unsupportedNodeExit } from "../../../bin/require-node.js";
import { ContenderError, errorTable } from "../../../src/base/errors.ts";

describe("errors", () => {
  it("show their code in the message and keep the cause", () => {
    const cause = new Error("EACCES");
    const error = new ContenderError("FILE_UNWRITABLE", "routes.yaml: no permission", { cause });
    assert.equal(String(error), "ContenderError: [FILE_UNWRITABLE] routes.yaml: no permission");
    assert.deepEqual([error.code, error.exitCode, error.cause], ["FILE_UNWRITABLE", 73, cause]);
  });

  it("keep the first code they were given, however often they are passed on", () => {
    const first = new ContenderError("ADDRESS_IN_USE", "127.0.0.1:7400");
    assert.equal(ContenderError.from(first, "INTERNAL"), first);
  });

  const rows = [
    { thrown: new TypeError("not a function"), text: "[INTERNAL] not a function" },
    { thrown: "plain text", text: "[INTERNAL] plain text" },
    { thrown: undefined, text: "[INTERNAL] undefined" },
  ];
  for (const { thrown, text } of rows) {
    it(`wrap a thrown ${thrown instanceof Error ? thrown.name : typeof thrown} as a bug of ours`, () => {
      const error = ContenderError.from(thrown);
      assert.deepEqual([error.message, error.exitCode, error.cause], [text, 70, thrown]);
    });
  }

  it("never end a process with 0 or a code that a shell gives its own meaning", () => {
    const exitCodes = Object.values(errorTable).map(({ exitCode }) => exitCode);
    assert.deepEqual(
      exitCodes.filter((code) => code < 64 || code > 78),
      [],
    );
  });

  it("give the launcher's refusal of an old Node the same exit code in both places", () => {
    assert.equal(errorTable.NODE_UNSUPPORTED.exitCode, unsupportedNodeExit);
  });
});
