/** Counts added up: of several workers, and of versions that are not told apart any more. */
import { type CountedHistogram, type CountedSeries, olderVersions } from "../model/counts.ts";

/**
 * Series of older versions kept at most. Names come from configurations, and somebody may ship a new variant every day for years:
 * those that were added to last stay.
 */
const maxOlder = 1024;

/** Series by all that tells them apart. */
export class CountedSums {
  readonly #series = new Map<string, CountedSeries>();

  /** Adds to what there is of the same calls. */
  add(more: Iterable<CountedSeries>): void {
    for (const each of more) {
      const key = keyOf(each);
      this.#series.set(key, added(this.#series.get(key), each));
    }
  }

  /** Adds counts to those of older versions. */
  addOlder(more: Iterable<CountedSeries>): void {
    for (const each of more) {
      const older = { ...each, version: olderVersions };
      const key = keyOf(older);
      const sum = added(this.#series.get(key), older);
      this.#series.delete(key); // to the end of the map
      this.#series.set(key, sum);
    }
    for (const key of this.#series.keys()) {
      if (this.#series.size <= maxOlder) return;
      this.#series.delete(key);
    }
  }

  all(): Iterable<CountedSeries> {
    return this.#series.values();
  }
}

/** Calls that these series have counted. */
export function callsOf(series: Iterable<CountedSeries>): number {
  let sum = 0;
  for (const { codes } of series) for (const count of codes) sum += count;
  return sum;
}

/** No name of the configuration holds a NUL. */
function keyOf({ route, variant, traffic, version, keyed }: CountedSeries): string {
  return [route, variant, traffic, version, keyed].join("\0");
}

function added(a: CountedSeries | undefined, b: CountedSeries): CountedSeries {
  if (a === undefined) return b;
  return {
    ...b,
    codes: addNumbers(a.codes, b.codes),
    latency: addHistogram(a.latency, b.latency),
    score: addScores(a.score, b.score),
    invalidScores: a.invalidScores + b.invalidScores,
  };
}

/** Among older versions a route's rule may have changed: scores over other bounds can't be added, and the later ones stay. */
function addScores(a: CountedHistogram | undefined, b: CountedHistogram | undefined): CountedHistogram | undefined {
  if (a === undefined || b === undefined) return b ?? a;
  return a.bounds.join() === b.bounds.join() ? addHistogram(a, b) : b;
}

function addHistogram(a: CountedHistogram, b: CountedHistogram): CountedHistogram {
  return { bounds: a.bounds, counts: addNumbers(a.counts, b.counts), sum: a.sum + b.sum };
}

function addNumbers(a: readonly number[], b: readonly number[]): number[] {
  return a.map((each, i) => each + (b[i] ?? 0));
}
