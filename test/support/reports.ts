/** Reports of sidecars, and counts of them with nothing behind. */
import type { ReportRequest } from "../../src/api/messages.ts";
import { messageType } from "../../src/api/protos.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Counts, type CountsBounds, type ReadReport, readReport } from "../../src/control/counts/counts.ts";
import { Sums } from "../../src/control/counts/sums.ts";
import { Turns } from "../../src/control/turns.ts";

export const encodeReport = (report: object): Buffer => messageType<object>("ReportRequest").encode(report);

export const countedSeries = (version = "v", variant = "v41", count = 10) => ({
  route: "fraud",
  variant,
  traffic: "live",
  version,
  keyed: true,
  codes: [{ code: 0, count }],
});

/** A report as a sidecar of "fraud" writes it. */
export const reportMessage = (instance: string, sequence: number, count = sequence, variant = "v41") => ({
  instance,
  startedAt: { seconds: 1, nanos: 0 },
  sequence,
  series: [{ route: "fraud", variant, traffic: "live", version: "v", codes: [{ code: 0, count }] }],
});

export const reportOf = (
  instance: string,
  sequence = 1,
  more: Partial<Record<keyof ReportRequest, unknown>> = {},
): ReadReport =>
  readReport(encodeReport({ instance, startedAt: { seconds: 1 }, sequence, series: [countedSeries()], ...more }));

/** No process was ever summed up. */
export const noneEnded = { has: () => false, of: () => new Sums(), size: 0 };

export const countsAlone = (bounds: Partial<CountsBounds> = {}): Counts =>
  new Counts({ clock: systemClock, ended: noneEnded }, bounds);

export interface ToldCounts {
  readonly series: readonly { readonly version: string; readonly variant: string; readonly requests: number }[];
  readonly instances: number;
}

export const toldCounts = async (counts: Counts, route = "fraud"): Promise<ToldCounts> =>
  (await counts.of(route, new Turns(systemClock))) as unknown as ToldCounts;

export const requestsOf = async (counts: Counts): Promise<number> =>
  (await toldCounts(counts)).series.reduce((sum, { requests }) => sum + requests, 0);
