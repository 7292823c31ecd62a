/** How much one report may have in it: what there is of each kind is counted before it is read. */
import { FieldReader, type Fields, fieldsOf, partsIn } from "../ports/message-fields.ts";

export const reportBounds = {
  /** 64 versions of a dozen variants are a few hundred kilobytes. */
  bytes: 2_097_152,
  /** A hundred routes with three variants, live and shadow, under 32 versions. */
  series: 20_000,
  /** Series, and what is within them: codes and histograms. */
  parts: 100_000,
  /** More often than they are asked to, sidecars may report: one that learns late what is asked for, or moves, does. */
  timesAsOften: 4,
  /** Reports at once. */
  burst: 10,
  /**
   * Of all sidecars together that prove one identity and no pod, in a second: 10,000 of them with 1.5 KiB each, twice as often as once in
   * ten seconds. A megabyte takes a tenth of a second to read, so that one token alone takes about a third of the service.
   */
  identityBytes: 3_145_728,
  /** And at once: a report of each of so many. */
  identityBurstBytes: 16_777_216,
  /** What a report counts for at least: a small one takes its time too. */
  leastBytes: 1_024,
} as const;

const report = (): Fields => fieldsOf("ReportRequest");
/** Number of `ReportRequest.series`. */
const seriesField = 7;

/** Why a report is not read; undefined where it may be. */
export function reportFault(bytes: Uint8Array): string | undefined {
  if (bytes.length > reportBounds.bytes) return `a report of ${bytes.length} bytes, want at most ${reportBounds.bytes}`;
  const counted = partsOf(bytes);
  if (counted === undefined) return "a report that is not written as one";
  const { series: count, parts } = counted;
  if (count > reportBounds.series) return `a report of ${count} series, want at most ${reportBounds.series}`;
  return parts > reportBounds.parts
    ? `a report of ${parts} series, codes and histograms, want at most ${reportBounds.parts}`
    : undefined;
}

/** Whose a report is. */
export interface ReportHead {
  readonly instance: string;
  readonly namespace: string;
  readonly workload: string;
}

const headFields: Readonly<Record<number, keyof ReportHead>> = { 1: "instance", 8: "namespace", 9: "workload" };

/** Whose it says it is, before what is in it is looked at: a thousandth of that work. Undefined where it is not written as a report. */
export function reportHead(bytes: Uint8Array): ReportHead | undefined {
  const head = { instance: "", namespace: "", workload: "" };
  const reader = new FieldReader(bytes, 0, bytes.length);
  while (reader.more) {
    if (!reader.next()) return undefined;
    const name = headFields[reader.field];
    if (name === undefined) continue;
    if (reader.wire !== 2) return undefined;
    head[name] = Buffer.from(bytes.subarray(reader.begin, reader.end)).toString();
  }
  return head;
}

/** What there is in a report, never less than its reader makes of it; undefined where it is not written as one. */
export function partsOf(bytes: Uint8Array): { readonly series: number; readonly parts: number } | undefined {
  const counted = partsIn(bytes, report(), seriesField);
  return counted && { series: counted.apart, parts: counted.parts };
}
