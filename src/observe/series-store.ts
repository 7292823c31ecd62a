/**
 * The series of all variants, found again by their labels: counters are cumulative across configurations, and a
 * variant that left the configuration stays exposed, so that the last scrape of a finished rollout is not the only one.
 *
 * Bounded twice: names come from configurations, and somebody may ship a new variant name every hour for a year.
 */
import { VariantSeries } from "./variant-cells.ts";

/**
 * Variants kept after they left the configuration; the one that left first goes first. 64 is two months of a rollout a
 * day; at worst each costs a scrape some 800 lines.
 */
export const maxRetired = 64;

/**
 * Variants that no applied configuration has, kept at most. Series are made while a candidate is built, before it is
 * applied: far more than any one configuration has, and still a bound where candidates keep being given up.
 */
const maxNeverCurrent = 4096;

/** A variant of the configuration in force. */
export interface CurrentVariant {
  readonly route: string;
  readonly variant: string;
  /** Whether live calls may get it: it is champion or has a weight. */
  readonly live: boolean;
}

export class SeriesStore {
  /** In the order in which they were last part of a configuration. */
  readonly #byKey = new Map<string, VariantSeries>();
  readonly #latencyBounds: readonly number[];

  constructor(latencyBounds: readonly number[]) {
    this.#latencyBounds = latencyBounds;
  }

  /** All that are kept, those of the configuration in force last. */
  all(): Iterable<VariantSeries> {
    return this.#byKey.values();
  }

  findOrCreate(route: string, variant: string): VariantSeries {
    const key = keyOf(route, variant);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#dropBeyond(maxNeverCurrent);
    const series = new VariantSeries(route, variant, this.#latencyBounds);
    this.#byKey.set(key, series);
    return series;
  }

  /** Makes these the current ones, and drops what has been retired for longest. */
  setCurrent(variants: Iterable<CurrentVariant>): void {
    for (const series of this.#byKey.values()) {
      series.current = false;
      series.live = false;
    }
    for (const { route, variant, live } of variants) {
      const series = this.findOrCreate(route, variant);
      series.current = true;
      series.live = live;
      // To the end: the order of the map is the order of leaving.
      const key = keyOf(route, variant);
      this.#byKey.delete(key);
      this.#byKey.set(key, series);
    }
    this.#dropBeyond(maxRetired);
  }

  #dropBeyond(limit: number): void {
    let idle = 0;
    for (const series of this.#byKey.values()) if (!series.current) idle++;
    for (const [key, series] of this.#byKey) {
      if (idle <= limit) return;
      if (series.current) continue;
      this.#byKey.delete(key);
      idle--;
    }
  }
}

/** No name of the configuration holds a NUL. */
function keyOf(route: string, variant: string): string {
  return `${route}\0${variant}`;
}
