/**
 * How much one report may have in it. Reading makes an object of every two bytes of a hostile one: four megabytes are a second in which
 * nobody else is served, and a gigabyte of memory. So what there is of each kind is counted before it is read.
 *
 * The reader goes by a field's number and not by its wire type, and past the end of a message within another. So who counts has to
 * refuse what is not written as it should be, or the reader would find what was not counted.
 */

export const reportBounds = {
  /** 64 versions of a dozen variants are a few hundred kilobytes. */
  bytes: 2_097_152,
  /** A hundred routes with three variants, live and shadow, under 32 versions. */
  series: 20_000,
  /** Series, and what is within them: codes and histograms. */
  parts: 100_000,
  /** More often than they are asked to, sidecars may report: one that learns late what is asked for, or moves, does. */
  timesAsOften: 4,
  /** Reports at once. */
  burst: 10,
} as const;

/** A field as it is written: by one of these wire types, with a message in it, or with numbers of so many bytes (0 for varints). */
interface Field {
  readonly wires: readonly number[];
  readonly message?: Fields;
  readonly packed?: 0 | 8;
  /** Of 32 bits: the reader takes five bytes of it or ten, however many there are. */
  readonly short?: true;
  readonly counts?: "series" | "part";
}
type Fields = Readonly<Record<number, Field>>;

const number: Field = { wires: [0] };
const short: Field = { wires: [0], short: true };
const text: Field = { wires: [2] };
const inside = (message: Fields, counts?: Field["counts"]): Field => ({
  wires: [2],
  message,
  ...(counts && { counts }),
});

const time = inside({ 1: number, 2: short });
const histogram = inside({ 1: short, 2: { wires: [0, 2], packed: 0 }, 3: { wires: [1] } }, "part");
const code = inside({ 1: short, 2: number }, "part");
const series = inside(
  { 1: text, 2: text, 3: text, 4: text, 5: short, 6: code, 7: histogram, 8: histogram, 9: number },
  "series",
);
const bounds = inside({ 1: { wires: [1, 2], packed: 8 } }, "part");
const report: Fields = { 1: text, 2: time, 3: number, 4: time, 5: short, 6: bounds, 7: series, 8: text, 9: text };

/** Why a report is not read; undefined where it may be. */
export function reportFault(bytes: Uint8Array): string | undefined {
  if (bytes.length > reportBounds.bytes) return `a report of ${bytes.length} bytes, want at most ${reportBounds.bytes}`;
  const counted = partsOf(bytes);
  if (counted === undefined) return "a report that is not written as one";
  const { series: count, parts } = counted;
  if (count > reportBounds.series) return `a report of ${count} series, want at most ${reportBounds.series}`;
  return parts > reportBounds.parts
    ? `a report of ${parts} series, codes and histograms, want at most ${reportBounds.parts}`
    : undefined;
}

/** Whose a report is. */
export interface ReportHead {
  readonly instance: string;
  readonly namespace: string;
  readonly workload: string;
}

const headFields: Readonly<Record<number, keyof ReportHead>> = { 1: "instance", 8: "namespace", 9: "workload" };

/** Whose it says it is, before what is in it is looked at: a thousandth of that work. Undefined where it is not written as a report. */
export function reportHead(bytes: Uint8Array): ReportHead | undefined {
  const head = { instance: "", namespace: "", workload: "" };
  const reader = new FieldReader(bytes, 0, bytes.length);
  while (reader.more) {
    if (!reader.next()) return undefined;
    const name = headFields[reader.field];
    if (name === undefined) continue;
    if (reader.wire !== 2) return undefined;
    head[name] = Buffer.from(bytes.subarray(reader.begin, reader.end)).toString();
  }
  return head;
}

/** What there is in a report, never less than its reader makes of it; undefined where it is not written as one. */
export function partsOf(bytes: Uint8Array): { readonly series: number; readonly parts: number } | undefined {
  const counted = { series: 0, parts: 0 };
  return count(bytes, 0, bytes.length, report, counted) ? counted : undefined;
}

/** Field after field of one message. */
class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #to: number;
  #at: number;
  /** Bytes of the number that was read last. */
  length = 0;
  field = 0;
  wire = 0;
  /** Of its contents, where it has a length. */
  begin = 0;
  end = 0;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
  }

  get more(): boolean {
    return this.#at < this.#to;
  }

  /** @returns whether there is one that is written as it should be */
  next(): boolean {
    const tag = this.#varint();
    if (!(tag < 2 ** 32) || this.length > 5) return false;
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (this.wire === 0) return !Number.isNaN(this.#varint());
    if (this.wire === 1) this.#at += 8;
    else if (this.wire === 5) this.#at += 4;
    else if (this.wire === 2) {
      const bytes = this.#varint();
      if (this.length > 5) return false;
      this.begin = this.#at;
      this.#at += bytes;
      this.end = this.#at;
    } else return false;
    return this.#at <= this.#to;
  }

  #varint(): number {
    const start = this.#at;
    let value = 0;
    for (let scale = 1; this.#at < this.#to && scale < 2 ** 70; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      this.length = this.#at - start;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }
}

/** @returns whether all of it is written as it should be */
function count(
  bytes: Uint8Array,
  from: number,
  to: number,
  fields: Fields,
  counted: { series: number; parts: number },
): boolean {
  const reader = new FieldReader(bytes, from, to);
  while (reader.more) {
    if (!reader.next()) return false;
    const { wire, begin, end } = reader;
    const field = fields[reader.field];
    if (field === undefined) continue;
    if (!field.wires.includes(wire)) return false;
    if (field.counts !== undefined) counted.parts++;
    if (field.counts === "series") counted.series++;
    if (wire === 0 && field.short === true && reader.length > 5 && reader.length < 10) return false;
    if (wire !== 2) continue;
    if (field.message !== undefined && !count(bytes, begin, end, field.message, counted)) return false;
    if (field.packed === 8 && (end - begin) % 8 !== 0) return false;
    if (field.packed === 0 && end > begin && (bytes[end - 1] ?? 0) >= 0x80) return false;
  }
  return true;
}
