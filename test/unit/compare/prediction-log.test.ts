import assert from "node:assert/strict";
import { LineWriter } from "../../../src/compare/line-writer.ts";
import { PredictionLog } from "../../../src/compare/prediction-log.ts";
import { predictionFields, predictionLine } from "../../../src/compare/prediction-record.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { fullRecord, recordsOf } from "../../support/prediction-records.ts";
import { ScriptedSink } from "../../support/scripted-sink.ts";
import { until } from "../../support/until.ts";

describe("a record of the prediction log", () => {
  it("is one line with every field that it has, in the table's order", () => {
    const line = predictionLine(fullRecord);
    assert.deepEqual(Object.keys(JSON.parse(line)), Object.keys(predictionFields));
    assert.deepEqual(recordsOf(line), [fullRecord]);
  });

  it("leaves out what it doesn't have, but says of a score that there is none", () => {
    const rare = Object.entries(predictionFields).filter(([, { always }]) => !always);
    const bare = { ...fullRecord, score: null, ...Object.fromEntries(rare.map(([name]) => [name, undefined])) };
    const [read] = recordsOf(predictionLine(bare));
    assert.equal(Object.keys(read ?? {}).length, Object.keys(predictionFields).length - rare.length);
    assert.equal(read?.score, null);
  });

  it("stays one line whatever a caller puts into its ids", () => {
    const requestId = 'a\nb"c\\\u0000\u00ff';
    const line = predictionLine({ ...fullRecord, requestId });
    assert.equal(line.indexOf("\n"), line.length - 1);
    assert.equal(recordsOf(line)[0]?.requestId, requestId);
  });
});

describe("the prediction log", () => {
  it("counts by reason the records that were not written", async () => {
    const clock = new ManualClock();
    const sink = new ScriptedSink({ code: "ENOSPC" });
    const writer = new LineWriter({ clock, sink }, { maxLines: 1 });
    const log = new PredictionLog(writer);
    assert.deepEqual(log.dropped(), []);
    log.add(fullRecord);
    log.add(fullRecord);
    await until(() => writer.held === 0, "the first is dropped");
    log.add(fullRecord);
    log.add(fullRecord);
    assert.deepEqual(log.dropped(), [
      ["buffer_full", 1],
      ["no_space", 2],
    ]);
    clock.advance(1_000);
    await until(() => writer.held === 0, "the third is written");
    assert.deepEqual(recordsOf(sink.text), [fullRecord]);
  });
});
