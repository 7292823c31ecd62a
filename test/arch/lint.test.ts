/**
 * The linter keeps time, chance, the environment and exits in their homes. A rule that has silently stopped to match
 * looks like clean code, so each is shown to turn red here, by the shipped configuration on files that break it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

const clock = /Clock port|setTimeout|setInterval|performance/;
const chance = /Chance port|crypto/;
const environment = /process\.env/;
const exit = /ends the process/;

/** Lines that must be refused anywhere in src/ but at home, and what the refusal says. */
const refused: readonly (readonly [code: string, says: RegExp])[] = [
  ["export const a = Date.now();", clock],
  ["export const a = new Date();", clock],
  ["export const a = Date();", clock],
  ["export const a = performance.now();", clock],
  ["export const a = process.hrtime.bigint();", clock],
  ["export const a = setTimeout(() => a, 1);", clock],
  ["export const a = setInterval(() => a, 1);", clock],
  ['import { setTimeout as wait } from "node:timers/promises";\nexport const a = wait;', clock],
  ['import { performance as p } from "node:perf_hooks";\nexport const a = p;', clock],
  ["export const a = setImmediate(() => a);", /setImmediate/],
  ["export const a = globalThis.setTimeout(() => a, 1);", /globalThis/],
  ["export const a = Math.random();", chance],
  ["export const a = [1].map(Math.random);", chance],
  ["export const a = crypto.randomUUID();", chance],
  ['import { randomBytes } from "node:crypto";\nexport const a = randomBytes(8);', chance],
  ['import * as c from "node:crypto";\nexport const a = c.randomInt(8);', chance],
  ["export const a = process.env.HOME;", environment],
  ['import { env } from "node:process";\nexport const a = env;', /Use the global|process\.env/],
  ["export const a = () => process.exit(1);", exit],
  ["export const a = () => {\n  process.exitCode = 1;\n};", exit],
  ['export const a = () => process["exit"](1);', exit],
];

/** The same in its home, and look-alikes that are nobody's business. */
const admitted: readonly (readonly [path: string, code: string])[] = [
  ["src/base/clock.ts", "export const a = [Date.now(), performance.now(), setTimeout(() => a, 1)];"],
  [
    "src/base/chance.ts",
    'import { randomBytes } from "node:crypto";\nexport const a = [Math.random(), randomBytes(8)];',
  ],
  ["src/config/settings.ts", "export const a = process.env.HOME;"],
  ["src/main.ts", "process.exitCode = 1;"],
  ["src/transport/flush.ts", "export const a = setImmediate(() => a);"],
  ["src/demo/traffic.ts", "export const a = [Date.now(), Math.random(), setTimeout(() => a, 1)];"],
  ["src/router/slots.ts", 'import { createHash } from "node:crypto";\nexport const a = createHash("md5");'],
  ["src/observe/stamp.ts", "export const a = new Date(5).toISOString();"],
  ["src/transport/idle.ts", "export const a = (socket: { setTimeout(ms: number): void }) => socket.setTimeout(5);"],
  ["src/http2/buffer.ts", "export const a = (list: readonly number[]) => list[0]!;"],
  ["src/cli/show.ts", "console.log(1);"],
  ["test/unit/some.test.ts", "process.exit(Math.random() * Date.now());"],
  ["bin/start.js", "process.exit(1);"],
  ["bench/run.mjs", "setTimeout(() => process.exit(Math.random() * performance.now()), 1);"],
];

/** Homes are homes of one thing: what a neighbouring home admits is refused here. */
const elsewhere: readonly (readonly [path: string, code: string, says: RegExp])[] = [
  ["src/base/other.ts", "export const a = Date.now();", clock],
  ["src/base/dice.ts", "export const a = Math.random();", chance],
  ["src/app.ts", "export const a = process.env.HOME;", environment],
  ["src/main.ts", "export const a = process.env.HOME;", environment],
  ["src/cli/end.ts", "export const a = () => process.exit(1);", exit],
  ["src/transport/wait.ts", "export const a = setTimeout(() => a, 1);", clock],
  ["src/demo/settings.ts", "export const a = process.env.HOME;", environment],
  ["src/router/list.ts", "export const a = (list: readonly number[]) => list[0]!;", /non-null/],
  ["src/router/print.ts", "console.log(1);", /console/],
  ["src/router/default.ts", "export default 1;", /default export/],
  ["src/router/loose.ts", "export const a: any = 1;", /any/],
  ["src/router/floating.ts", "export async function a() {\n  await null;\n}\na();", /Promise/],
  ["src/router/CamelCase.ts", "export const a = 1;", /filename/],
  ["test/unit/only.test.ts", 'it.only("runs alone", () => undefined);', /focus/],
];

interface Refusal {
  readonly path: string;
  readonly message: string;
}

/** What the linter, as configured, holds against these files. */
function lint(files: ReadonlyMap<string, string>): { exitCode: number | null; refusals: readonly Refusal[] } {
  const work = mkdtempSync(join(tmpdir(), "contender-lint-"));
  try {
    const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
    config.vcs.enabled = false; // the files lie outside any repository
    writeFileSync(join(work, "biome.json"), JSON.stringify(config));
    cpSync(join(root, "lint"), join(work, "lint"), { recursive: true });
    for (const [path, code] of files) {
      mkdirSync(join(work, dirname(path)), { recursive: true });
      writeFileSync(join(work, path), `${code}\n`);
    }
    const biome = createRequire(import.meta.url).resolve("@biomejs/biome/bin/biome");
    const args = [biome, "lint", "--error-on-warnings", "--reporter=json", "--max-diagnostics=none", "."];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: work, encoding: "utf8" });
    const found: { diagnostics: { severity: string; message: string; location: { path: string } }[] } =
      JSON.parse(stdout);
    const refusals = found.diagnostics
      .filter(({ severity }) => severity !== "info")
      .map(({ message, location }) => ({ path: location.path, message }));
    return { exitCode: status, refusals };
  } finally {
    rmSync(work, { recursive: true });
  }
}

describe("the linter's rules of the house", () => {
  let bad: ReturnType<typeof lint>;
  let good: ReturnType<typeof lint>;
  const refusedPath = (row: number) => `src/router/row-${row}.ts`;

  before(() => {
    bad = lint(
      new Map([
        ...refused.map(([code], row) => [refusedPath(row), code] as const),
        ...elsewhere.map(([path, code]) => [path, code] as const),
      ]),
    );
    good = lint(new Map(admitted));
  });

  const saidOf = (path: string) =>
    bad.refusals.filter((refusal) => refusal.path === path).map(({ message }) => message);

  for (const [row, [code, says]] of refused.entries()) {
    it(`refuse in src/router: ${code.replaceAll("\n", " ")}`, () => {
      assert.match(saidOf(refusedPath(row)).join("\n"), says);
    });
  }

  for (const [path, code, says] of elsewhere) {
    it(`refuse in ${path}: ${code.replaceAll("\n", " ")}`, () => {
      assert.match(saidOf(path).join("\n"), says);
    });
  }

  for (const [path, code] of admitted) {
    it(`admit in ${path}: ${code.replaceAll("\n", " ")}`, () => {
      assert.deepEqual(
        good.refusals.filter((refusal) => refusal.path === path),
        [],
      );
    });
  }

  it("end in a failing exit code exactly where something is refused", () => {
    assert.deepEqual([bad.exitCode, good.exitCode], [1, 0]);
  });
});
