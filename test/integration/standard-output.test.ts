/** A sidecar whose standard output fails it: nobody reads it any more, nobody ever reads it, or it has no space. */
import assert from "node:assert/strict";
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { status } from "@grpc/grpc-js";
import { type ExposedMetric, parseExposition, valueAt } from "../support/exposition.ts";
import { GrpcClient, metadataOf } from "../support/grpc-js.ts";
import { ClientPeer, freeAddress, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { recordsOf } from "../support/prediction-records.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const root = fileURLToPath(new URL("../..", import.meta.url));
const request = tfRequest();
const answer = Buffer.from(tfResponse([0.5]));

/** Header bytes that end up in a record: a few hundred calls fill any pipe. */
const longId = "i".repeat(200);

class Process {
  readonly child: ChildProcess;
  readonly listen: string;
  readonly admin: string;
  readonly client: GrpcClient;
  exit: readonly [code: number | null, signal: string | null] | undefined = undefined;
  errors = "";

  constructor(child: ChildProcess, listen: string, admin: string) {
    this.child = child;
    this.listen = listen;
    this.admin = admin;
    this.client = own.add(new GrpcClient(listen));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    child.once("exit", (code, signal) => {
      this.exit = [code, signal];
    });
  }

  /** Starts one that logs every call twice to its standard output, and waits until it answers. */
  static async start(stdout: "pipe" | number, workers = "1"): Promise<Process> {
    const server = own.add(await ServerPeer.answering(framed(answer)));
    const [listen, admin] = [await freeAddress(), await freeAddress()];
    const { PATH = "" } = process.env;
    const env = {
      PATH,
      CONTENDER_WORKERS: workers,
      CONTENDER_CHAMPION: server.address,
      CONTENDER_LISTEN: listen,
      CONTENDER_ADMIN: admin,
      CONTENDER_SCORE: "scores[1]",
      CONTENDER_PREDICTION_LOG: "stdout",
      CONTENDER_PREDICTION_LOG_SAMPLE: "1",
      CONTENDER_ACCESS_LOG: "1",
      CONTENDER_WAIT_FOR_CHAMPION: "true",
      CONTENDER_DRAIN_DELAY: "0s",
    };
    const stdio: StdioOptions = ["ignore", stdout, "pipe"];
    const child = spawn(process.execPath, ["bin/contender.js", "sidecar"], { cwd: root, env, stdio });
    const started = new Process(child, listen, admin);
    own.add(started);
    while (!(await started.ready()) && started.exit === undefined) await setTimeout(10);
    assert.equal(started.exit, undefined, started.errors);
    return started;
  }

  async ready(): Promise<boolean> {
    return await fetch(`http://${this.admin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Predictions that must all go well. */
  async calls(count: number): Promise<void> {
    const ids = Array.from({ length: count }, (_, i) => metadataOf({ "x-request-id": `${longId}${i}` }));
    const ends = await Promise.all(ids.map((metadata) => this.client.unary(tfPredict, request, { metadata })));
    assert.deepEqual(new Set(ends.map((end) => end.status.code)), new Set([status.OK]));
    assert.ok(ends.every(({ messages }) => messages[0]?.equals(answer)));
  }

  /** The same in great number, by a caller that spends less time on each. */
  async flood(count: number): Promise<void> {
    const peer = own.add(await ClientPeer.connect(this.listen));
    for (let sent = 0; sent < count; sent += 500) {
      const calls = Array.from({ length: 500 }, () =>
        peer.unary(tfPredict, framed(request), [["x-request-id", longId]]),
      );
      const codes = (await Promise.all(calls)).map((end) => end.value("grpc-status"));
      assert.deepEqual(new Set(codes), new Set(["0"]));
    }
  }

  /** Waits until records and log lines have been dropped, the records for this reason. */
  async drops(reason: string): Promise<void> {
    let metrics: ReadonlyMap<string, ExposedMetric> = new Map();
    const records = () => valueAt(metrics, "contender_prediction_log_dropped_total", { reason }) ?? 0;
    const lines = () => valueAt(metrics, "contender_hook_failures_total", { hook: "log" }) ?? 0;
    const endMs = performance.now() + 8_000;
    while (records() === 0 || lines() === 0) {
      assert.ok(performance.now() < endMs, `${records()} records and ${lines()} lines were dropped`);
      metrics = parseExposition(await (await fetch(`http://${this.admin}/metrics`)).text());
      await setTimeout(20);
    }
  }

  /** SIGTERM, and what came of it. */
  async stopped(): Promise<readonly [code: number | null, signal: string | null]> {
    this.child.kill("SIGTERM");
    await until(() => this.exit !== undefined, "the process has ended");
    assert.equal(this.errors, "");
    return this.exit ?? [null, null];
  }

  async close(): Promise<void> {
    if (this.exit !== undefined) return;
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }
}

describe("a sidecar whose standard output", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("is read gets every record and every line whole, though both are written to it", async () => {
    const sidecar = await Process.start("pipe");
    let text = "";
    sidecar.child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    for (let i = 0; i < 5; i++) await sidecar.calls(200);
    assert.deepEqual(await sidecar.stopped(), [0, null]);
    const events = Map.groupBy(text.trimEnd().split("\n"), (line) => (JSON.parse(line) as { event: string }).event);
    assert.deepEqual([events.get("call")?.length, events.get("stopped")?.length], [1_000, 1]);
    assert.equal(recordsOf(`${events.get("prediction")?.join("\n")}\n`).length, 1_000);
  });

  for (const [what, workers] of [
    ["", "1"],
    [", and with it all of its workers,", "2"],
  ] as const) {
    it(`loses its reader${what} goes on answering, counts what it can't write, and ends in order`, async () => {
      const sidecar = await Process.start("pipe", workers);
      sidecar.child.stdout?.destroy();
      await sidecar.calls(300);
      await sidecar.drops("no_reader");
      assert.deepEqual(await sidecar.stopped(), [0, null]);
    });
  }

  it("has no space goes on answering, counts what it can't write, and ends in order", async () => {
    const full = openSync("/dev/full", "w");
    own.add({ close: () => closeSync(full) });
    const sidecar = await Process.start(full);
    await sidecar.calls(300);
    await sidecar.drops("no_space");
    assert.deepEqual(await sidecar.stopped(), [0, null]);
  });

  it("is never read goes on answering beyond what the pipe and the buffer hold, and ends in order", async () => {
    const sidecar = await Process.start("pipe");
    // Two lines and some 1,000 bytes a call, while a pipe and the buffer hold 10,000 lines or 4.3 MB.
    await sidecar.flood(6_000);
    await sidecar.drops("buffer_full");
    assert.deepEqual(await sidecar.stopped(), [0, null]);
  });
});
