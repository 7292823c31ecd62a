import assert from "node:assert/strict";
import { readRoutes, ToldTable } from "../../../src/demo/tables.ts";
import { explain } from "../../../src/router/explain.ts";
import { compileAssigner } from "../../../src/router/route-assigner.ts";
import { parsedValue } from "../../support/parsed.ts";
import { routeSpec } from "../../support/routes.ts";

const ranges = [
  { from: 0, to: 20_000, variant: "v42" },
  { from: 20_000, to: 65_536, variant: "v41" },
];
const route = (name: string, more: object = {}) => ({ kind: "ModelRoute", metadata: { name }, spec: { ...more } });
const text = (...routes: object[]) => JSON.stringify({ version: "x-1-y", routes, tables: { fraud: ranges } });

describe("a table as the config service tells it", () => {
  for (const salt of ["fraud", "spring"]) {
    it(`gives every user whom the router gives it, with the salt ${salt}`, () => {
      const told = readRoutes(text(route("other"), route("fraud", salt === "fraud" ? {} : { salt }))).tables.get(
        "fraud",
      );
      const assigner = parsedValue(compileAssigner(routeSpec({ name: "fraud", salt, table: ranges })));
      const keys = Array.from({ length: 1000 }, (_, i) => `user-${i}`);
      const variants = keys.map((key) => told?.variantOf(key));
      assert.deepEqual(
        variants,
        keys.map((key) => explain(assigner, key).variant),
      );
      assert.equal(new Set(variants).size, 2);
    });
  }

  it("is none where the service tells none", () => {
    const { version, tables } = readRoutes(JSON.stringify({ version: "x-1-y", routes: [route("fraud")] }));
    assert.deepEqual([version, tables.size], ["x-1-y", 0]);
  });

  it("is refused where it is no table", () => {
    assert.throws(() => new ToldTable(ranges.slice(0, 1), "s"), /want ranges up to 65536, got them up to 20000/);
  });

  for (const other of ["not ready", "{}", '{"routes": []}']) {
    it(`is not read from ${other}`, () => {
      assert.throws(() => readRoutes(other), /the config service answers "/);
    });
  }
});
