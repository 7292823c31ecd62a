/** Counts as the message that tells a config service of them. Pure: when and where it is sent is `Reporter`'s. */
import { durationMessage, type HistogramMessage, type ReportRequest, type SeriesMessage } from "../api/messages.ts";
import type { CountedHistogram, CountedSeries, CountsReading } from "../model/counts.ts";

/** Whose counts they are. */
export interface ReportingNode {
  /** Another after each start: with `startedAtMs` it names the counters. */
  readonly instance: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  readonly namespace: string;
  readonly workload: string;
}

export interface ReportMoment {
  readonly sequence: number;
  /** When the counts were read, in milliseconds since the Unix epoch. */
  readonly takenAtMs: number;
  readonly final: boolean;
}

export function reportRequest(node: ReportingNode, reading: CountsReading, moment: ReportMoment): ReportRequest {
  const bounds = new BoundsTable();
  const series = reading.series.map((each) => seriesMessage(each, bounds));
  return {
    instance: node.instance,
    startedAt: durationMessage(node.startedAtMs),
    sequence: moment.sequence,
    takenAt: durationMessage(moment.takenAtMs),
    final: moment.final,
    bounds: bounds.lists.map((upper) => ({ upper })),
    series,
    namespace: node.namespace,
    workload: node.workload,
  };
}

/** Each list of bounds once, however many histograms have it. */
class BoundsTable {
  readonly lists: (readonly number[])[] = [];
  readonly #places = new Map<string, number>();

  placeOf(bounds: readonly number[]): number {
    const key = bounds.join();
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = this.lists.push(bounds) - 1;
    this.#places.set(key, place);
    return place;
  }
}

function seriesMessage(series: CountedSeries, bounds: BoundsTable): SeriesMessage {
  const { route, variant, traffic, version, keyed, codes, latency, score, invalidScores } = series;
  return {
    route,
    variant,
    traffic,
    version,
    keyed,
    codes: codes.map((count, code) => ({ code, count })).filter(({ count }) => count > 0),
    latency: histogramMessage(latency, bounds),
    score: score === undefined ? null : histogramMessage(score, bounds),
    invalidScores,
  };
}

function histogramMessage({ bounds, counts, sum }: CountedHistogram, table: BoundsTable): HistogramMessage {
  return { bounds: table.placeOf(bounds), counts, sum };
}
