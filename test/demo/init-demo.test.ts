/** `contender init` by the real binary, against real models in servers with reflection, and what becomes of its file. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { ServiceError } from "@grpc/grpc-js";
import { systemClock } from "../../src/base/clock.ts";
import { demoModule, modelFile } from "../../src/demo/assets.ts";
import { Child } from "../../src/demo/children.ts";
import { type Answer, openClient } from "../../src/demo/clients.ts";
import type { DialectName } from "../../src/model/route.ts";
import { valueAt } from "../support/exposition.ts";
import { Owned } from "../support/owned.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { TempFolder } from "../support/temp-folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Generous: a busy machine compiles the runtime's 14 MB of WebAssembly slowly. */
const startTimeoutMs = 25_000;

function start(argv: readonly string[]): ChildProcess {
  const { PATH = "" } = process.env;
  return spawn(process.execPath, ["bin/contender.js", ...argv], {
    cwd: root,
    env: { PATH },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

async function ended(child: ChildProcess) {
  assert.ok(child.stdout && child.stderr);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, out, err };
}

async function contender(argv: readonly string[], input = "") {
  const child = start(argv);
  child.stdin?.end(input);
  return await ended(child);
}

describe("the binary's init at the demo's model servers", function () {
  this.timeout(2 * startTimeoutMs);
  const own = new Owned();
  let server: Child;
  let address: string;

  before(async () => {
    const args = [fileURLToPath(demoModule("model-server")), "--model", modelFile(1), "--version", "7"];
    server = new Child({ title: "the model server", args, env: {}, clock: systemClock, startTimeoutMs });
    address = `127.0.0.1:${(await server.ready).port}`;
  });
  afterEach(() => own.close());
  after(() => server.end(2_000));

  function predict(target: string, dialect: DialectName): Promise<Answer | ServiceError> {
    const client = own.add(openClient({ target, dialect, model: "credit", clock: systemClock }));
    return new Promise((resolve) => {
      client.predict("someone", [new Array(17).fill(0)], resolve);
    });
  }

  it("writes a route that a sidecar serves to callers of both protocols, with the right version and scores", async () => {
    const path = own.add(new TempFolder()).at("route.yaml");
    const argv = ["init", address, "--model", "credit", "-o", path, "--calls", "5"];
    const { code, out, err } = await contender(argv);
    assert.deepEqual([code, err.split("\n").filter((line) => !line.startsWith("contender init: "))], [0, [""]]);
    assert.match(out, /speaks +open-inference and tensorflow-serving \(by its reflection\)\n +health +SERVING\n/);
    assert.match(out, /^ {2}model +credit, version 7$/m);
    assert.match(out, /^5 calls each way[\s\S]*^ {2}added, by pairs +-?\d/m);

    const sidecar = own.add(await SidecarProcess.start({ CONTENDER_CONFIG: path }));
    for (const dialect of ["tensorflow-serving", "open-inference"] as const) {
      const answer = await predict(sidecar.address, dialect);
      assert.ok("scores" in answer, String(answer));
      assert.equal(answer.variant, "v7");
      const [, score = Number.NaN] = answer.scores;
      assert.match(out, new RegExp(`scores\\[1\\], which was ${Number(score.toPrecision(4))} in a first answer`));
    }
    let metrics = await sidecar.metrics();
    // Scores are read after the answer has gone.
    while (valueAt(metrics, "contender_score_count") !== 2) metrics = await sidecar.metrics();
    assert.equal(valueAt(metrics, "contender_version_mismatch_total") ?? 0, 0);
  });

  it("writes to standard output what the check reads from standard input", async () => {
    const { code, out } = await contender(["init", address, "--model", "credit", "--output", "-", "--calls", "0"]);
    assert.equal(code, 0);
    const checked = await contender(["check", "-"], out);
    assert.deepEqual([checked.code, checked.err], [0, ""]);
    assert.match(checked.out, /v7 100% \(champion\); key metadata:x-user-id; score scores\[1\]/);
  });

  it("asks for the model where it is not named, in one line and with exit code 64", async () => {
    const { code, out, err } = await contender(["init", address]);
    assert.deepEqual([code, out], [64, ""]);
    assert.match(err, /^contender: \[MODEL_UNKNOWN\] .*\n {2}contender init 127\.0\.0\.1:\d+ --model NAME\n$/m);
  });

  it("ends on Ctrl-C with exit code 130, and leaves nothing behind", async () => {
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    own.add(silent);
    const { port } = silent.address() as { port: number };
    const path = own.add(new TempFolder()).at("route.yaml");
    const child = start(["init", `127.0.0.1:${port}`, "-o", path, "--timeout", "1m"]);
    const end = ended(child);
    await once(silent, "connection");
    child.kill("SIGINT");
    const { code, out, err } = await end;
    assert.deepEqual([code, out, existsSync(path)], [130, "", false]);
    assert.match(err, /stopped; nothing was written/);
  });

  it("does not make a sidecar load what only init needs", () => {
    const main = readFileSync(new URL("../../src/app.ts", import.meta.url), "utf8");
    const loaded = main.split("\n").filter((line) => /^import (?!type ).*"\.\/init\//.test(line));
    assert.deepEqual(loaded, []);
  });
});
