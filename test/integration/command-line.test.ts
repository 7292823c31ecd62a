/** The real binary: argv, environment and standard input to output and exit code. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs `contender` with nothing in its environment but `env`. */
function contender(argv: readonly string[], env: Readonly<Record<string, string>> = {}, input = "") {
  const { PATH = "" } = process.env;
  const options = { cwd: root, encoding: "utf8", env: { PATH, ...env }, input, timeout: 9_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["bin/contender.js", ...argv], options);
  return { status, stdout, stderr };
}

describe("the contender binary", () => {
  it("prints the version of its package", () => {
    const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { version: string };
    assert.deepEqual(contender(["--version"]), { status: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("says nothing of a reader that has seen enough, and ends as it would have", () => {
    const line = `{ "$0" bin/contender.js sidecar --help; echo "ended with $?" >&2; } | true`;
    const { stderr } = spawnSync("sh", ["-c", line, process.execPath], { cwd: root, encoding: "utf8", timeout: 9_000 });
    assert.equal(stderr, "ended with 0\n");
  });

  it("checks the shipped examples, and finds nothing to say", () => {
    const { status, stdout, stderr } = contender(["check", "config/examples/fraud.yaml"]);
    assert.equal(stderr, "");
    assert.match(stdout, /^config\/examples\/fraud\.yaml: ok, version [0-9a-f]{12}\n {2}fraud \(default\): /);
    assert.equal(status, 0);
  });

  it("exits with 64 for a file with problems, on standard input too", () => {
    const { status, stdout, stderr } = contender(["check", "-"], {}, "kind: ModelRoute\nspec: { champion: v1 }\n");
    assert.deepEqual([status, stdout], [64, ""]);
    assert.match(stderr, /^stdin:1: apiVersion: is missing$/m);
    assert.match(stderr, /^stdin:2: spec\.variants: is missing$/m);
  });

  it("does not start a sidecar by an environment that is wrong: all problems, exit code 64, no port opened", () => {
    const env = {
      CONTENDER_CHAMPIN: "127.0.0.1:8500",
      CONTENDER_LISTEN: "127.0.0.1",
      CONTENDER_PORT: "tcp://10.0.0.1:1",
    };
    const { status, stdout, stderr } = contender(["sidecar"], env);
    assert.deepEqual([status, stdout], [64, ""]);
    assert.equal(
      stderr,
      `contender: [SETTINGS_INVALID] the settings are wrong
CONTENDER_CHAMPIN: unknown setting, the nearest is CONTENDER_CHAMPION
CONTENDER_LISTEN: want HOST:PORT, the port is missing in "127.0.0.1"
`,
    );
  });

  it("does not start a sidecar by routes that are wrong", () => {
    const env = {
      CONTENDER_CHAMPION: "127.0.0.1:8500",
      CONTENDER_WEIGHTS: "champion=0",
      CONTENDER_LISTEN: "127.0.0.1:0",
      CONTENDER_ADMIN: "127.0.0.1:0",
    };
    const { status, stdout, stderr } = contender(["sidecar"], env);
    assert.deepEqual([status, stdout], [64, ""]);
    assert.match(stderr, /^contender: \[CONFIG_INVALID\]/);
    assert.match(stderr, /^CONTENDER_WEIGHTS: want a sum above 0/m);
  });

  it("explains a key by the environment's route", () => {
    const env = {
      CONTENDER_CHAMPION: "127.0.0.1:8500",
      CONTENDER_CHALLENGERS: "v2=127.0.0.1:8501",
      CONTENDER_WEIGHTS: "champion=90,v2=10",
      CONTENDER_KEY: "metadata:x-user-id",
      CONTENDER_ROUTE: "fraud",
    };
    const { status, stdout, stderr } = contender(["why", "fraud", "--key", "user-17", "--json"], env);
    assert.deepEqual([status, stderr], [0, ""]);
    const { variant, reason, weights } = JSON.parse(stdout) as Record<string, unknown>;
    assert.ok(variant === "champion" || variant === "v2");
    assert.deepEqual([reason, weights], ["weight", { champion: 0.9, v2: 0.1 }]);
  });
});
