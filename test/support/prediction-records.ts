/** Lines of the prediction log, read as strictly as its page says. */
import assert from "node:assert/strict";
import { type PredictionRecord, predictionFields } from "../../src/compare/prediction-record.ts";

/** A record of everything that one can have. */
export const fullRecord: PredictionRecord = {
  event: "prediction",
  time: "2026-03-01T12:00:00.250Z",
  route: "fraud",
  method: "/tensorflow.serving.PredictionService/Predict",
  keyed: true,
  keyHash: "50c5ff02",
  requestId: "5f0c",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  variant: "v42",
  reason: "fallback",
  answeredBy: "v41",
  model: "fraud",
  effectiveModel: "fraud",
  effectiveVersion: "41",
  score: 0.25,
  status: "OK",
  variantStatus: "UNAVAILABLE",
  localReply: "upstream_gone",
  latencyMs: 3.25,
  generation: "7",
};

/** The records of a log: every line whole, every field known, of its type and in its place, none missing that is always there. */
export function recordsOf(log: string): PredictionRecord[] {
  assert.ok(log === "" || log.endsWith("\n"), "ends within a line");
  return log
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const record = JSON.parse(line) as PredictionRecord;
      const found = Object.entries(record).map(([name, value]) => [name, value === null ? "null" : typeof value]);
      const known = Object.entries(predictionFields)
        .filter(([name, { always }]) => always || Object.hasOwn(record, name))
        .map(([name, { type }]) => {
          const value = record[name as keyof PredictionRecord];
          return [name, type === "number or null" ? (value === null ? "null" : "number") : type];
        });
      assert.deepEqual(found, known);
      return record;
    });
}
