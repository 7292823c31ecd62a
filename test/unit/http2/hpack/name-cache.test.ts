import assert from "node:assert/strict";
import { headerId } from "../../../../src/http2/header-block.ts";
import { nameOf } from "../../../../src/http2/hpack/name-cache.ts";

const named = (name: string) => nameOf(Buffer.from(`..${name}.`, "latin1"), 2, name.length);

describe("the cache of names", () => {
  it("gives one object for the same bytes, with the id and the verdict of the name", () => {
    for (const [name, id, valid] of [
      ["grpc-timeout", headerId["grpc-timeout"], true],
      [":path", headerId[":path"], true],
      [":nothing", headerId.other, false],
      ["x-user", headerId.other, true],
      ["X-User", headerId.other, false],
      ["\xff", headerId.other, false],
      ["", headerId.other, false],
    ] as const) {
      const known = named(name);
      assert.deepEqual({ ...known }, { text: name, id, valid });
      assert.equal(named(name), known);
    }
  });

  it("is right about every name of a crowd that shares its lines", () => {
    const names = Array.from({ length: 5000 }, (_, n) => `x-${n}`);
    for (const name of [...names, ...names]) assert.equal(named(name).text, name);
  });

  it("does not keep names of more than 64 bytes", () => {
    assert.equal(named("a".repeat(64)), named("a".repeat(64)));
    assert.notEqual(named("a".repeat(65)), named("a".repeat(65)));
    assert.equal(named("a".repeat(65)).text, "a".repeat(65));
  });
});
