/** Memory and descriptors of each process of the service, taken whenever all is well. */
import { type Bound, boundPerHour, canTell, isFlat, type Sample, trendOf } from "../soak/slope.ts";
import type { Program } from "./program.ts";

const mebibyte = 1_048_576;
/** Of a process that is asked a few times a second, and has just been through a fault. */
const bounds = {
  residentBytes: { perHour: 48 * mebibyte, atLeast: 24 * mebibyte, unit: mebibyte, word: "MiB" },
  descriptors: { perHour: 30, atLeast: 12, unit: 1, word: "descriptors" },
} as const satisfies Record<string, Bound & { unit: number; word: string }>;
type Meter = keyof typeof bounds;
const meters = Object.keys(bounds) as Meter[];

export class Meters {
  readonly #lives = new Map<number, Record<Meter, Sample[]>>();

  async take(program: Program): Promise<void> {
    if (!program.alive) return;
    const samples = this.#lives.get(program.pid) ?? { residentBytes: [], descriptors: [] };
    this.#lives.set(program.pid, samples);
    const atMs = performance.now();
    samples.residentBytes.push({ atMs, value: await program.residentBytes() });
    samples.descriptors.push({ atMs, value: await program.descriptors() });
  }

  /** What grew, and what was looked at. */
  get findings(): { readonly grown: readonly string[]; readonly summary: string } {
    const grown: string[] = [];
    const texts: string[] = [];
    let judged = 0;
    for (const [pid, samples] of this.#lives) {
      for (const meter of meters) {
        const { unit, word, ...bound } = bounds[meter];
        const trend = trendOf(samples[meter]);
        if (!canTell(trend)) continue;
        judged++;
        const { mean, perHour } = trend;
        const text = `${(mean / unit).toFixed(0)} ${word}`;
        texts.push(text);
        if (isFlat(trend, bound)) continue;
        const by = `${(perHour / unit).toFixed(0)} an hour, at most ${(boundPerHour(trend, bound) / unit).toFixed(0)}`;
        grown.push(`process ${pid}: ${text} grow by ${by}`);
      }
    }
    const summary =
      judged === 0 ? "no replica lived long enough to tell" : `on average ${[...new Set(texts)].join(", ")}`;
    return { grown, summary };
  }
}
