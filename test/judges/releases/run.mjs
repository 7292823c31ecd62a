/**
 * Lets this release and the ones before it work together: old sidecars follow a new config service, new sidecars an old one, and so do
 * the command lines.
 *
 * Old releases are packages in this folder, unpacked where they find the libraries of this clone. Exit code 1 and the reason on any
 * complaint.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const cache = join(root, "node_modules/.cache/releases");
const readyMs = 20_000;
const settleMs = 15_000;

/** @returns [name, folder] of each release; the sources first */
function releases() {
  const packages = readdirSync(here).filter((name) => name.endsWith(".tgz"));
  assert.ok(packages.length > 0, `there is no package of an earlier release in ${here}`);
  return [["sources", root], ...packages.map((name) => [name.replace(/\.tgz$/, ""), unpack(name)])];
}

function unpack(name) {
  const folder = join(cache, name.replace(/\.tgz$/, ""));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync("tar", ["xzf", join(here, name), "-C", folder], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return join(folder, "package");
}

class Program {
  lines = [];

  constructor(folder, args, env) {
    const options = { cwd: folder, env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", "pipe", "inherit"] };
    this.child = spawn(process.execPath, ["bin/contender.js", ...args], options);
    this.exit = once(this.child, "exit");
    this.ready = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${args[0]} of ${folder} was not ready`)), readyMs);
      createInterface({ input: this.child.stdout }).on("line", (line) => {
        const event = JSON.parse(line);
        this.lines.push(event);
        if (event.event !== "ready") return;
        clearTimeout(late);
        resolve(event);
      });
    });
  }

  async end() {
    this.child.kill("SIGTERM");
    const [code] = await this.exit;
    return code;
  }
}

/** One command. @returns what it printed as JSON */
async function command(folder, args, control) {
  const env = { PATH: process.env.PATH, CONTENDER_CONTROL: control };
  const child = spawn(process.execPath, ["bin/contender.js", ...args, "--json"], { cwd: folder, env });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  const [code] = await once(child, "close");
  assert.equal(code, 0, `contender ${args.join(" ")} ended with ${code}: ${err}`);
  return JSON.parse(out);
}

async function until(what, ask) {
  const endMs = performance.now() + settleMs;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    assert.ok(performance.now() < endMs, `waited in vain until ${what}`);
    await sleep(100);
  }
}

const route = (weight) => `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud }
spec:
  key: { from: [{ metadata: x-user-id }] }
  score: { output: scores, index: 1, range: [0, 1] }
  variants:
    v41: { address: local, expectVersion: "41" }
    v42: { address: "127.0.0.1:8501", onFailure: champion, warmup: { copies: 5 } }
    v43: { address: "127.0.0.1:8502", model: { version: 43 } }
  champion: v41
  weights: { v41: ${100 - weight}, v42: ${weight} }
  shadows: { v43: { percent: 25 } }
  ttl: 10m
`;

/** A config service, a sidecar and a command line, each of a release: from the first route to the last word. */
async function together(control, sidecar, cli) {
  const folder = mkdtempSync(join(tmpdir(), "contender-releases-"));
  const file = join(folder, "fraud.yaml");
  writeFileSync(file, route(10));
  const loopback = "127.0.0.1:0";
  const service = new Program(control, ["control"], {
    CONTENDER_STORE: `dir:${join(folder, "store")}`,
    CONTENDER_CONTROL_LISTEN: loopback,
    CONTENDER_CONTROL_HTTP: loopback,
    CONTENDER_REPORT_INTERVAL: "1s",
  });
  const open = [service];
  try {
    const { grpc } = await service.ready;
    await command(cli, ["route", "apply", "-f", file, "--reason", "first"], grpc);
    const follower = new Program(sidecar, ["sidecar"], {
      CONTENDER_CONTROL: grpc,
      CONTENDER_LISTEN: loopback,
      CONTENDER_ADMIN: loopback,
      CONTENDER_STATE_DIR: join(folder, "state"),
      CONTENDER_DRAIN_DELAY: "0s",
    });
    open.push(follower);
    const { admin, config } = await follower.ready;
    assert.match(config, /^[0-9a-f]{12}-1-[0-9a-f]{8}$/, "the sidecar has not taken the route");
    await command(cli, ["route", "weights", "fraud", "v41=60,v42=40", "--wait=10s", "--reason", "more"], grpc);
    const shown = await (await fetch(`http://${admin}/config`)).json();
    assert.match(shown.version, /^[0-9a-f]{12}-2-[0-9a-f]{8}$/, "the sidecar has not taken the weights");
    const slots = shown.tables.fraud
      .filter(({ variant }) => variant === "v42")
      .reduce((sum, { from, to }) => sum + to - from, 0);
    assert.equal(slots, 26_214, "v42 has not 40 % of the slots");
    const fleet = await command(cli, ["fleet"], grpc);
    assert.deepEqual(
      fleet.sidecars.map(({ state, withheld }) => [state, withheld]),
      [["current", []]],
    );
    await until("a report was taken", async () => {
      const text = await (await fetch(`http://${admin}/metrics`)).text();
      return /contender_reports_total\{result="taken"\} [1-9]/.test(text) ? true : undefined;
    });
    const history = await command(cli, ["route", "history", "fraud"], grpc);
    assert.deepEqual(
      history.entries.map(({ revision }) => revision),
      [2, 1],
    );
    for (const program of open.reverse()) assert.equal(await program.end(), 0, "it did not end in order");
  } finally {
    for (const { child } of open) if (child.exitCode === null) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

const [sources, ...older] = releases();
for (const [name, folder] of older) {
  const [, now] = sources;
  for (const [what, control, sidecar, cli] of [
    [`a sidecar of ${name} follows the config service of the sources`, now, folder, now],
    [`a sidecar of the sources follows the config service of ${name}`, folder, now, folder],
    [`the command line of ${name} asks the config service of the sources`, now, now, folder],
    [`the command line of the sources asks the config service of ${name}`, folder, folder, now],
  ]) {
    await together(control, sidecar, cli);
    console.log(`holds  ${what}`);
  }
}
