import assert from "node:assert/strict";
import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { systemChance } from "../../src/base/chance.ts";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { LineWriter } from "../../src/compare/line-writer.ts";
import type { PredictionRecord } from "../../src/compare/prediction-record.ts";
import { RequestSample } from "../../src/compare/request-sample.ts";
import type { Metrics } from "../../src/observe/metrics.ts";
import type { AccessLine } from "../../src/proxy/access-records.ts";
import { saltSeed, slotOf } from "../../src/router/slot-table.ts";
import { openRecords, type Records, type RecordsEvent } from "../../src/runtime/records.ts";
import { valueAt } from "../support/exposition.ts";
import { ClientPeer, type Fields, freeAddress, ServerPeer } from "../support/h2-peer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import {
  framed,
  oipInfer,
  oipRequest,
  oipResponse,
  tfMetadata,
  tfPredict,
  tfRequest,
  tfResponse,
} from "../support/predict.ts";
import { recordsOf } from "../support/prediction-records.ts";
import { ScriptedSink } from "../support/scripted-sink.ts";
import { type RouteSource, type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest());
const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const score = { output: "scores", index: 1 };

interface Recording extends SidecarOptions {
  readonly sample?: number;
  readonly access?: number;
  readonly predictionLog?: string;
  /** Of the log alone. */
  readonly logClock?: Clock;
}

/** A sidecar with a prediction log in a folder of its own, and a caller. */
async function recording(route: RouteSource, given: Recording = {}) {
  const { sample = 1, access = 0, logClock = systemClock, predictionLog, ...options } = given;
  const path = own.add(new TempFolder()).at("predictions.ndjson");
  const stdout = new ScriptedSink();
  const writer = new LineWriter({ clock: systemClock, sink: stdout });
  const events: RecordsEvent[] = [];
  const accessLines: AccessLine[] = [];
  let records: Records | undefined;
  const open = (metrics: Metrics) => {
    records = openRecords(
      {
        clock: logClock,
        chance: systemChance,
        metrics,
        stdout: writer,
        writeAccess: (line) => accessLines.push(line),
        onEvent: (event) => events.push(event),
      },
      { predictionLog: predictionLog ?? path, predictionLogSample: sample, accessLog: access },
    );
    return records.calls;
  };
  const sidecar = own.add(await TestSidecar.listen(snapshotOf(route), { ...options, records: open }));
  const client = own.add(await ClientPeer.connect(sidecar.address));
  /** All that was recorded; ends the log. */
  const logged = async (): Promise<PredictionRecord[]> => {
    await records?.close(1_000);
    return recordsOf(readFileSync(path, "utf8"));
  };
  return { path, sidecar, client, events, access: accessLines, logged, stdout, writer };
}

async function answering(...scores: readonly number[]): Promise<string> {
  return own.add(await ServerPeer.answering(framed(tfResponse(scores)))).address;
}

