/**
 * From an answer's numbers to one score per row.
 *
 * A row is the last dimension of a tensor. Elements come one after another and are folded as they come, so that neither a row
 * nor the list of rows is ever built. Where the wanted element's place is known, only that one is read.
 */
import type { ScoreInvalidReason } from "../model/call.ts";
import type { ScoreSpec } from "../model/route.ts";
import type { ScoreSink } from "./dialect.ts";
import { type NumberKind, numberAt, numberWidth } from "./numbers.ts";

/**
 * Rows that are scored per answer. Reading happens between other calls' work: this bounds how long one large batch, or one
 * that only claims to be large, keeps them waiting. An answer with more is told to the sink by one `row_limit`.
 */
export const defaultRowLimit = 1024;

/** Sums of single-precision probabilities and of their logarithms stray this far. */
const tolerance = 1e-3;

/** Why this is no probability. */
function reasonAgainst(value: number): ScoreInvalidReason {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? "out_of_range" : "infinite";
}

/**
 * A tensor's shape, dimension by dimension.
 *
 * A shape [n] is n rows of one column as models with a single output have it, or one row of n columns. They cannot be told
 * apart, so what is asked for decides: column 0 or the mean make sense of single columns, all else needs a row of several.
 */
export class Shape {
  rank = 0;
  /** A dimension is negative or the rank is said to be unknown. */
  unknown = false;
  #leading = 1;
  #last = 1;

  reset(): void {
    this.rank = 0;
    this.unknown = false;
    this.#leading = 1;
    this.#last = 1;
  }

  /** The next dimension, as the two halves of an int64. */
  dimension(low: number, high: number): void {
    if (high >= 0x8000_0000) this.unknown = true;
    this.#leading = this.elements;
    this.#last = high * 2 ** 32 + low;
    this.rank++;
  }

  /** Whether the shape says how many elements there are. */
  get known(): boolean {
    return this.rank > 0 && !this.unknown;
  }

  /** Elements that the shape holds; 1 where it has no dimensions. May be infinite: a shape can claim anything. */
  get elements(): number {
    return this.#leading === 0 || this.#last === 0 ? 0 : this.#leading * this.#last;
  }

  /** Rows and columns of `count` elements: without a known shape, one row of them all. */
  rows(oneRow: boolean): number {
    if (!this.known || (this.rank === 1 && oneRow)) return 1;
    return this.rank === 1 ? this.#last : this.#leading;
  }

  columns(oneRow: boolean, count: number): number {
    if (!this.known) return this.rank === 0 && !this.unknown ? Math.max(1, count) : count;
    return this.rank === 1 && !oneRow ? 1 : this.#last;
  }
}

/** Folds elements into rows and hands each row's score, or why it has none, to the sink. */
export class RowReducer {
  /** Whether a tensor of one dimension is one row; see `Shape`. */
  readonly vectorIsOneRow: boolean;
  /** Enough rows were handed on: the rest of the answer need not be read. */
  full = false;
  readonly #reduce: ScoreSpec["reduce"];
  readonly #index: number;
  readonly #lowest: number;
  readonly #highest: number;
  readonly #limit: number;
  #sink: ScoreSink | undefined;
  #rows = 0;
  #columns = 0;
  #row = 0;
  #column = 0;
  #found = false;
  #sum = 0;
  #top = 0;
  #second = 0;
  #label = 0;
  #reason: ScoreInvalidReason | undefined;

  constructor(spec: ScoreSpec, rowLimit = defaultRowLimit) {
    this.#reduce = spec.reduce;
    this.#index = spec.index;
    this.#lowest = spec.range === undefined ? Number.NEGATIVE_INFINITY : spec.range[0];
    this.#highest = spec.range === undefined ? Number.POSITIVE_INFINITY : spec.range[1];
    this.#limit = rowLimit;
    this.vectorIsOneRow = spec.reduce === "element" ? spec.index > 0 : spec.reduce !== "mean";
  }

  /** Starts an answer of this many rows; both may be Infinity where `endRow` tells the end of each. */
  begin(rows: number, columns: number, sink: ScoreSink): void {
    this.#sink = sink;
    this.#rows = rows;
    this.#columns = columns;
    this.#row = 0;
    this.full = rows === 0;
    this.#clear();
  }

  /** Starts a tensor of this shape, of which `count` elements are there. */
  beginTensor(shape: Shape, count: number, sink: ScoreSink, oneRow = this.vectorIsOneRow): void {
    this.begin(shape.rows(oneRow), shape.columns(oneRow, count), sink);
  }

