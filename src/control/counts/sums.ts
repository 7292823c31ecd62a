/**
 * What processes counted, added up: all that is left of a report once it is not kept apart any more.
 *
 * As little as people ask for: histograms are of the reports that are still there.
 */
import type { HistogramMessage, SeriesMessage } from "../../api/messages.ts";

/** gRPC codes that say the server failed: https://grpc.io/docs/guides/status-codes/ sorts them; what the caller did wrong is not among them. */
const serverErrors: ReadonlySet<number> = new Set([2, 4, 8, 12, 13, 14, 15]);

/** What tells sums apart. */
export type SumKey = Pick<SeriesMessage, "route" | "variant" | "traffic" | "version" | "keyed">;

export interface Sum extends SumKey {
  requests: number;
  errors: number;
  seconds: number;
  scores: number;
  scoreSum: number;
}

/** Sums as they are written: in this order, since names of fields would be most of it. */
type Row = readonly [string, string, string, string, boolean, number, number, number, number, number];

export class Sums {
  readonly #sums = new Map<string, Sum>();

  get size(): number {
    return this.#sums.size;
  }

  /** What one process counted of one thing. */
  count(series: SeriesMessage): void {
    const { codes, latency, score } = series;
    const sum = this.#of(series);
    for (const { code, count } of codes) {
      sum.requests += count;
      if (serverErrors.has(code)) sum.errors += count;
    }
    sum.seconds = plus(sum.seconds, latency?.sum ?? 0);
    sum.scores += total(score);
    sum.scoreSum = plus(sum.scoreSum, score?.sum ?? 0);
  }

  add(more: Iterable<Sum>): void {
    for (const each of more) {
      const sum = this.#of(each);
      for (const field of ["requests", "errors", "seconds", "scores", "scoreSum"] as const)
        sum[field] = plus(sum[field], each[field]);
    }
  }

  all(): Iterable<Sum> {
    return this.#sums.values();
  }

  /** The same, with versions told apart no longer. */
  withoutVersions(): Sums {
    const plain = new Sums();
    for (const sum of this.#sums.values()) plain.add([{ ...sum, version: "" }]);
    return plain;
  }

  /**
   * As a text of so many bytes at most: without versions where it is longer with them, and without what is left over where names alone
   * are too many, which takes somebody who makes them up.
   */
  written(mostBytes: number): Row[] {
    for (const sums of [this, this.withoutVersions()]) {
      const rows = Array.from(sums.#sums.values(), rowOf);
      if (Buffer.byteLength(JSON.stringify(rows)) <= mostBytes) return rows;
    }
    let bytes = 2;
    return Array.from(this.withoutVersions().#sums.values(), rowOf).filter((row) => {
      const more = Buffer.byteLength(JSON.stringify(row)) + 1;
      if (bytes + more > mostBytes) return false;
      bytes += more;
      return true;
    });
  }

  /** Undefined for what was not written so. */
  static read(rows: unknown): Sums | undefined {
    if (!Array.isArray(rows) || !rows.every(isRow)) return undefined;
    const sums = new Sums();
    for (const [route, variant, traffic, version, keyed, requests, errors, seconds, scores, scoreSum] of rows)
      sums.add([{ route, variant, traffic, version, keyed, requests, errors, seconds, scores, scoreSum }]);
    return sums;
  }

  #of({ route, variant, traffic, version, keyed }: SumKey): Sum {
    const key = JSON.stringify([route, variant, traffic, version, keyed]);
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const fresh = { requests: 0, errors: 0, seconds: 0, scores: 0, scoreSum: 0 };
    const made: Sum = { route, variant, traffic, version, keyed, ...fresh };
    this.#sums.set(key, made);
    return made;
  }
}

/** What is no number is nobody's sum, and would make none of all others'; nor may they go beyond what can be written. */
function plus(sum: number, more: number): number {
  if (!Number.isFinite(more)) return sum;
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, sum + more));
}

const total = (histogram: HistogramMessage | null): number =>
  (histogram?.counts ?? []).reduce((sum, count) => sum + count, 0);

/** Names come from sidecars, and a store takes well-formed texts only. */
function rowOf({ route, variant, traffic, version, keyed, ...sum }: Sum): Row {
  const [a, b, c, d] = [route, variant, traffic, version].map((name) => name.toWellFormed()) as [
    string,
    string,
    string,
    string,
  ];
  return [a, b, c, d, keyed, sum.requests, sum.errors, sum.seconds, sum.scores, sum.scoreSum];
}

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row) || row.length !== 10 || typeof row[4] !== "boolean") return false;
  return row.every((value, at) => at === 4 || (at < 4 ? typeof value === "string" : Number.isFinite(value)));
}
