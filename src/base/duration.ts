/**
 * Durations as people write them: a number and its unit, `2s` or `500ms`.
 *
 * A bare number is refused rather than given a unit: whoever writes `timeout: 5` means seconds as often as milliseconds.
 * One unit only, so that the same rule fits into one pattern of the JSON Schema.
 */
import { type Reading, read, unreadable } from "./parsed.ts";

/** The pattern of the JSON Schema too. */
export const durationPattern = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/;

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Node's timers hold their delay in 31 bits and fire at once beyond that: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
export const longestDurationMs = 2 ** 31 - 1;

/** Milliseconds of `2s`, `1.5s`, `500ms`, `10m` or `1h`; at most what a timer can wait, about 24.8 days. */
export function readDurationMs(text: string): Reading<number> {
  const parts = durationPattern.exec(text);
  if (parts === null) return unreadable(`want a duration such as "500ms", "2s" or "10m", got ${JSON.stringify(text)}`);
  const exact = Number(parts[1]) * unitMs[parts[2] as keyof typeof unitMs];
  // 1.1 s is 1100.0000000000002 in binary fractions.
  const ms = Math.round(exact);
  if (Math.abs(exact - ms) > 1e-6) return unreadable(`want whole milliseconds, got ${JSON.stringify(text)}`);
  if (ms > longestDurationMs) return unreadable(`want at most 24 days, got ${JSON.stringify(text)}`);
  return read(ms);
}

/** The shortest text that reads back as `ms`. */
export function formatDuration(ms: number): string {
  if (ms > 0) {
    for (const unit of ["h", "m", "s"] as const) {
      if (ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
    }
  }
  return `${ms}ms`;
}