  /** The row's next element; `label` is the class it stands for, where that is not its place in the row. */
  value(value: number, label = this.#column): void {
    switch (this.#reduce) {
      case "element":
        if (this.#column === this.#index) {
          this.#top = value;
          this.#found = true;
        }
        break;
      case "mean":
        this.#sum += value;
        break;
      case "entropy":
        this.#addProbability(value, 1);
        break;
      default:
        this.#compare(value, label);
    }
    if (++this.#column === this.#columns) this.endRow();
  }

  /** This value as every element that is still missing, rows included: as TensorFlow fills a shape with the last one given. */
  fill(value: number): void {
    while (!this.full) {
      this.#repeat(value, this.#columns - this.#column);
      this.endRow();
    }
  }

  /** Elements in a block of little-endian bytes. */
  block(kind: NumberKind, bytes: Uint8Array, start: number, count: number): void {
    const width = numberWidth[kind] as number;
    if (this.#reduce !== "element" || this.#column > 0) {
      for (let i = 0, at = start; i < count && !this.full; i++, at += width) this.value(numberAt(kind, bytes, at));
      return;
    }
    const columns = this.#columns;
    const rows = Math.floor(count / columns);
    for (let row = 0; row < rows && !this.full; row++) {
      if (this.#index < columns) {
        this.#top = numberAt(kind, bytes, start + (row * columns + this.#index) * width);
        this.#found = true;
      }
      this.endRow();
    }
    for (let i = rows * columns; i < count && !this.full; i++) this.value(numberAt(kind, bytes, start + i * width));
  }

  /** A row that is known to have no score. */
  invalidRow(reason: ScoreInvalidReason): void {
    if (this.full) return;
    this.#sink?.invalid(reason);
    this.#next();
  }

  /** Ends the row: its score goes to the sink. */
  endRow(): void {
    if (this.full) return;
    const reason = this.#reason ?? this.#missing();
    if (reason !== undefined) this.#sink?.invalid(reason);
    else this.#emit(this.#score());
    this.#next();
  }

  #next(): void {
    this.#row++;
    if (this.#row === this.#rows) {
      this.full = true;
    } else if (this.#row === this.#limit) {
      this.full = true;
      if (this.#rows !== Number.POSITIVE_INFINITY) this.#sink?.invalid("row_limit");
    }
    this.#clear();
  }

  #clear(): void {
    this.#column = 0;
    this.#found = false;
    this.#sum = 0;
    this.#top = Number.NEGATIVE_INFINITY;
    this.#second = Number.NEGATIVE_INFINITY;
    this.#label = 0;
    this.#reason = undefined;
  }

  #missing(): ScoreInvalidReason | undefined {
    switch (this.#reduce) {
      case "element":
        return this.#found ? undefined : "missing_index";
      case "margin":
        return this.#column < 2 ? "missing_index" : undefined;
      default:
        return this.#column < 1 ? "missing_index" : undefined;
    }
  }

  #score(): number {
    switch (this.#reduce) {
      case "argmax":
        return this.#label;
      case "margin":
        return this.#top - this.#second;
      case "entropy":
        // Rounding may leave a certain prediction just below nothing.
        return this.#sum < 0 && this.#sum > -tolerance ? 0 : this.#sum;
      case "mean":
        return this.#sum / this.#column;
      default:
        return this.#top;
    }
  }

  #emit(score: number): void {
    if (!Number.isFinite(score)) this.#sink?.invalid(Number.isNaN(score) ? "nan" : "infinite");
    else if (score < this.#lowest || score > this.#highest) this.#sink?.invalid("out_of_range");
    else this.#sink?.score(score);
  }

  #compare(value: number, label: number): void {
    if (value > this.#top || this.#column === 0) {
      this.#second = this.#top;
      this.#top = value;
      this.#label = label;
    } else if (value > this.#second) {
      this.#second = value;
    }
    // A comparison with NaN is always false: what comes after one would be compared with the wrong element.
    if (Number.isNaN(value)) this.#reason = "nan";
  }

  #addProbability(value: number, count: number): void {
    if (value > 0 && value <= 1 + tolerance) this.#sum -= count * value * Math.log(value);
    else if (value !== 0) this.#reason ??= reasonAgainst(value);
  }

  /** As many calls of `value` would do, but in constant time: a shape may claim any number of columns. */
  #repeat(value: number, count: number): void {
    if (!(count > 0)) return;
    switch (this.#reduce) {
      case "element":
        if (this.#index >= this.#column && this.#index < this.#column + count) {
          this.#top = value;
          this.#found = true;
        }
        break;
      case "mean":
        this.#sum += value * count;
        break;
      case "entropy":
        this.#addProbability(value, count);
        break;
      default:
        this.#compare(value, this.#column);
        if (count > 1 && value > this.#second) this.#second = value;
    }
    this.#column += count;
  }
}
