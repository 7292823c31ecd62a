/**
 * What is recorded of a prediction, and what each field means. docs/prediction-log.md is held to this table, both ways:
 * whoever reads the log reads that page.
 */
import type { AssignmentReason, LocalReplyReason } from "../model/call.ts";

export interface PredictionRecord {
  readonly event: "prediction";
  readonly time: string;
  readonly route: string;
  readonly method: string;
  readonly keyed: boolean;
  readonly keyHash: string | undefined;
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
  readonly variant: string;
  readonly reason: AssignmentReason;
  readonly answeredBy: string | undefined;
  readonly model: string | undefined;
  readonly effectiveModel: string | undefined;
  readonly effectiveVersion: string | undefined;
  readonly score: number | null;
  readonly status: string;
  readonly variantStatus: string | undefined;
  readonly localReply: LocalReplyReason | undefined;
  readonly latencyMs: number;
  readonly generation: string;
}

export interface FieldDefinition {
  readonly type: "string" | "number" | "boolean" | "number or null";
  /** Whether every record has it. */
  readonly always: boolean;
  readonly doc: string;
}

/** In the order in which a line has them. */
export const predictionFields: Readonly<Record<keyof PredictionRecord, FieldDefinition>> = {
  event: {
    type: "string",
    always: true,
    doc: "`prediction`: on standard output, what tells a record from a line of the process' own log.",
  },
  time: {
    type: "string",
    always: true,
    doc: "When the call began: RFC 3339, UTC, milliseconds.",
  },
  route: {
    type: "string",
    always: true,
    doc: "The route that the call belongs to.",
  },
  method: {
    type: "string",
    always: true,
    doc: "The gRPC method, as `/package.Service/Method`.",
  },
  keyed: {
    type: "boolean",
    always: true,
    doc: "Whether the call had a key.",
  },
  keyHash: {
    type: "string",
    always: false,
    doc: "The key's hash under the route's salt, 8 hex digits; where there is a key.",
  },
  requestId: {
    type: "string",
    always: false,
    doc: "The caller's `x-request-id`, where it sent one that is not the key itself.",
  },
  traceId: {
    type: "string",
    always: false,
    doc: "The trace id of the caller's `traceparent`, 32 hex digits; where it sent a legal one.",
  },
  variant: {
    type: "string",
    always: true,
    doc: "The variant that the call was assigned to, and counts for.",
  },
  reason: {
    type: "string",
    always: true,
    doc: "Why it was: a `reason` of `contender_assignments_total`.",
  },
  answeredBy: {
    type: "string",
    always: false,
    doc: "The variant that was asked in its place; where it was another.",
  },
  model: {
    type: "string",
    always: false,
    doc: "The model that the request names; where the request's message had to be looked into.",
  },
  effectiveModel: {
    type: "string",
    always: false,
    doc: "The model that answered, as its answer says; where answers are looked into and say so.",
  },
  effectiveVersion: {
    type: "string",
    always: false,
    doc: "The version that answered, likewise.",
  },
  score: {
    type: "number or null",
    always: true,
    doc: "The score of the answer's first row that has one; null where there is none.",
  },
  status: {
    type: "string",
    always: true,
    doc: "The gRPC status that the caller got, by name.",
  },
  variantStatus: {
    type: "string",
    always: false,
    doc: "The status of the assigned variant itself; where the champion answered in its place after it had failed.",
  },
  localReply: {
    type: "string",
    always: false,
    doc: "Why the status is Contender's own: a `reason` of `contender_local_replies_total`; where no upstream gave it.",
  },
  latencyMs: {
    type: "number",
    always: true,
    doc: "From the call's first header to its end, in milliseconds.",
  },
  generation: {
    type: "string",
    always: true,
    doc: "Version of the configuration that the call was assigned by.",
  },
};

/** The record as a line of NDJSON. Fields that it doesn't have are left out. */
export function predictionLine(record: PredictionRecord): string {
  return `${JSON.stringify(record)}\n`;
}
