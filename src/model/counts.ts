/**
 * What was counted for the config service, as plain data: read where it is kept, added up over workers, sent.
 *
 * Apart from metrics, because a gate compares what one version of the configuration did: its calls, whenever they end.
 */
import type { Traffic } from "./call.ts";

export interface CountedHistogram {
  /** Upper bounds, ascending; +Inf is implied. */
  readonly bounds: readonly number[];
  /** Values per bucket, not cumulated; one more than `bounds`. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts of one variant, of one kind of traffic, under one version of the configuration, with keys or without. */
export interface CountedSeries {
  readonly route: string;
  /** The variant that was drawn, whoever answered. */
  readonly variant: string;
  readonly traffic: Traffic;
  /** `olderVersions` for those that are not told apart any more. */
  readonly version: string;
  readonly keyed: boolean;
  /** Calls that ended, by gRPC status 0 to 16. */
  readonly codes: readonly number[];
  /** In seconds. */
  readonly latency: CountedHistogram;
  /** Undefined where the route has no score. */
  readonly score: CountedHistogram | undefined;
  readonly invalidScores: number;
}

/** All counts at one moment. */
export interface CountsReading {
  /** By which it is acknowledged; each reading has a higher one. */
  readonly id: number;
  /** The versions that are told apart, also those without a call yet. */
  readonly versions: readonly string[];
  /** Only such as counted something. */
  readonly series: readonly CountedSeries[];
}

/** Whoever keeps counts, as whoever reports them sees it. */
export interface CountsSource {
  read(): CountsReading | Promise<CountsReading>;
  /** A reading was taken in: what can't change any more may be given up. */
  acknowledge(id: number): void;
}

/**
 * In place of a version: what older ones counted, together. So all that a process counted since its start is in each of its reports,
 * and a config service that knows the latest alone knows all.
 */
export const olderVersions = "";
/** Versions told apart after they were reported: a config service that begins anew learns from them what led to where it is. */
export const keptVersions = 8;
/**
 * Versions told apart at most, reported or not: changes of weight every second, for the minute in which a config service moves.
 * What is put together beyond it is counted.
 */
export const maxVersions = 64;
