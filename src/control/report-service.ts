/** `ReportService`: what sidecars counted, taken in, and passed on to the other replicas before it is acknowledged. */
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { durationMessage, type ReportResponse } from "../api/messages.ts";
import { ContenderError } from "../base/errors.ts";
import type { AnyCall, Callers } from "./callers.ts";
import type { Counts, ReadReport, ReceivedReport } from "./counts.ts";
import type { Fleet } from "./fleet.ts";
import { refusal } from "./refusal.ts";
import { watchBounds } from "./watch-bounds.ts";

export interface ReportPorts {
  readonly callers: Callers;
  readonly counts: Counts;
  readonly fleet: Fleet;
  readonly intervalMs: number;
  /** Resolves when every other replica that can be reached has the report. */
  share(report: ReadReport, owner: string): Promise<void>;
  counted(taken: "new" | "old" | "forgotten"): void;
}

export function reportService(ports: ReportPorts) {
  const { callers, counts, fleet, intervalMs } = ports;
  const nextReport = durationMessage(intervalMs);
  const take = async (call: ServerUnaryCall<ReceivedReport, ReportResponse>): Promise<ReportResponse> => {
    const { request } = call;
    if ("fault" in request) throw new ContenderError("CONFIG_INVALID", request.fault);
    const { instance, namespace, workload } = request.report;
    if (instance === "" || instance.length > watchBounds.nameLength)
      throw new ContenderError("CONFIG_INVALID", "want the instance that the counts are of, by a name as in Watch");
    const node = { instance, namespace, workload, pod: "" };
    const { identity, labels } = callers.sidecar(call as unknown as AnyCall, "report", node);
    // Where nobody proves anything, all are the same one.
    const owner = identity === "" ? "" : JSON.stringify([identity, labels]);
    const taken = counts.take(request, owner);
    ports.counted(taken);
    fleet.heard(instance);
    if (taken === "new") await ports.share(request, owner);
    return { nextReport };
  };
  return {
    Report: (call: ServerUnaryCall<ReceivedReport, ReportResponse>, done: sendUnaryData<ReportResponse>): void => {
      take(call).then(
        (answer) => done(null, answer),
        (reason) => done(refusal(reason)),
      );
    },
  };
}
