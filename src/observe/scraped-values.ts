/** Values that others keep and that are read at scrape: what is open now is known where it is opened and closed. */
import { catalogue, type ScrapedName, scrapedNames } from "./catalogue.ts";
import type { Samples } from "./exposition.ts";

export interface ScrapedRow {
  /** Label values, in the order of the metric's definition. */
  readonly labels: readonly string[];
  readonly value: number;
}

export class ScrapedValues {
  readonly #readers = new Map<ScrapedName, Set<() => Iterable<ScrapedRow>>>();
  readonly #failed: () => void;

  /** @param failed called for each reader that threw or gave a row of the wrong shape */
  constructor(failed: () => void) {
    this.#failed = failed;
    for (const name of scrapedNames) this.#readers.set(name, new Set());
  }

  register(name: ScrapedName, read: () => Iterable<ScrapedRow>): () => void {
    const readers = this.#readers.get(name);
    readers?.add(read);
    return () => readers?.delete(read);
  }

  collectors(): Record<ScrapedName, (samples: Samples) => void> {
    const entries = scrapedNames.map((name) => [name, (samples: Samples) => this.collect(name, samples)] as const);
    return Object.fromEntries(entries) as Record<ScrapedName, (samples: Samples) => void>;
  }

  /** @param own rows that are there without a reader */
  collect(name: ScrapedName, samples: Samples, own: Iterable<ScrapedRow> = []): void {
    const labelNames: readonly string[] = catalogue[name].labels;
    const sums = new Map<string, { readonly labels: Record<string, string>; value: number }>();
    const take = (rows: Iterable<ScrapedRow>): void => {
      for (const { labels, value } of rows) {
        if (labels.length !== labelNames.length || !Number.isFinite(value)) {
          this.#failed();
          continue;
        }
        const key = labels.join("\0");
        const sum = sums.get(key);
        // Two samples with the same labels make Prometheus refuse the second.
        if (sum !== undefined) sum.value += value;
        else sums.set(key, { labels: Object.fromEntries(labels.map((text, i) => [labelNames[i], text])), value });
      }
    };
    take(own);
    for (const read of this.#readers.get(name) ?? []) {
      try {
        take(read());
      } catch {
        this.#failed(); // one failed reader must not hide every other metric
      }
    }
    for (const { labels, value } of sums.values()) samples.add(labels, value);
  }
}
