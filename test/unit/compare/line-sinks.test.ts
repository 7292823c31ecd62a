import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { DescriptorSink, FileSink } from "../../../src/compare/line-sinks.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const own = new Owned();
const text = (path: string): string => readFileSync(path, "utf8");
const whole = (line: string) => ({ written: Buffer.byteLength(line), code: undefined });

describe("a file as a place for lines", () => {
  afterEach(() => own.close());

  /** A sink for `log` in a folder of its own. */
  function sinkInFolder() {
    const folder = own.add(new TempFolder());
    const path = folder.at("log");
    const sink = new FileSink(path);
    return { folder, path, append: (lines: string, from = 0) => sink.append(Buffer.from(lines), from) };
  }

  it("is made where it is not there, for its owner and group alone", async () => {
    const { path, append } = sinkInFolder();
    assert.deepEqual(await append("ä\n"), whole("ä\n"));
    assert.equal(text(path), "ä\n");
    assert.equal(statSync(path).mode & 0o7, 0);
  });

  it("is appended to, from where a batch is said to go on", async () => {
    const { path, append } = sinkInFolder();
    writeFileSync(path, "before\n");
    await append("one\n");
    assert.deepEqual(await append("gone two\n", 5), whole("two\n"));
    assert.equal(text(path), "before\none\ntwo\n");
  });

  it("is begun anew where it was moved away or deleted", async () => {
    const { folder, path, append } = sinkInFolder();
    await append("one\n");
    renameSync(path, folder.at("log.1"));
    await append("two\n");
    rmSync(path);
    await append("three\n");
    assert.deepEqual([text(folder.at("log.1")), text(path)], ["one\n", "three\n"]);
  });

  it("goes on at its start where it was copied away and truncated", async () => {
    const { path, append } = sinkInFolder();
    await append("one\n");
    truncateSync(path);
    await append("two\n");
    assert.equal(text(path), "two\n");
  });

  it("fails while its directory is not there, and works once it is", async () => {
    const folder = own.add(new TempFolder());
    const sink = new FileSink(folder.at("later/log"));
    assert.deepEqual(await sink.append(Buffer.from("one\n"), 0), { written: 0, code: "ENOENT" });
    mkdirSync(folder.at("later"));
    assert.deepEqual(await sink.append(Buffer.from("two\n"), 0), whole("two\n"));
    assert.equal(text(folder.at("later/log")), "two\n");
  });

  it("fails on a full disk, and works once there is space", async () => {
    const { path, folder, append } = sinkInFolder();
    symlinkSync("/dev/full", path);
    assert.deepEqual(await append("one\n"), { written: 0, code: "ENOSPC" });
    rmSync(path);
    symlinkSync(folder.at("real"), path);
    assert.deepEqual(await append("two\n"), whole("two\n"));
    assert.equal(text(folder.at("real")), "two\n");
  });

  it("fails where it is a directory", async () => {
    const { path, append } = sinkInFolder();
    mkdirSync(path);
    assert.deepEqual(await append("one\n"), { written: 0, code: "EISDIR" });
  });

  it("gets a newline first where a process before this one ended within a line", async () => {
    const { path, append } = sinkInFolder();
    writeFileSync(path, '{"cut":');
    await append("one\n");
    await append("two\n");
    assert.equal(text(path), '{"cut":\none\ntwo\n');
  });

  it("gets a newline first where it was cut by a failure", async () => {
    const { path, folder, append } = sinkInFolder();
    await append("one\n");
    renameSync(path, folder.at("kept"));
    symlinkSync("/dev/full", path);
    await append("two\n");
    writeFileSync(folder.at("kept"), "one\ntw");
    renameSync(folder.at("kept"), path);
    await append("three\n");
    assert.equal(text(path), "one\ntw\nthree\n");
  });

  it("gets none where a batch goes on", async () => {
    const { path, append } = sinkInFolder();
    writeFileSync(path, "one\ntw");
    await append("two\n", 2);
    assert.equal(text(path), "one\ntwo\n");
  });

  it("has taken nothing for certain where it can't be closed: there may have been no space after all", async () => {
    const folder = own.add(new TempFolder());
    const sink = new FileSink(folder.at("log"), async (...how) => {
      const file = await open(...how);
      const close = file.close.bind(file);
      file.close = async () => {
        await close();
        throw Object.assign(new Error("quota"), { code: "EDQUOT" });
      };
      return file;
    });
    assert.deepEqual(await sink.append(Buffer.from("one\n"), 0), { written: 0, code: "EDQUOT" });
  });

  it("may be a named pipe: an error while nobody reads it, never a wait", async () => {
    const { path, append } = sinkInFolder();
    execFileSync("mkfifo", [path]);
    assert.deepEqual(await append("one\n"), { written: 0, code: "ENXIO" });
    const reader = openSync(path, "r+");
    try {
      assert.deepEqual(await append("two\n"), whole("two\n"));
      const buffer = Buffer.alloc(16);
      assert.equal(buffer.toString("utf8", 0, readSync(reader, buffer)), "two\n");
      const flood = Buffer.alloc(1_048_576, "x").toString();
      const { written, code } = await append(flood);
      assert.equal(code, "EAGAIN");
      assert.ok(written > 0 && written < flood.length, `${written} bytes taken`);
    } finally {
      closeSync(reader);
    }
  });
});

describe("a descriptor as a place for lines", () => {
  afterEach(() => own.close());

  /** A descriptor of `path`, closed when the test ends. */
  function opened(path: string, flags = "a"): number {
    const descriptor = openSync(path, flags);
    own.add({ close: () => closeSync(descriptor) });
    return descriptor;
  }

  it("takes what it is given", async () => {
    const folder = own.add(new TempFolder());
    const sink = new DescriptorSink(opened(folder.at("log")));
    assert.deepEqual(await sink.append(Buffer.from("one\n"), 0), whole("one\n"));
    assert.deepEqual(await sink.append(Buffer.from("gone two\n"), 5), whole("two\n"));
    assert.equal(text(folder.at("log")), "one\ntwo\n");
  });

  it("tells the system's error", async () => {
    const sink = new DescriptorSink(opened("/dev/full", "w"));
    assert.deepEqual(await sink.append(Buffer.from("one\n"), 0), { written: 0, code: "ENOSPC" });
  });

  it("gets a newline before the batch that follows on a cut one", async () => {
    const folder = own.add(new TempFolder());
    const sink = new DescriptorSink(opened(folder.at("log")));
    await sink.append(Buffer.from("cu"), 0);
    await sink.append(Buffer.from("one\n"), 0);
    await sink.append(Buffer.from("two\n"), 0);
    assert.equal(text(folder.at("log")), "cu\none\ntwo\n");
  });
});

describe("standard output as a place for lines", () => {
  it("that nobody reads doesn't keep a process from ending", async () => {
    const of = (path: string): string => new URL(`../../../src/${path}`, import.meta.url).href;
    const script = `
      import { systemClock } from "${of("base/clock.ts")}";
      import { standardOutput } from "${of("compare/line-sinks.ts")}";
      import { LineWriter } from "${of("compare/line-writer.ts")}";
      const writer = new LineWriter({ clock: systemClock, sink: standardOutput() });
      let dropped = 0;
      for (let i = 0; i < 1_000; i++) writer.add("x".repeat(1_023) + "\\n", (_, lines) => { dropped += lines; });
      await writer.close(100);
      process.exit(dropped > 0 ? 7 : 8);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      assert.deepEqual(await once(child, "exit", { signal: AbortSignal.timeout(8_000) }), [7, null]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
