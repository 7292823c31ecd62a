/**
 * Installs what a production install is, without running any package's script, and starts the built sidecar from it. Then
 * holds the bill of materials to the lock file, and to what npm really installed. Needs `npm run build` first.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { productionVersions } from "./audit-rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "contender-production-"));
const startMs = 20_000;

try {
  assert.ok(existsSync(join(root, "dist")), "there is no dist: npm run build comes first");
  for (const each of ["package.json", "package-lock.json", ".npmrc", "bin", "dist", "proto", "config"]) {
    cpSync(join(root, each), join(folder, each), { recursive: true });
  }
  npm(folder, "ci", "--ignore-scripts", "--omit=dev", "--no-progress");
  await sidecarStarts();
  billIsExact(JSON.parse(npm(root, "run", "--silent", "sbom")));
  console.log("a production install works, runs no script, and is in the bill of materials");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function npm(cwd, ...args) {
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  assert.equal(status, 0, `npm ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function sidecarStarts() {
  const env = { PATH: process.env.PATH, CONTENDER_LISTEN: "127.0.0.1:0", CONTENDER_ADMIN: "127.0.0.1:0" };
  const options = { cwd: folder, env: { ...env, CONTENDER_DRAIN_DELAY: "0s" }, stdio: ["ignore", "pipe", "inherit"] };
  const child = spawn(process.execPath, ["bin/contender.js", "sidecar"], options);
  const late = setTimeout(() => child.kill("SIGKILL"), startMs);
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    if (JSON.parse(line).event === "ready") child.kill("SIGTERM");
  }
  const [code, signal] = await ended;
  clearTimeout(late);
  assert.deepEqual([code, signal], [0, null], "the sidecar did not start, or did not end in order");
}

function billIsExact(bom) {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const flat = (versions) => [...versions].flatMap(([name, all]) => all.map((version) => `${name}@${version}`));
  const locked = new Set(flat(productionVersions(packages)));
  const listed = bom.components.map(({ name, version }) => `${name}@${version}`);
  assert.deepEqual([...listed].sort(), [...locked].sort(), "the bill is not what the lock file has");
  assert.ok(bom.components.every(({ hashes, purl }) => hashes.length > 0 && purl.startsWith("pkg:npm/")));

  const hidden = join(folder, "node_modules/.package-lock.json");
  const installed = flat(productionVersions(JSON.parse(readFileSync(hidden, "utf8")).packages));
  const unlisted = installed.filter((each) => !listed.includes(each));
  assert.deepEqual(unlisted, [], "installed, and not in the bill");
  // What is listed and not installed is Node itself, for other platforms.
  const elsewhere = listed.filter((each) => !installed.includes(each));
  assert.ok(
    elsewhere.every((each) => /^node-(bin-)?(darwin|linux|win)-/.test(each)),
    elsewhere.join(", "),
  );
}
