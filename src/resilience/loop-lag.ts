/**
 * How late the event loop is, from a timer that says how late it came.
 *
 * A timer that is set for 50 ms and comes after 350 has seen a loop that did nothing else for 300: whatever was to be read
 * or written in that time waited as long. What counts is the worst of late, since the mean of a stall of half a second
 * and a quiet minute is nothing; it is forgotten by half every tenth of a second, so that one stall costs a fraction of a
 * second of caution. perf_hooks' own monitor has the same timer inside, and gives percentiles of all time, not the present.
 */

/** The lateness remembered halves in this time. */
const halfLifeMs = 100;
/** More is not remembered: after an hour's suspension of the machine, an hour's caution would help nobody. */
const mostMs = 2_000;
/** Lateness from which on it was a stall: less is what timers are late anyway on a busy machine. */
const stallMs = 50;

export class LoopLag {
  /** The lateness in force. */
  lagMs = 0;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /**
   * Takes the news of a timer that ran at `nowMs` and was due `lateMs` before.
   *
   * @returns how long the loop has stood still: 0 where it was late as timers are.
   */
  sample(nowMs: number, lateMs: number): number {
    const remembered = this.lagMs * 0.5 ** ((nowMs - this.#atMs) / halfLifeMs);
    this.#atMs = nowMs;
    this.lagMs = Math.max(remembered, Math.min(lateMs, mostMs), 0);
    return lateMs >= stallMs ? lateMs : 0;
  }
}
