/**
 * The counts of a primary's workers as one process alone would have them.
 *
 * What a worker has counted only grows, so each is remembered as it was last heard, also of versions that it has given up
 * meanwhile: another worker may have calls under them yet, and a sum must not go backwards. What workers counted that have ended
 * stays in the sum. Versions go when no living worker knows them any more, by the rule that workers go by too.
 */
import {
  type CountedHistogram,
  type CountedSeries,
  type CountsReading,
  keptVersions,
  maxVersions,
} from "../model/counts.ts";

/** Series by what tells them apart within a version. */
type SeriesByKey = Map<string, CountedSeries>;

class VersionTotals {
  readonly byWorker = new Map<number, SeriesByKey>();
  /** Of workers that have ended. */
  readonly ended: SeriesByKey = new Map();
  /** Calls as of the last reading, and as of the last that was acknowledged. */
  read = 0;
  acknowledged = 0;

  together(): SeriesByKey {
    const sum: SeriesByKey = new Map(this.ended);
    for (const series of this.byWorker.values()) addAll(sum, series);
    return sum;
  }
}

interface LivingWorker {
  /** Its last reading, as of our last, and as of the last of ours that was acknowledged; 0 for none. */
  heard: number;
  read: number;
  acknowledged: number;
  versions: ReadonlySet<string>;
}

export class ReportTotals {
  /** In the order in which they were first heard of. */
  readonly #versions = new Map<string, VersionTotals>();
  readonly #living = new Map<number, LivingWorker>();
  #reading = 0;
  /** Versions given up before all of them was reported. */
  lost = 0;

  /** What a worker has counted. */
  note(worker: number, reading: CountsReading): void {
    const known = this.#living.get(worker) ?? { heard: 0, read: 0, acknowledged: 0, versions: new Set() };
    known.heard = reading.id;
    known.versions = new Set(reading.versions);
    this.#living.set(worker, known);
    for (const version of reading.versions) this.#version(version);
    for (const series of reading.series) {
      const { byWorker } = this.#version(series.version);
      const own = byWorker.get(worker) ?? new Map<string, CountedSeries>();
      byWorker.set(worker, own);
      own.set(keyOf(series), series);
    }
    this.#sweep();
  }

  /** The worker has ended: what it told last is all there will be of it. */
  end(worker: number): void {
    this.#living.delete(worker);
    for (const { byWorker, ended } of this.#versions.values()) {
      const own = byWorker.get(worker);
      if (own === undefined) continue;
      byWorker.delete(worker);
      addAll(ended, own);
    }
  }

  /** The worker's reading that need not be told again, for it to give up what it need not keep; 0 for none. */
  acknowledgedOf(worker: number): number {
    return this.#living.get(worker)?.acknowledged ?? 0;
  }

  read(): CountsReading {
    const series: CountedSeries[] = [];
    for (const totals of this.#versions.values()) {
      const together = [...totals.together().values()];
      totals.read = callsOf(together);
      series.push(...together);
    }
    for (const worker of this.#living.values()) worker.read = worker.heard;
    return { id: ++this.#reading, versions: [...this.#versions.keys()], series };
  }

  acknowledge(id: number): void {
    if (id !== this.#reading) return;
    for (const totals of this.#versions.values()) totals.acknowledged = totals.read;
    for (const worker of this.#living.values()) worker.acknowledged = worker.read;
    this.#sweep();
  }

  #version(name: string): VersionTotals {
    const known = this.#versions.get(name);
    if (known !== undefined) return known;
    const made = new VersionTotals();
    this.#versions.set(name, made);
    return made;
  }

  #sweep(): void {
    let surplus = this.#versions.size - keptVersions;
    if (surplus <= 0) return;
    const living = new Set([...this.#living.values()].flatMap(({ versions }) => [...versions]));
    for (const [version, totals] of this.#versions) {
      if (surplus-- <= 0) break;
      if (!living.has(version) && unreported(totals) === 0) this.#versions.delete(version);
    }
    for (const [version, totals] of this.#versions) {
      if (this.#versions.size <= maxVersions) return;
      this.#versions.delete(version);
      if (unreported(totals) > 0) this.lost++;
    }
  }
}

function unreported(totals: VersionTotals): number {
  return callsOf(totals.together().values()) - totals.acknowledged;
}

/** No name of the configuration holds a NUL. */
function keyOf({ route, variant, traffic, keyed }: CountedSeries): string {
  return `${route}\0${variant}\0${traffic}\0${keyed}`;
}

function callsOf(series: Iterable<CountedSeries>): number {
  let sum = 0;
  for (const { codes } of series) for (const count of codes) sum += count;
  return sum;
}

function addAll(target: SeriesByKey, more: SeriesByKey): void {
  for (const [key, series] of more) {
    const there = target.get(key);
    target.set(key, there === undefined ? series : addSeries(there, series));
  }
}

/** Of the same version: so their bounds are the same too. */
function addSeries(a: CountedSeries, b: CountedSeries): CountedSeries {
  return {
    ...a,
    codes: addNumbers(a.codes, b.codes),
    latency: addHistogram(a.latency, b.latency),
    score: a.score === undefined || b.score === undefined ? a.score : addHistogram(a.score, b.score),
    invalidScores: a.invalidScores + b.invalidScores,
  };
}

function addHistogram(a: CountedHistogram, b: CountedHistogram): CountedHistogram {
  return { bounds: a.bounds, counts: addNumbers(a.counts, b.counts), sum: a.sum + b.sum };
}

function addNumbers(a: readonly number[], b: readonly number[]): number[] {
  return a.map((each, i) => each + (b[i] ?? 0));
}
