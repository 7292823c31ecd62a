/** The JSON Schema that editors use, and the decoder that sidecars use, must say the same of a document's shape. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parseAllDocuments } from "yaml";
import type { Fault } from "../../../src/config/decode.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { decodeRoute } from "../../../src/config/route-document.ts";
import { toDocument } from "../../../src/config/to-document.ts";
import { parsedValue } from "../../support/parsed.ts";
import { routeFixtures } from "../../support/route-fixtures.ts";

const root = new URL("../../../", import.meta.url);
const schema: unknown = JSON.parse(readFileSync(new URL("config/route.schema.json", root), "utf8"));
const admits = new Ajv2020({ strict: true, allErrors: true }).compile(schema as object);

/** Whether the schema admits every document; what does not parse or resolve, it can't admit. */
function schemaAdmits(text: string): boolean {
  return [...parseAllDocuments(text)].every((document) => {
    if (document.errors.length > 0 || document.warnings.length > 0) return false;
    try {
      const value: unknown = document.toJS();
      return value === null || admits(value);
    } catch {
      return false;
    }
  });
}

function decoderAdmits(document: unknown): boolean {
  const faults: Fault[] = [];
  decodeRoute(asMaps(document), faults);
  return faults.length === 0;
}

/** As the parser of route files gives it: a `Map` for each object. */
function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, asMaps(inner)]));
}

describe("config/route.schema.json", () => {
  for (const { name, text } of routeFixtures("valid")) {
    it(`admits valid/${name}`, () => {
      assert.ok(schemaAdmits(text), JSON.stringify(admits.errors));
    });
  }

  for (const { name, text, schema: verdict } of routeFixtures("invalid")) {
    it(`${verdict} invalid/${name}`, () => {
      assert.equal(schemaAdmits(text) ? "admits" : "refuses", verdict);
    });
  }

  it("sees whatever the decoder sees in a document that was damaged anywhere, and nothing else", () => {
    const values = [null, true, "", "x", "2s", -1, 0, 1, 2.5, 101, [], {}, [1], ["a"], { a: 1 }];
    let refused = 0;
    for (const name of ["everything", "design-example"]) {
      const text = routeFixtures("valid").find((fixture) => fixture.name === name)?.text ?? "";
      const base = parseAllDocuments(text)[0]?.toJS() as unknown;
      for (let place = 0; place < spotsOf(base).length; place++) {
        for (const what of [...values, "remove", "rename"]) {
          const document = damaged(base, place, what);
          const admitted = decoderAdmits(document);
          refused += admitted ? 0 : 1;
          assert.equal(admitted, admits(document), JSON.stringify(document));
        }
      }
    }
    assert.ok(refused > 1_000, `only ${refused} documents were damaged enough to be refused`);
  });

  it("tells the defaults that the decoder fills in", () => {
    const text = `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: a }
spec:
  key: { from: [{ metadata: x }] }
  score: { output: p }
  variants: { v1: { address: local, tls: {}, model: { name: m }, warmup: { copies: 1 } }, v2: { address: "10.0.0.1:1" } }
  champion: v1
  shadows: { v2: {} }
`;
    const loaded = loadTexts("file:x", [{ name: "x", text }], { local: "127.0.0.1:8500" });
    const [route] = parsedValue(loaded).routes;
    assert.ok(route !== undefined);
    const document: unknown = toDocument(route);
    const told = defaultsOf(schema as SchemaNode, []);
    assert.equal(told.length, 17);
    for (const [path, value] of told) {
      const filled = path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], document);
      assert.deepEqual(filled, value, path.join("."));
    }
  });

  it("is named by every shipped example, so that editors check them while people type", () => {
    const folder = new URL("config/examples/", root);
    const examples = readdirSync(folder);
    assert.ok(examples.length > 0);
    for (const name of examples) {
      const [first] = readFileSync(new URL(name, folder), "utf8").split("\n");
      assert.equal(first, "# yaml-language-server: $schema=../route.schema.json", name);
    }
  });
});

interface SchemaNode {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | false;
}

/** Every default, by its path in the document above: maps of variants have v1, those of shadows v2. */
function defaultsOf(given: SchemaNode, path: readonly string[]): [string[], unknown][] {
  const node = { ...(schema as SchemaNode).$defs?.[given.$ref?.split("/").at(-1) ?? ""], ...given };
  const own: [string[], unknown][] = node.default === undefined ? [] : [[[...path], node.default]];
  const name = path.at(-1) === "shadows" ? "v2" : "v1";
  const named = node.additionalProperties ? defaultsOf(node.additionalProperties, [...path, name]) : [];
  const inner = Object.entries(node.properties ?? {}).flatMap(([key, value]) => defaultsOf(value, [...path, key]));
  return [...own, ...inner, ...named];
}

/** A copy of a document with one of its values replaced, removed, or put under another key. */
function damaged(base: unknown, place: number, what: unknown): unknown {
  const copy = structuredClone(base);
  const spots = spotsOf(copy);
  const spot = spots[place];
  assert.ok(spot !== undefined);
  const { holder, key } = spot;
  const value = holder[key];
  if (what !== "remove" && what !== "rename") holder[key] = what;
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
  if (what === "rename" && !Array.isArray(holder)) holder[`${key}x`] = value;
  return copy;
}

interface Spot {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function spotsOf(value: unknown): Spot[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...spotsOf(holder[key])]);
}