describe("the prediction log", () => {
  afterEach(() => own.close());

  it("has all that is known of a call that went well, and not its key", async () => {
    const route = {
      variants: { v41: await answering(0.25, 0.75) },
      key: { from: [{ metadata: "x-user-id" }] },
      salt: "spring",
      score,
    };
    const { client, logged, path } = await recording(route);
    const beforeMs = Date.now();
    const ids: Fields = [
      ["x-user-id", "user-0815"],
      ["x-request-id", "5f0c"],
      ["traceparent", `00-${trace}-00f067aa0ba902b7-01`],
    ];
    await client.unary(tfPredict, request, ids);
    const [record, ...more] = await logged();
    assert.ok(record !== undefined && more.length === 0);
    const { time, latencyMs, generation, keyHash = "", ...rest } = record;
    assert.deepEqual(rest, {
      event: "prediction",
      route: "fraud",
      method: tfPredict,
      keyed: true,
      requestId: "5f0c",
      traceId: trace,
      variant: "v41",
      reason: "weight",
      effectiveModel: "fraud",
      effectiveVersion: "41",
      score: 0.25,
      status: "OK",
    });
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Date.parse(time) >= beforeMs - 1 && Date.parse(time) + latencyMs <= Date.now() + 1);
    assert.ok(latencyMs > 0 && generation !== "");
    assert.equal(Number.parseInt(keyHash.slice(0, 4), 16), slotOf(saltSeed("spring"), "user-0815"));
    assert.ok(!readFileSync(path, "utf8").includes("0815"));
  });

  it("has no request id that is the key itself", async () => {
    const route = { variants: { v41: await answering(0.5) }, key: { from: [{ metadata: "x-request-id" }] } };
    const { client, logged, path } = await recording(route);
    await client.unary(tfPredict, request, [["x-request-id", "user-0815"]]);
    const [record] = await logged();
    assert.deepEqual([record?.keyed, record?.requestId], [true, undefined]);
    assert.ok(!readFileSync(path, "utf8").includes("0815"));
  });

  it("names the model that was asked for where the message was looked into, and takes the key from there", async () => {
    const server = own.add(await ServerPeer.answering(framed(oipResponse([0.5], "7"))));
    const route = {
      match: { dialect: "open-inference", models: ["fraud"] },
      variants: { v41: server.address },
      key: { from: [{ parameter: "user" }] },
      score,
    };
    const { client, logged } = await recording(route);
    await client.unary(oipInfer, framed(oipRequest({ parameters: { user: "u1" } })));
    const [record] = await logged();
    assert.deepEqual(
      [record?.model, record?.effectiveVersion, record?.keyed, record?.reason],
      ["fraud", "7", true, "weight"],
    );
  });

  it("has calls without a key, an id or a score, and says no more of them than it knows", async () => {
    const { client, logged } = await recording({ variants: { v41: await answering(0.5) } });
    await client.unary(tfPredict, request);
    const [record] = await logged();
    assert.deepEqual(
      [record?.reason, record?.keyed, record?.score, record?.keyHash, record?.requestId, record?.traceId],
      ["no_key", false, null, undefined, undefined, undefined],
    );
  });

  it("never gives a call the score or version of the answer before", async () => {
    const answers = [framed(tfResponse([0.25])), framed("no TensorFlow"), framed(tfResponse([0.75]))];
    const server = own.add(
      await ServerPeer.start((stream) => {
        void stream.done().then(() => {
          const answer = answers.shift();
          if (answer === undefined) stream.refuse(3);
          else stream.answer(answer);
        });
      }),
    );
    const { client, logged } = await recording({ variants: { v41: server.address }, score });
    for (let i = 0; i < 4; i++) await client.unary(tfPredict, request);
    assert.deepEqual(
      (await logged()).map((record) => [record.status, record.score, record.effectiveVersion]),
      [
        ["OK", 0.25, "41"],
        ["OK", null, undefined],
        ["OK", 0.75, "41"],
        ["INVALID_ARGUMENT", null, undefined],
      ],
    );
  });

  it("has all that failed, whatever the sample, and why where the status is our own", async () => {
    const server = own.add(await ServerPeer.start((stream) => stream.refuse(13)));
    const route = { variants: { v41: server.address, v42: await freeAddress() }, pin: true };
    const { client, logged } = await recording(route, { sample: 0 });
    await client.unary(tfPredict, request);
    await client.unary(tfPredict, request, [["x-contender-pin", "v42"]]);
    assert.deepEqual(
      (await logged()).map((record) => [record.variant, record.reason, record.status, record.localReply]),
      [
        ["v41", "no_key", "INTERNAL", undefined],
        ["v42", "pinned", "UNAVAILABLE", "connect_failed"],
      ],
    );
  });

  it("has a challenger's failure that the champion made good: both statuses, and who answered", async () => {
    const challenger = own.add(await ServerPeer.start((stream) => stream.refuse(14)));
    const route = {
      variants: { v41: await answering(0.25), v42: { address: challenger.address, onFailure: "champion" } },
      weights: { v41: 0, v42: 100 },
      score,
    };
    const { client, logged, sidecar } = await recording(route, { sample: 0 });
    await sidecar.connected();
    const answer = await client.unary(tfPredict, request, [["x-request-id", "r1"]]);
    assert.equal(answer.value("grpc-status"), "0");
    const [record] = await logged();
    assert.ok(record !== undefined);
    const { variant, answeredBy, reason, status, variantStatus, score: value, requestId } = record;
    assert.deepEqual(
      { variant, answeredBy, reason, status, variantStatus, value, requestId },
      {
        variant: "v42",
        answeredBy: "v41",
        reason: "fallback",
        status: "OK",
        variantStatus: "UNAVAILABLE",
        value: 0.25,
        requestId: "r1",
      },
    );
  });

  it("has a cancelled call", async () => {
    const server = own.add(await ServerPeer.start());
    const { client, logged, sidecar } = await recording({ variants: { v41: server.address } }, { sample: 0 });
    const call = client.call(tfPredict, request);
    await server.stream();
    call.cancel();
    await until(() => (sidecar.live("v41").byCode.CANCELLED ?? 0) === 1, "the cancellation is counted");
    assert.deepEqual(
      (await logged()).map(({ status }) => status),
      ["CANCELLED"],
    );
  });

  it("leaves out what is no prediction, and what another sidecar has split", async () => {
    const { client, logged } = await recording({ variants: { v41: await answering(0.5) } });
    await client.unary(tfMetadata, request);
    await client.unary("/grpc.health.v1.Health/Check", request);
    await client.unary(tfPredict, request, [["x-contender-hop", "fraud"]]);
    await client.unary(tfPredict, request, [["x-request-id", "mine"]]);
    assert.deepEqual(
      (await logged()).map(({ requestId }) => requestId),
      ["mine"],
    );
  });

  it("has the requests of its sample, exactly", async () => {
    const { client, logged } = await recording({ variants: { v41: await answering(0.5) } }, { sample: 0.25 });
    const ids = Array.from({ length: 400 }, (_, i) => `request-${i}`);
    await Promise.all(ids.map((id) => client.unary(tfPredict, request, [["x-request-id", id]])));
    const sample = new RequestSample(0.25, systemChance);
    const expected = ids.filter((id) => sample.includes(id, undefined));
    assert.ok(expected.length > 60 && expected.length < 140);
    assert.deepEqual((await logged()).map(({ requestId }) => requestId).sort(), expected.sort());
  });

  it("knows the ids also where no request is kept for a second try", async () => {
    const limits = { proxy: { replayBytes: 0 } };
    const { client, logged, sidecar } = await recording({ variants: { v41: await answering(0.5) } }, { limits });
    await sidecar.connected();
    await client.unary(tfPredict, request, [["x-request-id", "r1"]]);
    const [record] = await logged();
    assert.deepEqual([record?.requestId, record?.method], ["r1", tfPredict]);
  });

  it("cuts what a caller makes long", async () => {
    const { client, logged } = await recording({ variants: { v41: await answering(0.5) } });
    await client.unary(tfPredict, request, [["x-request-id", "x".repeat(10_000)]]);
    assert.equal((await logged())[0]?.requestId, "x".repeat(256));
  });

  it("goes to standard output where it is told to", async () => {
    const route = { variants: { v41: await answering(0.5) } };
    const { client, stdout, writer } = await recording(route, { predictionLog: "stdout" });
    await client.unary(tfPredict, request);
    await writer.close(1_000);
    assert.equal(recordsOf(stdout.text).length, 1);
  });

  it("on a full disk costs no call anything, counts what it loses, says so, and recovers by itself", async () => {
    const logClock = new ManualClock();
    const { path, client, sidecar, events, logged } = await recording(
      { variants: { v41: await answering(0.5) } },
      { logClock },
    );
    symlinkSync("/dev/full", path);
    const calls = Array.from({ length: 50 }, () => client.unary(tfPredict, request));
    for (const answer of await Promise.all(calls)) assert.equal(answer.value("grpc-status"), "0");
    await until(() => events.length === 1, "it fails");
    assert.deepEqual(events, [{ kind: "prediction_log_failing", path, reason: "no_space", code: "ENOSPC" }]);
    const dropped = async () =>
      valueAt(await sidecar.exposed(), "contender_prediction_log_dropped_total", { reason: "no_space" }) ?? 0;
    const lost = await dropped();
    assert.ok(lost > 0, `${lost} lost`);
    rmSync(path);
    logClock.advance(1_000);
    await client.unary(tfPredict, request, [["x-request-id", "after"]]);
    await until(() => events.length === 2, "it recovers");
    assert.deepEqual(events[1], { kind: "prediction_log_recovered", path, dropped: lost });
    const records = await logged();
    assert.deepEqual([records.at(-1)?.requestId, records.length], ["after", 51 - lost]);
  });

  it("is not there, nor its metric, where nobody asked for it", async () => {
    const nobody = openRecords(
      {
        clock: systemClock,
        chance: systemChance,
        metrics: { register: () => assert.fail("a metric was registered") } as unknown as Metrics,
        stdout: new LineWriter({ clock: systemClock, sink: new ScriptedSink() }),
        writeAccess: () => undefined,
        onEvent: () => undefined,
      },
      { predictionLog: undefined, predictionLogSample: 1, accessLog: 0 },
    );
    assert.equal(nobody.calls, undefined);
    await nobody.close(1_000);
  });
});

