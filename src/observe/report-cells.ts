/**
 * What is counted for the config service of one variant under one version of the configuration.
 *
 * Beside `VariantCells`, whose counters go on growing across versions: a gate divides by the calls of one version, and must not
 * take a call for its own that began under the one before. So each generation has cells of its own, bound when it is made, and
 * a call counts in those that it began with. A call costs two additions and a look-up here, and no memory.
 */
import { type Traffic, trafficKinds } from "../model/call.ts";
import type { CountedSeries } from "../model/counts.ts";
import { type BucketTable, HistogramRows } from "./histogram.ts";
import { grpcCodes } from "./labels.ts";
import { bump } from "./variant-cells.ts";

const codes = grpcCodes.length;
const unknownCode = grpcCodes.indexOf("UNKNOWN");
/** With keys or without, of each kind of traffic. */
const rows = trafficKinds.length * 2;

/** The place of a call's counts. @param traffic position of its kind */
export function reportRow(traffic: number, keyed: boolean): number {
  return keyed ? traffic * 2 + 1 : traffic * 2;
}

export class ReportCells {
  readonly route: string;
  readonly variant: string;
  /** Copies under way, which count here when they end. */
  copies = 0;
  readonly #codes = new Float64Array(rows * codes);
  readonly #latency: HistogramRows;
  readonly #score: HistogramRows | undefined;
  readonly #invalid = new Float64Array(rows);

  /** @param score undefined where the route has none */
  constructor(route: string, variant: string, latency: BucketTable, score: BucketTable | undefined) {
    this.route = route;
    this.variant = variant;
    this.#latency = new HistogramRows(rows, latency);
    this.#score = score === undefined ? undefined : new HistogramRows(rows, score);
  }

  /** One call that ended. @param row from `reportRow` @param grpcCode 0..16; anything else counts as UNKNOWN */
  request(row: number, grpcCode: number, durationMs: number): void {
    const code = grpcCode >= 0 && grpcCode < codes ? grpcCode : unknownCode;
    bump(this.#codes, row * codes + code);
    // As in `VariantCells`: no clock may spoil a sum for ever.
    this.#latency.observe(row, durationMs > 0 && durationMs < Number.POSITIVE_INFINITY ? durationMs / 1000 : 0);
  }

  /** One row's score; what is no number is an invalid one. */
  score(row: number, value: number): void {
    if (value - value === 0) this.#score?.observe(row, value);
    else this.invalid(row);
  }

  /** A row or an answer without a score. */
  invalid(row: number): void {
    if (this.#score !== undefined) bump(this.#invalid, row);
  }

  /** All calls that ended: what has not grown since has not changed. */
  get calls(): number {
    let sum = 0;
    for (const count of this.#codes) sum += count;
    return sum;
  }

  /** A copy of the rows that counted a call. */
  series(version: string): CountedSeries[] {
    const { route, variant } = this;
    const series: CountedSeries[] = [];
    for (let row = 0; row < rows; row++) {
      const byCode = Array.from(this.#codes.subarray(row * codes, (row + 1) * codes));
      if (byCode.every((count) => count === 0)) continue;
      series.push({
        route,
        variant,
        traffic: trafficKinds[row >> 1] as Traffic,
        version,
        keyed: (row & 1) === 1,
        codes: byCode,
        latency: this.#latency.snapshot(row),
        score: this.#score?.snapshot(row),
        invalidScores: this.#invalid[row] ?? 0,
      });
    }
    return series;
  }
}
