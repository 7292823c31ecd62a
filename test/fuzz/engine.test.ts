/** The fuzzers' own machinery: what finds nothing must be known to find something. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { keyOf } from "./findings.ts";
import { longestInput, mutate } from "./mutator.ts";
import { Random } from "./random.ts";

const program = fileURLToPath(new URL("run.ts", import.meta.url));
const faulty = fileURLToPath(new URL("../fixtures/fuzz/targets.ts", import.meta.url));

let corpus = "";
beforeEach(() => {
  corpus = mkdtempSync(path.join(os.tmpdir(), "contender-fuzz-"));
});
afterEach(() => rmSync(corpus, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  /** Contents of the corpus, by name without its hash. */
  readonly files: Readonly<Record<string, string>>;
}

async function fuzz(
  args: readonly string[],
  onStart: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, [program, "--corpus", corpus, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  child.stderr.on("data", (chunk: Buffer) => {
    out += chunk;
  });
  child.stdout.on("data", (chunk: Buffer) => {
    if (out === "") onStart((signal) => child.kill(signal));
    out += chunk;
  });
  const [code] = (await once(child, "close")) as [number | null];
  const files: Record<string, string> = {};
  for (const file of readdirSync(corpus, { recursive: true, withFileTypes: true })) {
    if (file.isFile())
      files[file.name.replace(/-[0-9a-f]{8}$/, "")] = readFileSync(path.join(file.parentPath, file.name), "latin1");
  }
  return { code, out, files };
}

describe("npm run fuzz", () => {
  it("says what there is, and what it did not understand", async () => {
    const help = await fuzz(["--help"]);
    assert.equal(help.code, 0);
    for (const word of [
      "--target",
      "--seconds",
      "--seed",
      "frames-server",
      "differential-client",
      "settings",
      "Ctrl-C",
    ]) {
      assert.ok(help.out.includes(word), word);
    }
    const wrong = await fuzz(["--target", "frame"]);
    assert.deepEqual([wrong.code, wrong.out.includes("want one of frames-server, ")], [1, true]);
  }).timeout(60_000);

  it("runs a target for its time, keeps what reaches new code where it is asked to, and ends with 0 without a finding", async () => {
    const { code, out, files } = await fuzz(["--target", "hpack", "--seconds", "1", "--seed", "7", "--grow"]);
    assert.equal(code, 0);
    assert.match(out, /^seed 7\nhpack .* [1-9][0-9,]* runs .* [1-9][0-9]* blocks .* 0 findings\nno findings\n$/);
    assert.deepEqual(Object.keys(files), ["reaches"]);
  }).timeout(60_000);

  it("writes what makes a target throw, made small, once, and ends with 1", async () => {
    const { code, out, files } = await fuzz(["--from", faulty, "--target", "throws", "--seconds", "1", "--seed", "3"]);
    assert.equal(code, 1);
    assert.deepEqual(files, { "read-0-bytes-then-a-bug": "bug" });
    assert.ok(out.includes("input (base64): YnVn"), out);
    assert.ok(out.endsWith("1 findings\n"), out);
  }).timeout(60_000);

  it("writes what fast-check has made small", async () => {
    const { code, files } = await fuzz(["--from", faulty, "--target", "shrinks", "--seconds", "1", "--seed", "3"]);
    assert.deepEqual([code, files], [1, { "too-large": "[101]" }]);
  }).timeout(60_000);

  it("ends an input that never ends, and writes it", async () => {
    const { code, files } = await fuzz(["--from", faulty, "--target", "hangs", "--longest", "1", "--seconds", "50"]);
    assert.equal(code, 1);
    assert.deepEqual(Object.keys(files), ["an-input-takes-longer-than-1-s"]);
    assert.equal(Object.values(files)[0]?.[0], "\t");
  }).timeout(60_000);

  it("ends an input that fills the memory, and writes it", async () => {
    const { code, files } = await fuzz(["--from", faulty, "--target", "hoards", "--longest", "50", "--seconds", "50"]);
    assert.equal(code, 1);
    const [name = "", input] = Object.entries(files)[0] ?? [];
    assert.ok(name.startsWith("the-thread-ended"), name);
    assert.equal(input?.[0], "\t");
  }).timeout(60_000);

  it("goes on until Ctrl-C, which ends it with a summary", async () => {
    const { code, out } = await fuzz(["--target", "grpc-timeout"], (kill) => kill("SIGINT"));
    assert.equal(code, 0);
    assert.ok(out.endsWith("no findings\n"), out);
  }).timeout(60_000);
});

describe("mutations", () => {
  const material = { dictionary: [Buffer.from("word")], other: Buffer.from("another input") };

  it("are the same for one seed, and different for others", () => {
    const mutants = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 50 }, () => mutate(Buffer.from("an input"), random, material).toString("latin1"));
    };
    assert.deepEqual(mutants(1), mutants(1));
    assert.notDeepEqual(mutants(1), mutants(2));
    assert.ok(new Set(mutants(1)).size > 25);
  });

  it("stay within the longest input, and make something of nothing", () => {
    const random = new Random(1);
    let input = Buffer.alloc(0);
    for (let i = 0; i < 2_000; i++) {
      input = mutate(input, random, {
        ...material,
        other: input.length === 0 ? material.other : input,
      }) as Buffer<ArrayBuffer>;
      assert.ok(input.length <= longestInput);
    }
  });
});

describe("findings", () => {
  it("are the same where only numbers and quoted words differ", () => {
    assert.equal(keyOf(new Error('byte 5 of "a"\nmore')), keyOf(new Error('byte 17 of "b"')));
    assert.notEqual(keyOf(new Error("one thing")), keyOf(new Error("another")));
  });
});
