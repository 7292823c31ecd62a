import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bin = new URL("../../bin", import.meta.url);

/** Lays out a package as `files` says, with the real launcher in it, and runs that. */
function launch(files: Readonly<Record<string, string>>, nodeArgs: readonly string[] = []) {
  const root = mkdtempSync(join(tmpdir(), "contender-launcher-"));
  try {
    cpSync(bin, join(root, "bin"), { recursive: true });
    writeFileSync(join(root, "package.json"), '{ "type": "module" }');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const args = [...nodeArgs, join(root, "bin", "contender.js"), "one", "--two"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    return { status, stdout, stderr };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const tellsArgs = (name: string) => `console.log("${name}", ...process.argv.slice(2));`;

describe("launcher", () => {
  it("runs the built program where only that is installed, with its arguments", () => {
    const { status, stdout } = launch({ "dist/main.js": tellsArgs("built") });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: "built one --two\n" });
  });

  it("runs the sources in a clone, though a built program lies beside them", () => {
    const source = `const name: string = "source";\n${tellsArgs("source")}\nexport type Name = typeof name;`;
    const { status, stdout } = launch({ "dist/main.js": tellsArgs("built"), "src/main.ts": source });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: "source one --two\n" });
  });

  it("leaves the exit code to the program", () => {
    assert.equal(launch({ "dist/main.js": "process.exitCode = 64;" }).status, 64);
  });

  it("stops an unsupported Node with exit code 78, before it reads the program", () => {
    const pretend = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.20.2"})';
    const { status, stdout, stderr } = launch({ "dist/main.js": tellsArgs("built") }, ["--import", pretend]);
    assert.deepEqual({ status, stdout }, { status: 78, stdout: "" });
    assert.match(stderr, /NODE_UNSUPPORTED.*20\.20\.2/);
  });

  it("fails where neither is there", () => {
    const { status, stderr } = launch({});
    assert.equal(status, 1);
    assert.match(stderr, /dist\/main\.js/);
  });
});
