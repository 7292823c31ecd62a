/**
 * The counts of a primary's workers as one process alone would have them.
 *
 * Of each worker its latest reading holds, which has all that it counted since its start; what workers counted that have ended stays
 * in the sum. Their versions are told apart by the rule that workers go by too: as long as a living worker does, and until they have
 * been reported.
 */
import { type CountedSeries, type CountsReading, keptVersions, maxVersions } from "../model/counts.ts";
import { CountedSums, callsOf } from "./counted-sums.ts";

interface LivingWorker {
  latest: CountsReading;
  /** Its reading that our last one has, and that our last acknowledged one had; 0 for none. */
  read: number;
  acknowledged: number;
}

/** What ended workers counted under one version. */
class EndedVersion {
  readonly sums = new CountedSums();
  /** Calls as of the last reading, and as of the last that was acknowledged. */
  read = 0;
  acknowledged = 0;

  get calls(): number {
    return callsOf(this.sums.all());
  }
}

export class ReportTotals {
  readonly #living = new Map<number, LivingWorker>();
  /** In the order in which they were first heard of; also such as no ended worker counted under. */
  readonly #versions = new Map<string, EndedVersion>();
  /** What ended workers counted under versions that are not told apart any more. */
  readonly #older = new CountedSums();
  #reading = 0;
  /** Versions that were told apart no longer before all of them was reported. */
  lost = 0;

  /** What a worker has counted. */
  note(worker: number, latest: CountsReading): void {
    const known = this.#living.get(worker);
    if (known === undefined) this.#living.set(worker, { latest, read: 0, acknowledged: 0 });
    else known.latest = latest;
    for (const version of latest.versions) this.#version(version);
    this.#sweep();
  }

  /** The worker has ended: what it told last is all there will be of it. */
  end(worker: number): void {
    const known = this.#living.get(worker);
    if (known === undefined) return;
    this.#living.delete(worker);
    const { series, versions } = known.latest;
    const apart = new Set(versions);
    this.#older.addOlder(series.filter(({ version }) => !apart.has(version)));
    for (const each of series) if (apart.has(each.version)) this.#version(each.version).sums.add([each]);
  }

  /** The worker's reading that has been reported since, so that it need not be kept apart; 0 for none. */
  acknowledgedOf(worker: number): number {
    return this.#living.get(worker)?.acknowledged ?? 0;
  }

  read(): CountsReading {
    const sums = new CountedSums();
    sums.add(this.#older.all());
    for (const version of this.#versions.values()) {
      version.read = version.calls;
      sums.add(version.sums.all());
    }
    for (const worker of this.#living.values()) {
      worker.read = worker.latest.id;
      sums.add(worker.latest.series);
    }
    const series: CountedSeries[] = [...sums.all()];
    return { id: ++this.#reading, versions: [...this.#versions.keys()], series };
  }

  acknowledge(id: number): void {
    if (id !== this.#reading) return;
    for (const version of this.#versions.values()) version.acknowledged = version.read;
    for (const worker of this.#living.values()) worker.acknowledged = worker.read;
    this.#sweep();
  }

  #version(name: string): EndedVersion {
    const known = this.#versions.get(name);
    if (known !== undefined) return known;
    const made = new EndedVersion();
    this.#versions.set(name, made);
    return made;
  }

  #sweep(): void {
    let surplus = this.#versions.size - keptVersions;
    if (surplus <= 0) return;
    const living = new Set([...this.#living.values()].flatMap(({ latest }) => latest.versions));
    for (const [name, version] of this.#versions) {
      if (surplus-- <= 0) break;
      if (!living.has(name) && version.calls === version.acknowledged) this.#putTogether(name, version);
    }
    for (const [name, version] of this.#versions) {
      if (this.#versions.size <= maxVersions) return;
      if (version.calls !== version.acknowledged) this.lost++;
      this.#putTogether(name, version);
    }
  }

  #putTogether(name: string, { sums }: EndedVersion): void {
    this.#versions.delete(name);
    this.#older.addOlder(sums.all());
  }
}
