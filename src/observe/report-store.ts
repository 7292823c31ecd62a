/**
 * The cells of all versions of the configuration that a report is to tell of, in the order in which they came into force.
 *
 * A version that is over is added to those before it once the config service has had the last of it and newer ones have come. One
 * that still has calls under way, or was never reported, is told apart until then, so that no outage of the service costs a count;
 * only beyond `maxVersions` the oldest is put together with the others all the same, which is counted.
 */
import {
  type CountedSeries,
  type CountsReading,
  type CountsSource,
  keptVersions,
  maxVersions,
} from "../model/counts.ts";
import type { RouteSpec } from "../model/route.ts";
import { latencyBucketsSeconds, scoreBounds } from "./buckets.ts";
import { CountedSums } from "./counted-sums.ts";
import { BucketTable } from "./histogram.ts";
import { ReportCells } from "./report-cells.ts";

/**
 * Cells of all versions together, at most: some 4 KiB each. A sidecar has a handful in each version; one with hundreds of
 * variants keeps fewer versions.
 */
const maxCells = 4096;

/** A generation, as far as it matters here. */
export interface CallHolder {
  /** Calls that go by it and have not ended. */
  readonly calls: number;
}

class KeptVersion {
  readonly cells = new Map<string, ReportCells>();
  /** Generations that were made of it; more than one where it came back. */
  holders: CallHolder[] = [];
  /** Calls as of the last reading, and as of the last that was acknowledged. */
  read = 0;
  acknowledged = 0;

  get calls(): number {
    let sum = 0;
    for (const cells of this.cells.values()) sum += cells.calls;
    return sum;
  }

  /** Of a version that is not in force: whether nothing under way can change it any more. */
  get settled(): boolean {
    this.letGo();
    if (this.holders.length > 0) return false;
    for (const { copies } of this.cells.values()) if (copies > 0) return false;
    return true;
  }

  /** Lets go of generations that no call goes by; those not in force get none any more. */
  letGo(): void {
    this.holders = this.holders.filter(({ calls }) => calls > 0);
  }
}

export class ReportStore implements CountsSource {
  /** The one in force is the last. */
  readonly #versions = new Map<string, KeptVersion>();
  readonly #latency: BucketTable;
  /** By their bounds: generations have the same ones over and over. */
  readonly #scores = new Map<string, BucketTable>();
  #reading = 0;
  /** What versions counted that are not told apart any more. */
  readonly #older = new CountedSums();
  /** Versions that were told apart no longer before all of them was reported. */
  lost = 0;

  /** @param latencyBounds upper bounds in seconds, ascending */
  constructor(latencyBounds: readonly number[] = latencyBucketsSeconds) {
    this.#latency = new BucketTable(latencyBounds);
  }

  /** The cells of a variant under a version: those there are, or new ones. Asked for while a generation is made. */
  cells(version: string, route: RouteSpec, variant: string): ReportCells {
    const kept = this.#version(version);
    const key = `${route.name}\0${variant}`;
    const known = kept.cells.get(key);
    if (known !== undefined) return known;
    const made = new ReportCells(route.name, variant, this.#latency, this.#scoreTable(route));
    kept.cells.set(key, made);
    return made;
  }

  /** A generation of this version is in force from now on. */
  begin(version: string, holder: CallHolder): void {
    const kept = this.#version(version);
    this.#versions.delete(version);
    this.#versions.set(version, kept);
    for (const each of this.#versions.values()) each.letGo();
    kept.holders.push(holder);
    this.#sweep(version);
  }

  read(): CountsReading {
    const series: CountedSeries[] = [...this.#older.all()];
    for (const [version, kept] of this.#versions) {
      kept.read = kept.calls;
      for (const cells of kept.cells.values()) series.push(...cells.series(version));
    }
    return { id: ++this.#reading, versions: [...this.#versions.keys()], series };
  }

  acknowledge(id: number): void {
    if (id !== this.#reading) return; // what was read after it may not have arrived
    for (const kept of this.#versions.values()) kept.acknowledged = kept.read;
    const inForce = [...this.#versions.keys()].at(-1);
    if (inForce !== undefined) this.#sweep(inForce);
  }

  #version(name: string): KeptVersion {
    const known = this.#versions.get(name);
    if (known !== undefined) return known;
    const made = new KeptVersion();
    this.#versions.set(name, made);
    return made;
  }

  #scoreTable({ score }: RouteSpec): BucketTable | undefined {
    if (score === undefined) return undefined;
    const bounds = scoreBounds(score);
    const key = bounds.join();
    const known = this.#scores.get(key);
    if (known !== undefined) return known;
    if (this.#scores.size >= maxVersions) this.#scores.clear();
    const made = new BucketTable(bounds);
    this.#scores.set(key, made);
    return made;
  }

  #sweep(inForce: string): void {
    let surplus = this.#versions.size - keptVersions;
    for (const [version, kept] of this.#versions) {
      if (surplus-- <= 0) break;
      if (kept.settled && kept.calls === kept.acknowledged) this.#putTogether(version, kept);
    }
    let cells = 0;
    for (const kept of this.#versions.values()) cells += kept.cells.size;
    for (const [version, kept] of this.#versions) {
      if (version === inForce || (this.#versions.size <= maxVersions && cells <= maxCells)) return;
      cells -= kept.cells.size;
      if (!kept.settled || kept.calls !== kept.acknowledged) this.lost++;
      this.#putTogether(version, kept);
    }
  }

  #putTogether(version: string, kept: KeptVersion): void {
    this.#versions.delete(version);
    for (const cells of kept.cells.values()) this.#older.addOlder(cells.series(version));
  }
}
