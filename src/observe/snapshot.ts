/** The counts of every variant as plain data, for reports: nothing in it moves after it was taken. */
import {
  assignmentReasons,
  localReplyReasons,
  type OutcomeLabel,
  outcomes,
  scoreInvalidReasons,
  shadowDropReasons,
  type Traffic,
  trafficKinds,
} from "../model/call.ts";
import type { HistogramSnapshot } from "./histogram.ts";
import { fallbackResults, grpcCodes, otherMethod } from "./labels.ts";
import { methodSlots, type VariantSeries } from "./variant-cells.ts";

/** Counts by word; a word that never happened is not there. */
export type Counts = Readonly<Record<string, number>>;

export interface TrafficSnapshot {
  readonly requests: number;
  readonly byCode: Counts;
  readonly byMethod: Counts;
  /** In seconds; every outcome is there, also where it is empty. */
  readonly durations: Readonly<Record<OutcomeLabel, HistogramSnapshot>>;
  readonly upstreamDurations: Readonly<Record<OutcomeLabel, HistogramSnapshot>>;
  readonly score: HistogramSnapshot | undefined;
  readonly scoreInvalid: Counts;
}

export interface VariantSnapshot {
  readonly route: string;
  readonly variant: string;
  /** Whether the configuration in force has it. */
  readonly current: boolean;
  readonly traffic: Readonly<Record<Traffic, TrafficSnapshot>>;
  readonly scoreOutput: string | undefined;
  readonly assignments: Counts;
  readonly shadowDropped: Counts;
  readonly fallbacks: Counts;
  readonly versionMismatches: number;
  readonly resends: number;
}

export interface MetricsSnapshot {
  /** Version of the configuration in force; undefined before the first. */
  readonly version: string | undefined;
  readonly variants: readonly VariantSnapshot[];
  readonly localReplies: Counts;
}

export function snapshotOf(
  all: Iterable<VariantSeries>,
  methodNames: readonly string[],
  version: string | undefined,
  localReplies: Float64Array,
): MetricsSnapshot {
  const variants = Array.from(all, (series) => variantSnapshot(series, methodNames));
  return { version, variants, localReplies: countsOf(localReplyReasons, localReplies) };
}

function variantSnapshot(series: VariantSeries, methodNames: readonly string[]): VariantSnapshot {
  return {
    route: series.route,
    variant: series.variant,
    current: series.current,
    traffic: record(trafficKinds, (_, t) => trafficSnapshot(series, t, methodNames)),
    scoreOutput: series.score?.output,
    assignments: countsOf(assignmentReasons, series.assignments),
    shadowDropped: countsOf(shadowDropReasons, series.shadowDropped),
    fallbacks: countsOf(fallbackResults, series.fallbacks),
    versionMismatches: series.versionMismatches,
    resends: series.resends,
  };
}

function trafficSnapshot(series: VariantSeries, traffic: number, methodNames: readonly string[]): TrafficSnapshot {
  const byCode: Record<string, number> = {};
  const byMethod: Record<string, number> = {};
  let requests = 0;
  series.methodAt.forEach((method, slot) => {
    grpcCodes.forEach((code, c) => {
      const value = series.requests[(traffic * methodSlots + slot) * grpcCodes.length + c] ?? 0;
      if (value === 0) return;
      const name = methodNames[method] ?? otherMethod;
      byCode[code] = (byCode[code] ?? 0) + value;
      byMethod[name] = (byMethod[name] ?? 0) + value;
      requests += value;
    });
  });
  const row = (outcome: number): number => traffic * outcomes.length + outcome;
  const reasons = scoreInvalidReasons.length;
  return {
    requests,
    byCode,
    byMethod,
    durations: record(outcomes, (_, o) => series.durations.snapshot(row(o))),
    upstreamDurations: record(outcomes, (_, o) => series.upstreamDurations.snapshot(row(o))),
    score: series.score?.rows.snapshot(traffic),
    scoreInvalid: countsOf(
      scoreInvalidReasons,
      series.scoreInvalid.subarray(traffic * reasons, (traffic + 1) * reasons),
    ),
  };
}

function countsOf(words: readonly string[], cells: Float64Array): Counts {
  return Object.fromEntries(words.map((word, i) => [word, cells[i] ?? 0] as const).filter(([, value]) => value > 0));
}

function record<Word extends string, Value>(
  words: readonly Word[],
  make: (word: Word, index: number) => Value,
): Record<Word, Value> {
  return Object.fromEntries(words.map((word, i) => [word, make(word, i)])) as Record<Word, Value>;
}
