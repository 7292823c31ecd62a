/** The checks of test/arch/, shown to catch what they are for, on trees that exist only here. */
import assert from "node:assert/strict";
import {
  cycles,
  defaultExports,
  fileGraph,
  homeViolations,
  layerViolations,
  nameViolations,
  sizeViolations,
} from "../../support/house-rules.ts";
import { parseModule } from "../../support/modules.ts";

const tree = (files: Readonly<Record<string, string>>) =>
  Object.entries(files).map(([path, text]) => parseModule(path, text));

const layers = { base: [], router: ["base"], demo: "anything", "app.ts": "anything" } as const;

describe("layer check", () => {
  const ways: readonly (readonly [way: string, code: string])[] = [
    ["import", 'import { x } from "../proxy/x.ts";'],
    ["import type", 'import type { X } from "../proxy/x.ts";'],
    ["inline type import", 'import { type X } from "../proxy/x.ts";'],
    ["bare import", 'import "../proxy/x.ts";'],
    ["re-export", 'export { x } from "../proxy/x.ts";'],
    ["re-export of types", 'export type { X } from "../proxy/x.ts";'],
    ["star re-export", 'export * from "../proxy/x.ts";'],
    ["dynamic import", 'export const x = await import("../proxy/x.ts");'],
    ["import in a type", 'export type X = import("../proxy/x.ts").X;'],
    ["typeof import", 'export type X = typeof import("../proxy/x.ts");'],
  ];
  for (const [way, code] of ways) {
    it(`catches a forbidden folder by ${way}`, () => {
      const found = layerViolations(tree({ "src/router/a.ts": code }), layers);
      assert.deepEqual(found, ["src/router/a.ts: src/router may not import src/proxy/x.ts"]);
    });
  }

  it("lets a folder import itself, at any depth, and what its row allows", () => {
    const files = {
      "src/router/a.ts": 'import { b } from "./deep/b.ts";\nimport { c } from "../base/c.ts";',
      "src/router/deep/b.ts": 'import { a } from "../a.ts";\nimport { c } from "../../base/c.ts";',
    };
    assert.deepEqual(layerViolations(tree(files), layers), []);
  });

  it("catches a lower layer that looks up, and a look at the composition root", () => {
    const files = { "src/base/a.ts": 'import "../router/b.ts";', "src/router/b.ts": 'import "../app.ts";' };
    assert.deepEqual(layerViolations(tree(files), layers), [
      "src/base/a.ts: src/base may not import src/router/b.ts",
      "src/router/b.ts: src/router may not import src/app.ts",
    ]);
  });

  it("catches imports from outside src, which no installation has", () => {
    const found = layerViolations(tree({ "src/base/a.ts": 'import "../../test/support/x.ts";' }), layers);
    assert.deepEqual(found, ["src/base/a.ts: src/base may not import test/support/x.ts"]);
  });

  it("catches a folder that is not in the table, though it imports nothing", () => {
    const found = layerViolations(tree({ "src/utils/a.ts": "export const a = 1;" }), layers);
    assert.deepEqual(found, ["src/utils/a.ts: src/utils is not in the table of layers"]);
  });

  it("leaves the demo and the composition root free", () => {
    const files = { "src/demo/a.ts": 'import "../router/b.ts";', "src/app.ts": 'import "./router/b.ts";' };
    assert.deepEqual(layerViolations(tree(files), layers), []);
  });
});

describe("home check", () => {
  const homes = {
    opossum: { homes: ["src/resilience/"] },
    pino: { homes: ["src/app.ts"] },
    "node:net": { homes: ["src/transport/"], free: ["isIP"] },
    "@grpc/grpc-js": { homes: ["src/demo/"] },
  };
  const rows: readonly (readonly [path: string, code: string, found: readonly string[]])[] = [
    ["src/resilience/breaker.ts", 'import opossum from "opossum";', []],
    [
      "src/proxy/a.ts",
      'import type { Options } from "opossum";',
      ["src/proxy/a.ts: opossum belongs to src/resilience/"],
    ],
    ["src/app.ts", 'import { pino } from "pino";', []],
    ["src/app.ts", 'import { x } from "left-pad/sub/path.js";', ["src/app.ts: left-pad has no home"]],
    ["src/demo/a.ts", 'const g = await import("@grpc/grpc-js/build/x.js");', []],
    ["src/cli/a.ts", 'const g = await import("@grpc/grpc-js");', ["src/cli/a.ts: @grpc/grpc-js belongs to src/demo/"]],
    ["src/base/a.ts", 'import { isIP } from "node:net";', []],
    [
      "src/base/a.ts",
      'import { isIP, connect } from "node:net";',
      ["src/base/a.ts: node:net belongs to src/transport/"],
    ],
    ["src/base/a.ts", 'import * as net from "node:net";', ["src/base/a.ts: node:net belongs to src/transport/"]],
    ["src/base/a.ts", 'import { Buffer } from "node:buffer";', []],
  ];
  for (const [path, code, found] of rows) {
    it(`${found.length === 0 ? "admits" : "catches"} ${code} in ${path}`, () => {
      assert.deepEqual(homeViolations(tree({ [path]: code }), homes), found);
    });
  }
});

