/**
 * `ReportService`: what sidecars counted, taken in, and passed on to the other replicas before it is acknowledged.
 *
 * A report is kilobytes to read, so one that comes too soon is refused before that: who says that it is whose is all that is looked
 * at, and who is known to be whose is what counts.
 */
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { durationMessage, type ReportResponse } from "../../api/messages.ts";
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import type { AnyCall, Callers, SidecarCaller } from "../access/callers.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { refusal } from "../ports/refusal.ts";
import { watchBounds } from "../watch/watch-bounds.ts";
import { type Counts, type ReadReport, readReport, type Taken } from "./counts.ts";
import { Limited } from "./limited.ts";
import type { OwnSeries } from "./own-series.ts";
import { Rate } from "./rate.ts";
import { reportBounds, reportFault, reportHead } from "./report-bounds.ts";

/** What became of a report: as of `Counts`, or it came too soon. */
export type Received = Taken | "limited";

export interface ReportPorts {
  readonly clock: Clock;
  readonly callers: Callers;
  readonly counts: Counts;
  readonly fleet: Fleet;
  readonly own: OwnSeries;
  /** How often sidecars are asked to report. */
  readonly intervalMs: number;
  /** Resolves when every other replica that can be reached has the report. */
  share(report: ReadReport): Promise<void>;
  counted(received: Received): void;
}

export function reportService(ports: ReportPorts) {
  const { clock, callers, counts, fleet, own, intervalMs } = ports;
  const { timesAsOften, burst, identityBytes, identityBurstBytes, leastBytes } = reportBounds;
  const nextReport = durationMessage(intervalMs);
  const rate = new Rate(clock, { everyMs: intervalMs / timesAsOften, burst });
  const bytesRate = new Rate(clock, { everyMs: 1_000 / identityBytes, burst: identityBurstBytes });
  const limited = (text: string, waitMs: number): void => {
    if (waitMs <= 0) return;
    ports.counted("limited");
    throw new Limited(text, waitMs);
  };
  const take = async (call: ServerUnaryCall<Buffer, ReportResponse>): Promise<ReportResponse> => {
    const { request: bytes } = call;
    const head = reportHead(bytes);
    if (head === undefined) throw crooked();
    const { instance } = head;
    if (instance === "" || instance.length > watchBounds.nameLength)
      throw new ContenderError("CONFIG_INVALID", "want the instance that the counts are of, by a name as in Watch");
    const caller = callers.sidecar(call as unknown as AnyCall, "report", { ...head, pod: "" });
    const often = `a report every ${intervalMs} ms is asked for, and ${timesAsOften} in that time are taken in; this one comes too soon`;
    limited(often, rate.ask(reporterOf(caller, instance)));
    // Where one identity has many names, each new one would have a rate of its own. Where nobody proves anything it has all of them.
    if (caller.identity !== "" && caller.labels.pod === undefined) {
      const much = `${identityBytes} bytes of reports a second are taken in of one identity, and this one is too much`;
      limited(much, bytesRate.ask(caller.identity, Math.max(bytes.length, leastBytes)));
    }
    const { identity, labels } = caller;
    // Where nobody proves anything, all are the same one.
    const owner = identity === "" ? "" : JSON.stringify([identity, labels]);
    const read = own.of(readOf(bytes, instance), caller, owner);
    const taken = counts.take(read, owner);
    ports.counted(taken);
    fleet.heard(instance);
    if (taken === "full")
      throw new Limited("there is no room for more reports now; the next has what this one has", intervalMs);
    if (taken === "new") await ports.share(read);
    // One that is forgotten is acknowledged, too: refused, its process would send it again for as long as it lives.
    return { nextReport };
  };
  return {
    Report: (call: ServerUnaryCall<Buffer, ReportResponse>, done: sendUnaryData<ReportResponse>): void => {
      take(call).then(
        (answer) => done(null, answer),
        (reason) => done(refusal(reason)),
      );
    },
  };
}

const crooked = () => new ContenderError("CONFIG_INVALID", "a report that is not written as one");

/** @throws ContenderError CONFIG_INVALID for what is no report, or is none of this instance. */
function readOf(bytes: Buffer, instance: string): ReadReport {
  const fault = reportFault(bytes);
  if (fault !== undefined) throw new ContenderError("CONFIG_INVALID", fault);
  let read: ReadReport;
  try {
    read = readReport(bytes);
  } catch {
    throw crooked();
  }
  // Another reader's word was what counted for whose it is.
  if (read.report.instance !== instance) throw crooked();
  return read;
}

/** A pod has one sidecar, whatever that calls itself; else there is its own word for which of many it is. */
function reporterOf({ identity, labels }: SidecarCaller, instance: string): string {
  const { namespace, workload, pod } = labels;
  return JSON.stringify([
    identity,
    namespace,
    workload,
    pod,
    ...(identity === "" || pod === undefined ? [instance] : []),
  ]);
}
