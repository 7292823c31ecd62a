/**
 * Lets other protobuf runtimes judge the model override: Go, Python on upb, Python's own, C++ (protoc) and protobufjs.
 *
 *     npx node test/judges/override/run.mjs
 *
 * Needs Go and Python 3; installs grpcio-tools and protobuf into a virtual environment below the system's temporary folder and
 * keeps it for the next run. Prints one line per runtime and exits 1 if any of them failed or is missing.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { decode } from "../../support/protos.ts";
import { judgedCases } from "./cases.ts";

const casesOfEachSort = 250;
const seed = 20_260;
/** Each takes a process of its own. */
const casesForProtoc = 40;
const longestRunMs = 180_000;

const here = path.dirname(fileURLToPath(import.meta.url));
const protos = path.join(here, "../../../proto");
const work = path.join(os.tmpdir(), "contender-judge-override");
const python = path.join(work, "venv/bin/python");
const descriptors = path.join(work, "descriptors");
const casesFile = path.join(work, "cases.json");
const expectedFile = path.join(work, "expected.json");
const includes = ["tensorflow", "tensorflow-serving", "open-inference"].map(
  (folder) => `-I${path.join(protos, folder)}`,
);
const files = ["tensorflow_serving/apis/prediction_service.proto", "grpc_service.proto"];

const results = [];

function run(command, args, options = {}) {
  return spawnSync(command, args, { encoding: "utf8", timeout: longestRunMs, maxBuffer: 1 << 26, ...options });
}

function report(runtime, ok, text) {
  results.push(ok);
  const lines = text.trim().split("\n");
  console.log(`${ok ? "pass" : "FAIL"}  ${runtime.padEnd(16)} ${lines.at(-1)}`);
  if (!ok) for (const line of lines.slice(0, 20)) console.log(`      ${line.slice(0, 300)}`);
}

function reportRun(runtime, finished) {
  report(
    runtime,
    finished.status === 0,
    `${finished.error ?? ""}${finished.stderr ?? ""}${finished.stdout ?? ""}` || "no answer",
  );
}

function prepare(cases) {
  mkdirSync(work, { recursive: true });
  writeFileSync(casesFile, JSON.stringify(cases));
  if (!existsSync(python)) {
    const made = run("python3", ["-m", "venv", path.join(work, "venv")]);
    if (made.status !== 0) return `no virtual environment: ${made.error ?? made.stderr}`;
  }
  if (run(python, ["-c", "import grpc_tools"]).status !== 0) {
    const installed = run(python, ["-m", "pip", "install", "--quiet", "grpcio-tools"]);
    if (installed.status !== 0) return `grpcio-tools can't be installed: ${installed.error ?? installed.stderr}`;
  }
  const compiled = run(python, protocArguments("--include_imports", `--descriptor_set_out=${descriptors}`));
  return compiled.status === 0 ? undefined : `the definitions do not compile: ${compiled.stderr}`;
}

function protocArguments(...options) {
  return ["-m", "grpc_tools.protoc", ...includes, ...options, ...files];
}

function judgePython(implementation, ...rest) {
  const env = { ...process.env, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION: implementation };
  const args = [path.join(here, "judge.py"), descriptors, casesFile, implementation, ...rest];
  reportRun(`Python (${implementation})`, run(python, args, { env }));
}

function judgeGo() {
  const program = path.join(work, "judge");
  const built = run("go", ["build", "-o", program, "."], { cwd: here });
  reportRun("Go", built.status === 0 ? run(program, [descriptors, casesFile]) : built);
}

/** protoc's text form of what was made and of what was meant, a process each: only so many. */
function judgeCpp(cases, expected) {
  const step = Math.ceil(cases.length / casesForProtoc);
  const problems = [];
  let judged = 0;
  for (let i = 0; i < cases.length; i += step) {
    const [meant, got] = [expected[i], cases[i].changed].map((base64) =>
      run(python, protocArguments(`--decode=${cases[i].type}`), { input: Buffer.from(base64, "base64") }),
    );
    judged++;
    if (meant.status !== 0 || got.status !== 0 || meant.stdout !== got.stdout) {
      problems.push(`${cases[i].label}: expected ${meant.stdout || meant.stderr}, got ${got.stdout || got.stderr}`);
    }
  }
  report("C++ (protoc)", problems.length === 0, [...problems, `judged ${judged}`].join("\n"));
}

/** Unknown fields are no part of what protobufjs decodes, and its last spec replaces: it judges what was made, not the original. */
function judgeProtobufjs(cases, expected) {
  const problems = [];
  for (const [i, one] of cases.entries()) {
    const [meant, got] = [expected[i], one.changed].map((base64) =>
      JSON.stringify(decode(one.type, Buffer.from(base64, "base64")), (_key, value) =>
        value !== null && typeof value === "object" && !Array.isArray(value)
          ? Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .filter(([, field]) => field !== ""),
            )
          : value,
      ),
    );
    if (meant !== got) problems.push(`${one.label}: expected ${meant}, got ${got}`);
  }
  report("protobufjs", problems.length === 0, [...problems, `judged ${cases.length}`].join("\n"));
}

const cases = judgedCases(casesOfEachSort, seed);
const problem = prepare(cases);
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}
judgePython("upb", expectedFile);
judgePython("python");
judgeGo();
const expected = JSON.parse(readFileSync(expectedFile, "utf8"));
judgeCpp(cases, expected);
judgeProtobufjs(cases, expected);
process.exit(results.every(Boolean) ? 0 : 1);
