/** What a soak found, as text and as JSON, and whether it may pass. */
import { grpcStatusNames } from "../../src/grpc/status.ts";
import type { Check } from "./agreement.ts";
import type { SoakOptions } from "./options.ts";
import { type Bound, boundPerHour, canTell, isFlat, type Sample, type Trend, trendOf } from "./slope.ts";
import type { Figures } from "./tally.ts";

export interface Samples {
  readonly heapBytes: readonly Sample[];
  readonly buffersBytes: readonly Sample[];
  readonly residentBytes: readonly Sample[];
  readonly descriptors: readonly Sample[];
}

export interface Findings {
  readonly options: SoakOptions;
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly figures: Figures;
  readonly unrest: Readonly<Record<string, number>>;
  readonly samples: Samples;
  /** Processor time of the sidecar, in seconds. */
  readonly processorSeconds: number;
  readonly agreement: readonly Check[];
  /** How the sidecar ended. */
  readonly ended: string;
  /** What the soak itself could not do. */
  readonly troubles: readonly string[];
}

export interface Report extends Findings {
  readonly callsPerSecond: number;
  readonly trends: Readonly<Record<keyof Samples, Trend>>;
  readonly checks: readonly Check[];
  readonly passed: boolean;
}

const mebibyte = 1_048_576;

interface Meter extends Bound {
  readonly name: string;
  readonly unit: number;
  readonly word: string;
}

/**
 * Growth that counts as flat. A leak of one small object per call is a GiB an hour at these rates, one of 4 KiB per change
 * of weights 14 MiB. What the process has from the system varies more than its heap: it keeps what it may use again.
 */
export const bounds = {
  heapBytes: { name: "heap after collection", unit: mebibyte, word: " MiB", perHour: 12 * mebibyte, atLeast: mebibyte },
  buffersBytes: { name: "buffers", unit: mebibyte, word: " MiB", perHour: 12 * mebibyte, atLeast: 2 * mebibyte },
  residentBytes: { name: "RSS", unit: mebibyte, word: " MiB", perHour: 48 * mebibyte, atLeast: 16 * mebibyte },
  descriptors: { name: "descriptors", unit: 1, word: "", perHour: 30, atLeast: 10 },
} as const satisfies Record<keyof Samples, Meter>;

const metersOf = Object.keys(bounds) as (keyof Samples)[];

/** A soak that did not reach half of its rate has not shown what it says. */
const leastShare = 0.5;

export function judge(findings: Findings): Report {
  const { figures, options, seconds, samples, ended, troubles } = findings;
  const { started, outcomes } = figures;
  const callsPerSecond = started / seconds;
  const accounted = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  const trends = Object.fromEntries(metersOf.map((meter) => [meter, trendOf(samples[meter])])) as Report["trends"];
  const checks: Check[] = [
    { what: "no call is lost", holds: (outcomes.lost ?? 0) === 0, detail: String(outcomes.lost ?? 0) },
    { what: "no answer is wrong", holds: (outcomes.wrong ?? 0) === 0, detail: String(outcomes.wrong ?? 0) },
    { what: "every call has one outcome", holds: accounted === started, detail: `${accounted} of ${started}` },
    {
      what: "the load was there",
      holds: callsPerSecond >= options.rate * leastShare,
      detail: `${Math.round(callsPerSecond)} calls/s of ${options.rate}`,
    },
    { what: "most calls are OK", holds: (outcomes[0] ?? 0) > started / 2, detail: `${outcomes[0] ?? 0} of ${started}` },
    ...metersOf.map((meter) => flatness(meter, trends[meter], findings.interrupted)),
    ...findings.agreement,
    { what: "the sidecar ended in order", holds: ended === "exit code 0", detail: ended },
    { what: "the soak itself had no trouble", holds: troubles.length === 0, detail: troubles.join("; ") || "none" },
  ];
  return { ...findings, callsPerSecond, trends, checks, passed: checks.every(({ holds }) => holds) };
}

function flatness(meter: keyof Samples, trend: Trend, interrupted: boolean): Check {
  const bound = bounds[meter];
  const what = `${bound.name} stays flat`;
  // Whoever ends it after seconds wants to see the calls.
  if (!canTell(trend)) return { what, holds: interrupted, detail: `${trend.samples} samples are too few to tell` };
  const value = (number: number): string => (number / bound.unit).toFixed(1);
  const slope = `${value(trend.perHour)} ± ${value(2 * trend.errorPerHour)} per hour`;
  const detail = `${value(trend.mean)}${bound.word}, ${slope}, at most ${value(boundPerHour(trend, bound))}`;
  return { what, holds: isFlat(trend, bound), detail };
}

export function formatReport(report: Report): string {
  const { figures, seconds, interrupted, unrest, checks, callsPerSecond, processorSeconds, passed } = report;
  const lines = [
    `${whole(figures.started)} calls in ${Math.round(seconds)} s${interrupted ? " (interrupted)" : ""}: ${whole(callsPerSecond)} calls/s, ${whole((processorSeconds * 1e6) / figures.started)} µs of the sidecar's processor time each`,
    `over ${figures.connections} connections; ${whole(figures.heldBack)} calls were due and not begun`,
    "",
    "outcome              calls",
    ...Object.entries(figures.outcomes).map(
      ([outcome, count]) => `${outcomeName(outcome).padEnd(18)}${whole(count).padStart(8)}`,
    ),
    "",
    "minute   predictions   p50 ms   p99 ms",
    ...figures.minutes.map(
      ({ minute, calls, p50Ms, p99Ms }) =>
        `${String(minute + 1).padEnd(6)}${whole(calls).padStart(14)}${p50Ms.toFixed(2).padStart(9)}${p99Ms.toFixed(2).padStart(9)}`,
    ),
    "",
    `meanwhile: ${Object.entries(unrest)
      .map(([what, count]) => `${what} ${count}x`)
      .join(", ")}`,
    "",
    ...checks.map(({ what, holds, detail }) => `${holds ? "pass" : "FAIL"}  ${what}: ${detail}`),
    ...(figures.examples.length > 0
      ? ["", "what went wrong first:", ...figures.examples.map((each) => `  ${each}`)]
      : []),
    "",
    passed ? "soak passed" : "soak FAILED",
  ];
  return `${lines.join("\n")}\n`;
}

function outcomeName(outcome: string): string {
  return /^[0-9]+$/.test(outcome) ? (grpcStatusNames[Number(outcome)] ?? outcome) : outcome;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
