/**
 * Builds the image in plain folders by the Dockerfile's own steps, takes all write permissions away and starts it as the
 * user it names: what a cluster with `readOnlyRootFilesystem` and `runAsNonRoot` does to it.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Image, inventory, replayImage } from "../support/image-replay.ts";

const context = fileURLToPath(new URL("../..", import.meta.url));

/** Registry and compiler on a busy machine: minutes, where seconds are usual. */
const buildTimeoutMs = 600_000;
const startTimeoutMs = 30_000;

describe("the image, built and started", () => {
  let work: string;
  let image: Image;

  before(function () {
    this.timeout(buildTimeoutMs);
    work = mkdtempSync(join(tmpdir(), "contender-image-"));
    chmodSync(work, 0o755);
    image = replayImage(context, work);
    setWritable(image.root, false);
  });

  after(function () {
    this.timeout(startTimeoutMs);
    setWritable(work, true);
    rmSync(work, { recursive: true });
  });

  const app = () => join(image.root, image.workdir);

  /** As the container runtime would: only the image's variables, its user, its working folder; nothing to write to. */
  function surroundings(env: Readonly<Record<string, string>> = {}) {
    const [uid, gid] = (image.stage.user ?? "").split(":").map(Number);
    const user = process.getuid?.() === 0 ? { uid, gid } : {};
    const home = { HOME: image.root, TMPDIR: image.root };
    return { cwd: app(), env: { ...home, ...image.env, PATH: image.path, ...env }, ...user };
  }

  function contender(args: readonly string[], env?: Readonly<Record<string, string>>) {
    const [program = "", ...fixed] = image.stage.entrypoint;
    return spawnSync(program, [...fixed, ...args], { ...surroundings(env), encoding: "utf8", timeout: startTimeoutMs });
  }

  it("holds the program and what it needs, and nothing else", () => {
    const expected = ["LICENSE", "bin", "config", "dist", "node_modules", "package.json", "proto"];
    assert.deepEqual(readdirSync(app()).sort(), expected);
    assert.deepEqual(readdirSync(image.root), [image.workdir.slice(1)]);
    const sources = [...inventory(join(app(), "dist")).keys()].filter((path) => /\.ts$|\.test\./.test(path));
    assert.deepEqual(sources, []);
  });

  it("holds the production packages of the lock file, all of them and no other", () => {
    const lock: { packages: Record<string, { dev?: true; optional?: true; devOptional?: true }> } = JSON.parse(
      readFileSync(join(context, "package-lock.json"), "utf8"),
    );
    const wanted = Object.entries(lock.packages)
      .filter(([path, { dev, optional, devOptional }]) => path !== "" && !dev && !optional && !devOptional)
      .map(([path]) => path);
    const found = Object.keys(lock.packages).filter((path) => path !== "" && existsSync(join(app(), path)));
    assert.deepEqual(found.sort(), wanted.sort());
  });

  it("can't be written to by its user", () => {
    const entries = [...inventory(image.root).keys()].map((path) => lstatSync(join(image.root, path)));
    assert.deepEqual(
      entries.filter((entry) => !entry.isSymbolicLink() && (entry.mode & 0o222) !== 0),
      [],
    );
  });

  it("prints its help", () => {
    const { status, stdout, stderr } = contender(["--help"]);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /sidecar/);
  }).timeout(startTimeoutMs);

  it("says that the demo is not in it, and where to run it", () => {
    const { status, stderr } = contender(["demo", "--once", "--seconds", "1"]);
    assert.notEqual(status, 0);
    assert.match(stderr, /not part of an installation.*in a clone/s);
  }).timeout(startTimeoutMs);

  for (const workers of ["1", "2"]) {
    it(`starts with ${workers} of its workers, is healthy by its own probe, stops on its stop signal, and has written nothing`, async () => {
      await lives(workers);
    }).timeout(startTimeoutMs);
  }

  async function lives(workers: string): Promise<void> {
    const before = inventory(image.root);
    const [program = "", ...fixed] = image.stage.entrypoint;
    const settings = {
      CONTENDER_CHAMPION: "127.0.0.1:1",
      CONTENDER_LISTEN: "127.0.0.1:0",
      CONTENDER_ADMIN: "127.0.0.1:0",
      CONTENDER_DRAIN_DELAY: "0s",
      CONTENDER_WORKERS: workers,
    };
    const sidecar = spawn(program, [...fixed, ...image.stage.cmd], {
      ...surroundings(settings),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(sidecar, "exit");
    try {
      const admin = await adminAddress(sidecar.stdout, sidecar.stderr);
      const probe = image.stage.healthcheck.slice(1);
      assert.equal(contender(probe, { CONTENDER_ADMIN: admin }).status, 0);
      sidecar.kill(image.stage.stopSignal as NodeJS.Signals);
      assert.deepEqual(await ended, [0, null]);
      assert.equal(contender(probe, { CONTENDER_ADMIN: admin }).status, 1);
    } finally {
      sidecar.kill("SIGKILL");
    }
    assert.deepEqual(inventory(image.root), before);
  }
});

/** Takes write permission from everything below a folder, or gives it back to its owner. */
function setWritable(root: string, writable: boolean): void {
  const { status, stderr } = spawnSync("chmod", ["-R", writable ? "u+w" : "a-w", root], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

/** The admin address from the line in which the sidecar says where it listens; what it said instead where it ends. */
function adminAddress(...outputs: readonly NodeJS.ReadableStream[]): Promise<string> {
  const said: string[] = [];
  const found = Promise.withResolvers<string>();
  const ends = outputs.map((input) => {
    const lines = createInterface({ input });
    lines.on("line", (line) => {
      said.push(line);
      const address = /"admin":\s*"([^"]+)"/.exec(line)?.[1];
      if (address !== undefined) found.resolve(address);
    });
    return once(lines, "close");
  });
  void Promise.all(ends).then(() => found.reject(new Error(`ended without an admin address:\n${said.join("\n")}`)));
  return found.promise;
}
