/**
 * How much one report may have in it. Reading makes an object of every two bytes of a hostile one: four megabytes are a second in which
 * nobody else is served, and a gigabyte of memory. So what there is of each kind is counted before it is read.
 */

export const reportBounds = {
  /** 64 versions of a dozen variants are a few hundred kilobytes. */
  bytes: 2_097_152,
  /** A hundred routes with three variants, live and shadow, under 32 versions. */
  series: 20_000,
  /** Series, and what is within them: codes and histograms. */
  parts: 100_000,
} as const;

/** Fields of `ReportRequest` and of `Series` that are lists of messages, or messages. */
const fields = { bounds: 6, series: 7, codes: 6, latency: 7, score: 8 } as const;

/** Why a report is not read; undefined where it may be. What is no message at all is found out by whoever reads it. */
export function reportFault(bytes: Uint8Array): string | undefined {
  if (bytes.length > reportBounds.bytes) return `a report of ${bytes.length} bytes, want at most ${reportBounds.bytes}`;
  let series = 0;
  let parts = 0;
  eachPart(bytes, 0, bytes.length, (field, from, to) => {
    if (field === fields.bounds) parts++;
    if (field !== fields.series) return;
    series++;
    parts++;
    eachPart(bytes, from, to, (inner) => {
      if (inner === fields.codes || inner === fields.latency || inner === fields.score) parts++;
    });
  });
  if (series > reportBounds.series) return `a report of ${series} series, want at most ${reportBounds.series}`;
  return parts > reportBounds.parts
    ? `a report of ${parts} series, codes and histograms, want at most ${reportBounds.parts}`
    : undefined;
}

/** Calls `found` for every length-delimited field of a message, up to where it is none. */
function eachPart(
  bytes: Uint8Array,
  from: number,
  to: number,
  found: (field: number, from: number, to: number) => void,
): void {
  let at = from;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < to; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < to) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      const end = Math.min(at + length, to);
      found(Math.floor(tag / 8), at, end);
      at = end;
    }
  }
}
