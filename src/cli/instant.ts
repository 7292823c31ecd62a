/**
 * Points in time as people give them: ISO 8601 with its zone, or how long ago. A time without a zone is refused: whoever reads it
 * elsewhere means another one. What is printed is always UTC.
 */
import { readDurationMs } from "../base/duration.ts";
import { type Reading, read, unreadable } from "../base/parsed.ts";

const iso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Milliseconds since the epoch. A bare date is its midnight in UTC. */
export function readInstant(text: string, nowMs: number): Reading<number> {
  const ago = readDurationMs(text.trim().replace(/ ago$/, ""));
  if (ago.ok) return read(nowMs - ago.value);
  const wants = `want a time such as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00, or 10m for ten minutes ago, got ${JSON.stringify(text)}`;
  if (!iso.test(text)) {
    const zone = iso.test(`${text}Z`) ? "; it needs its zone, such as Z for UTC" : "";
    return unreadable(wants + zone);
  }
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return unreadable(wants);
  if (ms > nowMs) return unreadable(`${JSON.stringify(text)} is still to come: it is ${formatInstant(nowMs)}`);
  return read(ms);
}

/** Years of four digits, which every reader of ISO 8601 takes. */
const calendar = { fromMs: Date.parse("0001-01-01T00:00:00Z"), toMs: Date.parse("9999-12-31T23:59:59Z") } as const;

/**
 * `2026-03-01T12:00:00Z`: whole seconds, UTC. Times come from others, who may say anything: what is beyond the calendar stands as its
 * first or last second, since a whole list is not to fail for it.
 */
export function formatInstant(ms: number): string {
  const within = Math.min(Math.max(ms || 0, calendar.fromMs), calendar.toMs);
  return `${new Date(within).toISOString().slice(0, 19)}Z`;
}
