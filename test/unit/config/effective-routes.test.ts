import assert from "node:assert/strict";
import { effectiveRoutes, loadEffective, redactedProblems, tablesOf } from "../../../src/config/effective-routes.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { toDocument } from "../../../src/config/to-document.ts";
import type { SlotRange } from "../../../src/model/slots.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";
import { routeDocument } from "../../support/route-document.ts";

const around = { local: "127.0.0.1:8500" };
const text = routeDocument("fraud", {
  variants: { v1: { address: "local" }, v2: { address: "127.0.0.1:8501" } },
  champion: "v1",
  weights: { v1: 75, v2: 25 },
});
const snapshot = parsedValue(loadTexts("x", [{ name: "x", text }], around));
const table: SlotRange[] = [
  { from: 0, to: 49_152, variant: "v1" },
  { from: 49_152, to: 65_536, variant: "v2" },
];
const shown = { version: "v", routes: snapshot.routes.map(toDocument), tables: { fraud: table } };

const load = (value: object) => {
  const effective = effectiveRoutes(JSON.stringify(value));
  assert.ok(effective !== undefined);
  return loadEffective("x", effective, around);
};

describe("routes as /config shows them", () => {
  it("read back as they were, their tables included", () => {
    const { routes, version } = parsedValue(load(shown));
    assert.deepEqual(routes, [{ ...snapshot.routes[0], table }]);
    assert.deepEqual(tablesOf({ version, source: "x", routes }), { fraud: table });
  });

  it("have another version where only a table is another", () => {
    const other = [{ from: 0, to: 65_536, variant: "v1" }];
    const versions = [load(shown), load({ ...shown, tables: { fraud: other } }), load({ routes: shown.routes })];
    assert.equal(new Set(versions.map((each) => parsedValue(each).version)).size, 3);
  });

  it("have no tables where no route came with one", () => {
    assert.equal(tablesOf(snapshot), undefined);
  });

  const wrong: readonly (readonly [what: string, tables: unknown, says: RegExp])[] = [
    ["a route that is not there", { other: table }, /^tables\.other: there is no such route$/],
    ["no list", { fraud: 1 }, /^tables\.fraud: want a list/],
    [
      "an unknown variant",
      { fraud: [{ from: 0, to: 65_536, variant: "v9" }] },
      /tables\.fraud\[0\]\.variant: want a var/,
    ],
    [
      "a gap",
      { fraud: [table[0], { from: 50_000, to: 65_536, variant: "v2" }] },
      /tables\.fraud\[1\]\.from: want 49152/,
    ],
    [
      "an end before all slots",
      { fraud: [table[0]] },
      /^tables\.fraud: want ranges up to 65536, got them up to 49152$/,
    ],
    ["an end that is none", { fraud: [{ from: 0, to: 1.5, variant: "v1" }] }, /tables\.fraud\[0\]\.to: want a whole/],
    ["nothing in a range", { fraud: [null] }, /tables\.fraud\[0\]\.from: want 0, got undefined/],
  ];
  for (const [what, tables, says] of wrong) {
    it(`are refused with a table of ${what}`, () => {
      assert.match(problemLinesOf(load({ ...shown, tables })).join("\n"), says);
    });
  }

  it("are refused where there are none", () => {
    assert.deepEqual(problemLinesOf(load({ routes: [] })), ["routes: want at least one route"]);
  });

  for (const other of ["apiVersion: x", "[]", "{}", '{"routes": 1}', "{", text]) {
    it(`are not what ${other.slice(0, 20)} is`, () => assert.equal(effectiveRoutes(other), undefined));
  }

  it("are not served where values were taken out of them", () => {
    assert.equal(redactedProblems(JSON.stringify(shown)).length, 0);
    assert.match(redactedProblems(JSON.stringify({ a: "[redacted]" }))[0]?.message ?? "", /\[redacted\]/);
  });
});
