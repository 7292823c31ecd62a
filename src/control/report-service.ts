/** `ReportService`: what sidecars counted, taken in, and passed on to the other replicas before it is acknowledged. */
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { durationMessage, type ReportResponse } from "../api/messages.ts";
import { ContenderError } from "../base/errors.ts";
import type { AnyCall, Callers } from "./callers.ts";
import type { Counts, ReadReport } from "./counts.ts";
import type { Fleet } from "./fleet.ts";
import { refusal } from "./refusal.ts";

export interface ReportPorts {
  readonly callers: Callers;
  readonly counts: Counts;
  readonly fleet: Fleet;
  readonly intervalMs: number;
  /** Resolves when every other replica that can be reached has the report. */
  share(report: ReadReport): Promise<void>;
  counted(taken: "new" | "old" | "forgotten"): void;
}

export function reportService(ports: ReportPorts) {
  const { callers, counts, fleet, intervalMs } = ports;
  const nextReport = durationMessage(intervalMs);
  const take = async (call: ServerUnaryCall<ReadReport, ReportResponse>): Promise<ReportResponse> => {
    const { request } = call;
    const { instance, namespace, workload } = request.report;
    if (instance === "") throw new ContenderError("CONFIG_INVALID", "want the instance that the counts are of");
    callers.sidecar(call as unknown as AnyCall, "report", { instance, namespace, workload, pod: "" });
    const taken = counts.take(request);
    ports.counted(taken);
    fleet.heard(instance);
    if (taken === "new") await ports.share(request);
    return { nextReport };
  };
  return {
    Report: (call: ServerUnaryCall<ReadReport, ReportResponse>, done: sendUnaryData<ReportResponse>): void => {
      take(call).then(
        (answer) => done(null, answer),
        (reason) => done(refusal(reason)),
      );
    },
  };
}
