/**
 * What is counted for one variant of one route: plain numbers at fixed places.
 *
 * `VariantSeries` holds the numbers and lives as long as the process, so that counters go on growing across
 * configurations. `VariantCells` is a generation's handle on it: a call that began under an older configuration keeps
 * its own handle, and with it the score histogram that its generation's rule belongs to.
 */
import { assignmentReasons, outcomes, scoreInvalidReasons, shadowDropReasons, trafficKinds } from "../model/call.ts";
import { HistogramRows } from "./histogram.ts";
import { fallbackResults, grpcCodes, scoreInvalidIndex } from "./labels.ts";

/**
 * Methods told apart per variant, `other` included; further ones count as `other`. A variant is called by a handful, and
 * those that gates watch are placed first. Times 17 codes and three kinds of traffic this is the product that would
 * outgrow a route's 3,700 series.
 */
export const methodSlots = 8;
/** Methods known to the process at most: a byte indexes them. */
export const maxMethods = 128;

const unclaimed = 255;
const codes = grpcCodes.length;
const unknownCode = grpcCodes.indexOf("UNKNOWN");

/** A score histogram and the output it is of. */
export interface ScoreSeries {
  readonly output: string;
  /** A row per kind of traffic. */
  readonly rows: HistogramRows;
}

export class VariantSeries {
  readonly route: string;
  readonly variant: string;
  /** Whether the configuration in force has it; only then do series that never counted show their zero. */
  current = false;
  /** Whether live calls may be drawn to it. */
  live = false;
  /** Position of a method among this variant's, by its number in the process. */
  readonly slotOf = new Uint8Array(maxMethods).fill(unclaimed);
  /** The reverse: the process-wide number of each claimed position; position 0 is `other`. */
  readonly methodAt: number[] = [0];
  /** Positions of the methods whose calls gates watch. */
  readonly watched = new Set<number>();
  readonly requests = new Float64Array(trafficKinds.length * methodSlots * codes);
  /** A row per kind of traffic and outcome, in seconds. */
  readonly durations: HistogramRows;
  readonly upstreamDurations: HistogramRows;
  score: ScoreSeries | undefined;
  readonly scoreInvalid = new Float64Array(trafficKinds.length * scoreInvalidReasons.length);
  readonly assignments = new Float64Array(assignmentReasons.length);
  readonly shadowDropped = new Float64Array(shadowDropReasons.length);
  readonly fallbacks = new Float64Array(fallbackResults.length);
  versionMismatches = 0;
  resends = 0;
  /** Label objects, kept for the exposition; as many as there are series that ever counted. */
  readonly requestLabels: Readonly<Record<string, string>>[] = [];
  readonly labels = new Map<string, Readonly<Record<string, string>>>();

  constructor(route: string, variant: string, latencyBounds: readonly number[]) {
    this.route = route;
    this.variant = variant;
    this.slotOf[0] = 0;
    const rows = trafficKinds.length * outcomes.length;
    this.durations = new HistogramRows(rows, latencyBounds);
    this.upstreamDurations = new HistogramRows(rows, latencyBounds);
  }

  /** Position of a method, given one at its first call; 0, `other`, once all are taken or for an unknown number. */
  claim(method: number): number {
    const known = this.slotOf[method];
    if (known === undefined) return 0;
    if (known !== unclaimed) return known;
    const slot = this.methodAt.length < methodSlots ? this.methodAt.push(method) - 1 : 0;
    this.slotOf[method] = slot;
    return slot;
  }

  /**
   * The score series of this output and these bounds: the one there is where both are the same, else an empty one in
   * its place, since counts over other bounds can't be told apart from it under the same labels.
   */
  scoreOf(output: string, bounds: readonly number[]): ScoreSeries {
    const old = this.score;
    if (old?.output === output && sameNumbers(old.rows.bounds, bounds)) return old;
    this.score = { output, rows: new HistogramRows(trafficKinds.length, bounds) };
    return this.score;
  }
}

/** What the data path calls. Every argument but a time or a score is a position in its set; nothing here throws. */
export class VariantCells {
  readonly #series: VariantSeries;
  readonly #score: ScoreSeries | undefined;

  constructor(series: VariantSeries, score: ScoreSeries | undefined) {
    this.#series = series;
    this.#score = score;
  }

  get route(): string {
    return this.#series.route;
  }

  get variant(): string {
    return this.#series.variant;
  }

  /**
   * One call that ended.
   * @param method number from `Metrics.methodIndex`, 0 for any other
   * @param grpcCode 0..16; anything else counts as UNKNOWN
   * @param upstreamMs below zero where the call never went upstream
   */
  request(
    traffic: number,
    method: number,
    grpcCode: number,
    outcome: number,
    durationMs: number,
    upstreamMs: number,
  ): void {
    const series = this.#series;
    const known = series.slotOf[method];
    const slot = known === undefined || known === unclaimed ? series.claim(method) : known;
    const code = grpcCode >= 0 && grpcCode < codes ? grpcCode : unknownCode;
    bump(series.requests, (traffic * methodSlots + slot) * codes + code);
    const row = traffic * outcomes.length + outcome;
    // A sum that once took a NaN stays NaN for ever: no clock may do that to it.
    series.durations.observe(row, durationMs > 0 && durationMs < Number.POSITIVE_INFINITY ? durationMs / 1000 : 0);
    if (upstreamMs >= 0 && upstreamMs < Number.POSITIVE_INFINITY)
      series.upstreamDurations.observe(row, upstreamMs / 1000);
  }

  /** One row's score. What is no number goes to the invalid counter, never into the histogram. */
  score(traffic: number, value: number): void {
    // Inf - Inf and NaN - NaN are NaN: one comparison for the common case.
    if (value - value !== 0) {
      this.scoreInvalid(traffic, Number.isNaN(value) ? scoreInvalidIndex.nan : scoreInvalidIndex.infinite);
      return;
    }
    this.#score?.rows.observe(traffic, value);
  }

  scoreInvalid(traffic: number, reason: number): void {
    bump(this.#series.scoreInvalid, traffic * scoreInvalidReasons.length + reason);
  }

  /** One live call that got this variant. */
  assigned(reason: number): void {
    bump(this.#series.assignments, reason);
  }

  shadowDropped(reason: number): void {
    bump(this.#series.shadowDropped, reason);
  }

  fallback(result: number): void {
    bump(this.#series.fallbacks, result);
  }

  versionMismatch(): void {
    this.#series.versionMismatches++;
  }

  resent(): void {
    this.#series.resends++;
  }
}

/** Adds one; out of range it does nothing, since a typed array takes no such element. */
export function bump(cells: Float64Array, index: number): void {
  cells[index] = (cells[index] as number) + 1;
}

function sameNumbers(a: Float64Array, b: readonly number[]): boolean {
  return a.length === b.length && b.every((each, i) => each === a[i]);
}
