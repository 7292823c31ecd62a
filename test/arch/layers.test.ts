import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  cycles,
  defaultExports,
  fileGraph,
  homeViolations,
  layerOf,
  layerViolations,
  nameViolations,
  sizeViolations,
} from "../support/house-rules.ts";
import { parseModule, readSources } from "../support/modules.ts";
import { homes, layers } from "./house.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isScript = (path: string) => /\.m?[jt]s$/.test(path) && !/(^|\/)(node_modules|fixtures|\.work)\//.test(path);
const modules = [...readSources(root, "src", isScript)].map(([path, text]) => parseModule(path, text));

describe("the house", () => {
  it("has sources to check", () => {
    assert.ok(modules.some(({ imports }) => imports.length > 0));
  });

  it("keeps every folder of src/ within what it may import", () => {
    assert.deepEqual(layerViolations(modules, layers), []);
  });

  it("keeps every library in its home", () => {
    assert.deepEqual(homeViolations(modules, homes), []);
  });

  it("runs on the packages that an installation brings; what only developers get stays in the demo", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    const strays = modules
      .filter(({ path }) => layerOf(path) !== "demo")
      .flatMap(({ path, imports }) => imports.map(({ kind, target }) => ({ path, kind, target })))
      .filter(({ kind, target }) => kind === "package" && !target.startsWith("node:"))
      .filter(({ target }) => !Object.hasOwn(manifest.dependencies, target));
    assert.deepEqual(strays, []);
  });

  it("has no circle of files that load each other", () => {
    assert.deepEqual(cycles(fileGraph(modules)), []);
  });

  it("has no circle in its table of layers", () => {
    const listed = Object.entries(layers).map(
      ([layer, allowed]) => [layer, allowed === "anything" ? [] : allowed] as const,
    );
    assert.deepEqual(cycles(new Map(listed)), []);
  });

  it("keeps a file to 400 lines, 800 in http2", () => {
    assert.deepEqual(
      sizeViolations(modules, (path) => (layerOf(path) === "http2" ? 800 : 400)),
      [],
    );
  });

  it("names files and folders in kebab case", () => {
    const paths = ["src", "test", "bin", "bench"].flatMap((folder) => [...readSources(root, folder, isScript).keys()]);
    assert.deepEqual(nameViolations(paths), []);
  });

  it("exports by name only", () => {
    assert.deepEqual(defaultExports(modules), []);
  });
});
