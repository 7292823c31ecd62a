/**
 * Asks buf: are the definitions in proto/contender in order, commented throughout, and can programs that were built on the last
 * release's still speak to this one?
 *
 * `released.binpb` is the last release's definitions, compiled: `npm run judge:proto -- --release` writes it anew, which is a part of
 * a release and of nothing else. Exit code 1 and the reason on any complaint. Each judgement is first shown to be able to fail.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const released = join(here, "released.binpb");
const config = join(here, "buf.yaml");
const binary = join(here, "node_modules/.bin/buf");

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 300_000 });
  return {
    good: status === 0 && error === undefined,
    output: `${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`.trim(),
  };
}

const buf = (cwd, ...args) => run(binary, args, cwd);
const lint = (cwd) => buf(cwd, "lint", "--config", config);
const breaking = (cwd) => buf(cwd, "breaking", "--config", config, "--against", released);

function install() {
  if (existsSync(binary)) return;
  const { good, output } = run("npm", ["ci", "--no-progress", "--no-audit", "--no-fund"], here);
  assert.ok(good, `buf can't be installed: ${output}`);
}

/** A copy of the definitions with something wrong in it. */
function withFault(file, from, to) {
  const copy = mkdtempSync(join(tmpdir(), "contender-proto-"));
  cpSync(join(root, "proto"), join(copy, "proto"), { recursive: true });
  const path = join(copy, "proto/contender/v1", file);
  const text = readFileSync(path, "utf8");
  assert.ok(
    text.includes(from),
    `${file} has no ${JSON.stringify(from)} any more: give this judge another fault to find`,
  );
  writeFileSync(path, text.replace(from, to));
  return copy;
}

function finds(judge, what, ...fault) {
  const copy = withFault(...fault);
  try {
    assert.ok(!judge(copy).good, `buf does not see ${what}: what it says of the real ones means nothing`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

install();
if (process.argv.includes("--release")) {
  const { good, output } = buf(root, "build", "--config", config, "-o", released);
  assert.ok(good, output);
  console.log("released.binpb is what is here now");
} else {
  finds(
    lint,
    "a field without a comment",
    "route.proto",
    "  // Its name, unique in the service: metrics and the hop header show it.\n",
    "",
  );
  finds(lint, "a name in another style", "route.proto", "string champion = 13;", "string theChampion = 13;");
  finds(breaking, "a field that is gone", "route.proto", "  string champion = 13;\n", "");
  finds(breaking, "a field of another type", "route.proto", "  string champion = 13;", "  bytes champion = 13;");
  for (const [what, { good, output }] of [
    ["lint", lint(root)],
    ["breaking changes since the last release", breaking(root)],
  ]) {
    if (good) console.log(`${what}: nothing found`);
    else {
      console.error(`${what}:\n${output}`);
      process.exitCode = 1;
    }
  }
}
