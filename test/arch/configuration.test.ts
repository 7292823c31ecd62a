/** docs/configuration.md is held to the code and to the JSON Schema, both ways. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { controlClientSettings } from "../../src/config/control-client.ts";
import { controlSettings } from "../../src/config/control-settings.ts";
import { environmentSnapshot } from "../../src/config/environment-route.ts";
import { loadTexts } from "../../src/config/files.ts";
import { limitSettings } from "../../src/config/limits.ts";
import type { Setting } from "../../src/config/setting.ts";
import { parseSettings } from "../../src/config/settings.ts";
import { settingsTable } from "../../src/config/settings-table.ts";
import { tableRows } from "../support/markdown.ts";
import { parsedValue } from "../support/parsed.ts";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/configuration.md", root), "utf8");
const rows = tableRows(page);
/** What stands under a heading, up to the next one of its kind. */
const section = (heading: string) => page.split("\n## ").find((each) => each.startsWith(`${heading}\n`)) ?? "";
const bare = (cell: string | undefined) => (cell ?? "").replaceAll("`", "");

type Row = readonly [name: string, byDefault: string, doc: string];

const documented = (heading: string, is: (name: string) => boolean): Row[] =>
  tableRows(section(heading)).flatMap(([name, byDefault, doc = ""]) =>
    is(bare(name)) ? [[bare(name), bare(byDefault), doc] as const] : [],
  );
const declared = (settings: readonly Setting<unknown>[]): Row[] =>
  settings.map((setting) => [setting.env, setting.default, setting.doc]);

interface Node {
  readonly $ref?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node | false;
}

const schema = JSON.parse(readFileSync(new URL("config/route.schema.json", root), "utf8")) as Node & {
  readonly $defs: Readonly<Record<string, Node>>;
};

/** Every path of the schema, as the page writes it, with its default and whether it must be there. */
function pathsOf(given: Node, path: string): [path: string, required: boolean, byDefault: string, doc: string][] {
  const node = { ...schema.$defs[given.$ref?.split("/").at(-1) ?? ""], ...given };
  const within = (inner: Node | false | undefined, at: string) => (inner ? pathsOf(inner, at) : []);
  const own = Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
    const at = path === "" ? key : `${path}.${key}`;
    const described = { ...schema.$defs[value.$ref?.split("/").at(-1) ?? ""], ...value };
    const { default: byDefault, description = "" } = described;
    const text = byDefault === undefined ? "" : typeof byDefault === "string" ? byDefault : JSON.stringify(byDefault);
    const required = node.required?.includes(key) === true;
    return [[at, required, text, description] as [string, boolean, string, string], ...pathsOf(value, at)];
  });
  return [...own, ...within(node.items, `${path}[]`), ...within(node.additionalProperties, `${path}.NAME`)];
}

const isLimit = (name: string): boolean => /^CONTENDER_(LIMIT|OVERLOAD)_/.test(name);
const isSetting = (name: string): boolean => name.startsWith("CONTENDER_") && !isLimit(name);

describe("docs/configuration.md", () => {
  const tables: readonly (readonly [heading: string, settings: readonly Setting<unknown>[]])[] = [
    ["Settings", Object.values(settingsTable)],
    ["Settings of the config service", controlSettings],
    ["Settings of its clients", Object.values(controlClientSettings)],
  ];
  for (const [heading, settings] of tables) {
    it(`has under "${heading}" every setting with its default and meaning, and no other`, () => {
      assert.deepEqual(documented(heading, isSetting), declared(settings));
    });
  }

  it("has settings in those tables alone", () => {
    const inTables = tables.flatMap(([heading]) => documented(heading, isSetting));
    const anywhere = rows.filter(([name]) => isSetting(bare(name)));
    assert.equal(inTables.length, anywhere.length);
  });

  it("has every limit with its default and meaning, and no other", () => {
    const inDocs = [...documented("Limits", isLimit), ...documented("Overload", isLimit)];
    const inCode = declared(limitSettings);
    assert.deepEqual(inDocs, inCode);
  });

  it("has every path of a route's document as the schema has it, and no other", () => {
    const inDocs = rows
      .filter(([path, , , doc]) => /^`(apiVersion|kind|metadata|spec)/.test(path ?? "") && doc !== undefined)
      .map(([path, value = "", byDefault, doc]) => [bare(path), value.endsWith(", required"), bare(byDefault), doc]);
    assert.deepEqual(inDocs, pathsOf(schema, ""));
  });

  it("names no setting in its text that there is not", () => {
    const settings = [...Object.values<Setting<unknown>>(settingsTable), ...controlSettings, ...limitSettings];
    const known = new Set(settings.map(({ env }) => env));
    const links = new Set(["CONTENDER_SERVICE_HOST", "CONTENDER_PORT", "CONTENDER_PORT_7400_TCP"]);
    const named = [...page.matchAll(/CONTENDER_[A-Z0-9_]*[A-Z0-9]/g)].map(([name]) => name);
    assert.deepEqual(
      named.filter((name) => !known.has(name) && !links.has(name)),
      [],
    );
  });

  it("has an environment that works", () => {
    const [, block = ""] = /```sh\n([^`]*)```/.exec(page) ?? [];
    const env = Object.fromEntries(
      [...block.matchAll(/^(CONTENDER_\w+)=(\S+)/gm)].map(([, name, text = ""]) => [name, text.replaceAll("'", "")]),
    );
    assert.equal(Object.keys(env).length, 7);
    const loaded = environmentSnapshot(parsedValue(parseSettings(env)));
    assert.deepEqual(parsedValue(loaded).routes[0]?.weights, { champion: 90, v2: 10 });
  });

  it("has a route file that works, without a warning", () => {
    const [, text = ""] = /```yaml\n([^`]*)```/.exec(page) ?? [];
    const loaded = loadTexts("file:x", [{ name: "x", text }], { local: "127.0.0.1:8500" });
    assert.equal(parsedValue(loaded).routes[0]?.name, "fraud");
    assert.deepEqual(loaded.warnings, []);
  });
});
