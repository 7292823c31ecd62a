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

/** What there is in a report, never less than its reader makes of it; undefined where it is not written as one. */
export function partsOf(bytes: Uint8Array): { readonly series: number; readonly parts: number } | undefined {
  const counted = { series: 0, parts: 0 };
  return count(bytes, 0, bytes.length, report, counted) ? counted : undefined;
}

/** @returns whether all of it is written as it should be */
function count(
  bytes: Uint8Array,
  from: number,
  to: number,
  fields: Fields,
  counted: { series: number; parts: number },
): boolean {
  let at = from;
  let length = 0;
  const varint = (): number => {
    const start = at;
    let value = 0;
    for (let scale = 1; at < to && scale < 2 ** 70; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      length = at - start;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < to) {
    const tag = varint();
    const wire = tag % 8;
    const field = fields[Math.floor(tag / 8)];
    if (!(tag < 2 ** 32) || length > 5 || (field !== undefined && !field.wires.includes(wire))) return false;
    if (field?.counts !== undefined) counted.parts++;
    if (field?.counts === "series") counted.series++;
    if (wire === 0) {
      if (Number.isNaN(varint())) return false;
      if (field?.short === true && length > 5 && length < 10) return false;
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const end = varint() + at;
      if (!(end <= to) || length > 5) return false;
      if (field?.message !== undefined && !count(bytes, at, end, field.message, counted)) return false;
      if (field?.packed === 8 && (end - at) % 8 !== 0) return false;
      if (field?.packed === 0 && end > at && (bytes[end - 1] ?? 0) >= 0x80) return false;
      at = end;
    } else return false;
  }
  return at === to;
}