describe("the access log", () => {
  afterEach(() => own.close());

  it("has a line for every call that got a variant, whatever it was", async () => {
    const route = { variants: { v41: await answering(0.5), v42: await freeAddress() }, pin: true };
    const { client, access } = await recording(route, { access: 1 });
    await client.unary(tfPredict, request);
    await client.unary("/some.Service/Method", request);
    await client.unary(tfPredict, request, [["x-contender-hop", "fraud"]]);
    await client.unary(tfPredict, request, [["x-contender-pin", "v42"]]);
    await client.unary(tfPredict, request, [["content-type", "text/html"]]);
    const common = { route: "fraud", answeredBy: undefined, peer: "127.0.0.1", identity: undefined };
    const ok = { variant: "v41", status: "OK", localReply: undefined };
    assert.deepEqual(
      access.map(({ latencyMs, ...rest }) => rest),
      [
        { ...common, ...ok, reason: "no_key", method: tfPredict },
        { ...common, ...ok, reason: "not_prediction", method: "/some.Service/Method" },
        { ...common, ...ok, reason: "hop", method: tfPredict },
        {
          ...common,
          variant: "v42",
          reason: "pinned",
          method: tfPredict,
          status: "UNAVAILABLE",
          localReply: "connect_failed",
        },
      ],
    );
    assert.ok(access.every(({ latencyMs }) => latencyMs > 0));
  });

  it("has a share of them, and leaves the prediction log as it is", async () => {
    const route = { variants: { v41: await answering(0.5) } };
    const { client, access, logged } = await recording(route, { access: 0.5 });
    await Promise.all(Array.from({ length: 400 }, () => client.unary(tfPredict, request)));
    assert.ok(access.length > 140 && access.length < 260, `${access.length} of 400`);
    assert.equal((await logged()).length, 400);
  });
});
