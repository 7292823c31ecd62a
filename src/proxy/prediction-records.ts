/**
 * Turns calls that ended into the prediction log's records: predictions in the sample, and all that failed.
 *
 * For a call that is not recorded this costs a walk over its header fields and a hash; nothing is allocated.
 */
import { murmur3Latin1 } from "../base/hash.ts";
import type { PredictionLog } from "../compare/prediction-log.ts";
import type { PredictionRecord } from "../compare/prediction-record.ts";
import type { RequestSample } from "../compare/request-sample.ts";
import { traceIdOf } from "../compare/traceparent.ts";
import { grpcStatus, grpcStatusNames } from "../grpc/status.ts";
import { headerId } from "../http2/header-block.ts";
import { saltSeed } from "../router/slot-table.ts";
import type { Call } from "./call.ts";
import { fieldsOf, fieldValue, pathOf, roundedMs, shortened } from "./call-text.ts";
import type { CallRecords } from "./ports.ts";

export class PredictionRecords implements CallRecords {
  readonly #log: PredictionLog;
  readonly #sample: RequestSample;

  constructor(log: PredictionLog, sample: RequestSample) {
    this.#log = log;
    this.#sample = sample;
  }

  add(call: Call, code: number, nowMs: number): void {
    if (call.reason === "hop" || call.reason === "not_prediction") return;
    const fields = fieldsOf(call);
    const requestId = fieldValue(fields, headerId["x-request-id"]);
    // Only looked for where it decides.
    const traceparent = requestId === undefined ? fieldValue(fields, headerId.traceparent) : undefined;
    // A challenger's failure that the champion made good is a failure all the same: it is what the gates see.
    const failed = code !== grpcStatus.OK || call.insuredCode >= 0;
    if (failed || this.#sample.includes(requestId, traceparent)) {
      this.#log.add(recordOf(call, code, nowMs));
    }
  }
}

function recordOf(call: Call, code: number, nowMs: number): PredictionRecord {
  const { assigned, key, target } = call;
  const fields = fieldsOf(call);
  const requestId = fieldValue(fields, headerId["x-request-id"]);
  const latencyMs = nowMs - call.startMs;
  // What the target's sink holds is of this call only where its answer has just been read.
  const answer = call.answer.tapped && code === grpcStatus.OK ? target.sink : undefined;
  return {
    event: "prediction",
    time: new Date(call.proxy.clock.wallMs() - latencyMs).toISOString(),
    route: call.route.spec.name,
    method: pathOf(fields),
    keyed: call.keyed,
    keyHash: key === undefined || key === "" ? undefined : keyHash(call.route.spec.salt, key),
    requestId: requestId === key ? undefined : shortened(requestId),
    traceId: traceIdOf(fieldValue(fields, headerId.traceparent)),
    variant: assigned.name,
    reason: call.reason,
    answeredBy: target === assigned ? undefined : target.name,
    model: shortened(call.model),
    effectiveModel: shortened(answer?.lastModel),
    effectiveVersion: shortened(answer?.lastVersion),
    score: answer?.lastScore ?? null,
    status: nameOf(code),
    variantStatus: call.insuredCode < 0 ? undefined : nameOf(call.insuredCode),
    localReply: call.failure,
    latencyMs: roundedMs(latencyMs),
    generation: call.generation.version,
  };
}

/** The hash that assignment goes by, whole: its first four digits are the key's slot. */
function keyHash(salt: string, key: string): string {
  return murmur3Latin1(key, saltSeed(salt)).toString(16).padStart(8, "0");
}

function nameOf(code: number): string {
  return grpcStatusNames[code] ?? "UNKNOWN";
}
