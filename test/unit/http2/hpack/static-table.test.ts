import assert from "node:assert/strict";
import hpack from "hpack.js";
import { staticFields, staticNames } from "../../../../src/http2/hpack/static-table.ts";

describe("the static table", () => {
  it("is the one that hpack.js has, entry by entry", () => {
    const theirs = hpack["static-table"].table.map(({ name, value }) => ({ name, value }));
    assert.deepEqual(
      staticFields.slice(1).map((field) => ({ name: field?.name, value: field?.value })),
      theirs,
    );
  });

  it("has no entry 0", () => assert.equal(staticFields[0], undefined));

  it("knows the range of indices of each name", () => {
    for (const [name, { first, last }] of staticNames) {
      const indices = staticFields.flatMap((field, index) => (field?.name === name ? [index] : []));
      assert.deepEqual(
        indices,
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
        name,
      );
    }
    assert.equal(staticNames.size, new Set(staticFields.slice(1).map((field) => field?.name)).size);
  });

  it("holds valid fields that encoders know by their index", () => {
    for (const [index, field] of staticFields.entries()) {
      assert.deepEqual([field?.ref ?? 0, field?.valid ?? true], [index, true]);
    }
  });
});