describe("cycle check", () => {
  const inline: readonly string[] = [
    'import { x } from "../a/x.ts";',
    'import { type X } from "../a/x.ts";',
    'import "../a/x.ts";',
    'export { x } from "../a/x.ts";',
    'export * from "../a/x.ts";',
    'export const x = await import("../a/x.ts");',
  ];
  for (const back of inline) {
    it(`catches a circle that is closed by: ${back}`, () => {
      const files = {
        "src/a/x.ts": 'import { y } from "../b/y.ts";',
        "src/b/y.ts": back,
        "src/c/z.ts": 'import "../b/y.ts";',
      };
      assert.deepEqual(cycles(fileGraph(tree(files))), ["src/a/x.ts -> src/b/y.ts -> src/a/x.ts"]);
    });
  }

  const erased: readonly string[] = [
    'import type { X } from "../a/x.ts";',
    'export type { X } from "../a/x.ts";',
    'export type * from "../a/x.ts";',
    'export type X = import("../a/x.ts").X;',
  ];
  for (const back of erased) {
    it(`sees no circle where nothing is left at run time of: ${back}`, () => {
      const files = { "src/a/x.ts": 'import { y } from "../b/y.ts";', "src/b/y.ts": back };
      assert.deepEqual(cycles(fileGraph(tree(files))), []);
    });
  }

  it("catches a long circle behind a tail, and a file that imports itself", () => {
    const graph = new Map([
      ["tail", ["a"]],
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["a", "c"]],
    ]);
    assert.deepEqual(cycles(graph), ["a -> b -> c -> a", "c -> c"]);
  });

  it("takes two roads to one place for what they are", () => {
    const graph = new Map([
      ["a", ["b", "c"]],
      ["b", ["d"]],
      ["c", ["d"]],
      ["d", []],
    ]);
    assert.deepEqual(cycles(graph), []);
  });
});

describe("size, name and export checks", () => {
  it("count lines as an editor does, the last newline not being one more", () => {
    const files = tree({ "src/a/fits.ts": "// 1\n// 2\n", "src/a/over.ts": "// 1\n// 2\n// 3" });
    assert.deepEqual(
      sizeViolations(files, () => 2),
      ["src/a/over.ts: 3 lines, at most 2"],
    );
  });

  for (const path of ["src/a/camelCase.ts", "src/a/snake_case.ts", "src/Big/a.ts", "src/a/b.spec.ts", "src/a/-b.ts"]) {
    it(`refuse the name ${path}`, () => {
      assert.deepEqual(nameViolations([path]), [`${path}: not in kebab case`]);
    });
  }

  it("admit kebab case with digits, and tests", () => {
    assert.deepEqual(
      nameViolations([
        "src/http2/hpack/huffman-8.ts",
        "test/unit/md5-100.test.ts",
        "bin/a.js",
        "test/support/x-y.d.ts",
      ]),
      [],
    );
  });

  for (const code of [
    "export default 1;",
    "const a = 1;\nexport { a as default };",
    'export { default } from "./b.ts";',
  ]) {
    it(`refuse ${code.replaceAll("\n", " ")}`, () => {
      assert.deepEqual(defaultExports(tree({ "src/a/a.ts": code })), ["src/a/a.ts: has a default export"]);
    });
  }

  it("admit named exports", () => {
    assert.deepEqual(defaultExports(tree({ "src/a/a.ts": "export const a = 1;\nexport type B = 1;" })), []);
  });
});

describe("module reader", () => {
  it("refuses an import of a computed name, which no check could follow", () => {
    assert.throws(() => parseModule("src/a.ts", "await import(name);"), /src\/a\.ts: import\(\) of a computed name/);
  });

  it("refuses a source that does not parse instead of finding nothing in it", () => {
    assert.throws(() => parseModule("src/a.ts", "import {"), /src\/a\.ts/);
  });
});
