/**
 * Turns a variant's numbers into samples.
 *
 * A series appears with its first count; a zero that nobody waits for is a line in every scrape for nothing. The
 * exceptions are what gates divide: successful predictions and drawn assignments of a variant with live traffic are
 * there from 0, or their first increase would be lost.
 */
import { assignmentReasons, outcomes, scoreInvalidReasons, shadowDropReasons, trafficKinds } from "../model/call.ts";
import type { MetricName } from "./catalogue.ts";
import type { Labels, Samples } from "./exposition.ts";
import type { HistogramRows } from "./histogram.ts";
import { assignmentIndex, fallbackResults, grpcCodes, otherMethod, trafficIndex } from "./labels.ts";
import { methodSlots, type VariantSeries } from "./variant-cells.ts";

export type VariantCollector = (samples: Samples, series: VariantSeries, methodNames: readonly string[]) => void;

const okCode = 0;

/** A collector per metric that is kept by variant. */
export const variantCollectors = {
  contender_requests_total: addRequests,
  contender_request_duration_seconds: (samples, series) => addDurations(samples, series, series.durations),
  contender_upstream_duration_seconds: (samples, series) => addDurations(samples, series, series.upstreamDurations),
  contender_score: addScores,
  contender_score_invalid_total: addScoreInvalid,
  contender_assignments_total: addAssignments,
  contender_shadow_dropped_total: (samples, series) =>
    addReasons(samples, series, "reason", shadowDropReasons, series.shadowDropped),
  contender_fallbacks_total: (samples, series) =>
    addReasons(samples, series, "result", fallbackResults, series.fallbacks),
  contender_version_mismatch_total: (samples, series) => addOne(samples, series, series.versionMismatches),
  contender_resends_total: (samples, series) => addOne(samples, series, series.resends),
} satisfies Partial<Record<MetricName, VariantCollector>>;

function addRequests(samples: Samples, series: VariantSeries, methodNames: readonly string[]): void {
  trafficKinds.forEach((traffic, t) => {
    series.methodAt.forEach((methodNumber, slot) => {
      const start = (t * methodSlots + slot) * grpcCodes.length;
      const watched = series.live && t === trafficIndex.live && series.watched.has(slot);
      for (let code = 0; code < grpcCodes.length; code++) {
        const value = series.requests[start + code] ?? 0;
        if (value === 0 && !(watched && code === okCode)) continue;
        // By position, as this is the metric with the most series: no text is built to find its labels.
        series.requestLabels[start + code] ??= withMore(series, {
          traffic,
          method: methodNames[methodNumber] ?? otherMethod,
          grpc_code: grpcCodes[code] ?? "UNKNOWN",
        });
        samples.add(series.requestLabels[start + code] as Labels, value);
      }
    });
  });
}

function addDurations(samples: Samples, series: VariantSeries, rows: HistogramRows): void {
  trafficKinds.forEach((traffic, t) => {
    outcomes.forEach((outcome, o) => {
      const row = t * outcomes.length + o;
      if (rows.count(row) > 0) samples.addHistogram(labelsOf(series, { traffic, outcome }), rows, row);
    });
  });
}

function addScores(samples: Samples, series: VariantSeries): void {
  const { score } = series;
  if (score === undefined) return;
  trafficKinds.forEach((traffic, t) => {
    const labels = labelsOf(series, { traffic, output: score.output });
    if (score.rows.count(t) > 0) samples.addHistogram(labels, score.rows, t);
  });
}

function addScoreInvalid(samples: Samples, series: VariantSeries): void {
  trafficKinds.forEach((traffic, t) => {
    scoreInvalidReasons.forEach((reason, r) => {
      const value = series.scoreInvalid[t * scoreInvalidReasons.length + r] ?? 0;
      if (value > 0) samples.add(labelsOf(series, { traffic, reason }), value);
    });
  });
}

function addAssignments(samples: Samples, series: VariantSeries): void {
  assignmentReasons.forEach((reason, r) => {
    const value = series.assignments[r] ?? 0;
    if (value > 0 || (series.live && r === assignmentIndex.weight)) samples.add(labelsOf(series, { reason }), value);
  });
}

function addReasons(
  samples: Samples,
  series: VariantSeries,
  label: string,
  words: readonly string[],
  cells: Float64Array,
): void {
  words.forEach((word, i) => {
    const value = cells[i] ?? 0;
    if (value > 0) samples.add(labelsOf(series, { [label]: word }), value);
  });
}

function addOne(samples: Samples, series: VariantSeries, value: number): void {
  if (value > 0) samples.add(labelsOf(series, {}), value);
}

/** The variant's own object for these labels: the same one at every scrape, see `Labels`. */
function labelsOf(series: VariantSeries, more: Labels): Labels {
  const key = Object.entries(more).flat().join("\0");
  const known = series.labels.get(key);
  if (known !== undefined) return known;
  const labels = withMore(series, more);
  series.labels.set(key, labels);
  return labels;
}

function withMore({ route, variant }: VariantSeries, more: Labels): Labels {
  return Object.freeze({ route, variant, ...more });
}
