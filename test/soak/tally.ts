/** What became of every call: one outcome each, and how long the good ones took, minute by minute. */
import { type KindName, kinds } from "./kinds.ts";

/**
 * A gRPC code by its number; or, where the caller ended the call itself, how: `cancelled` by a reset, `cut` with its
 * connection. The other two must never be: `wrong` is an answer that is not what it has to be, `lost` a call without any.
 */
export type Outcome = number | "cancelled" | "cut" | "wrong" | "lost";

export interface Minute {
  readonly minute: number;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Figures {
  readonly started: number;
  /** Calls that should have begun and did not, since too many were under way. */
  readonly heldBack: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly byKind: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Of predictions that were answered well. */
  readonly minutes: readonly Minute[];
  /** Calls that the sidecar refused on purpose, to tell that it has read all before them. */
  readonly fences: number;
  readonly connections: number;
  /** The first connections and calls that went wrong or were lost, in words. */
  readonly examples: readonly string[];
}

const bucketsPerOctave = 8;
const octaves = 32;
const mostExamples = 10;

/** Durations in buckets an eighth of an octave wide, from a microsecond up. */
export class Durations {
  readonly #counts = new Float64Array(bucketsPerOctave * octaves);
  count = 0;

  add(ms: number): void {
    const bucket = Math.floor(Math.log2(Math.max(1, ms * 1_000)) * bucketsPerOctave);
    const last = this.#counts.length - 1;
    const at = Math.min(bucket, last);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.count++;
  }

  /** Upper end of the bucket in which this share of all lies, in milliseconds; 0 where there is none. */
  quantile(share: number): number {
    let left = share * this.count;
    if (this.count === 0) return 0;
    for (let i = 0; i < this.#counts.length; i++) {
      left -= this.#counts[i] ?? 0;
      if (left <= 0) return 2 ** ((i + 1) / bucketsPerOctave) / 1_000;
    }
    return Number.POSITIVE_INFINITY;
  }
}

export class Tally {
  started = 0;
  heldBack = 0;
  fences = 0;
  connections = 0;
  ended = 0;
  readonly #byKind = new Map<KindName, Map<Outcome, number>>(kinds.map(({ name }) => [name, new Map()]));
  readonly #minutes: Durations[] = [];
  readonly #examples = { connection: [] as string[], call: [] as string[] };

  /** @param sinceMs when the call began, since the start of the soak. */
  end(kind: KindName, outcome: Outcome, sinceMs: number, tookMs: number): void {
    this.ended++;
    const counts = this.#byKind.get(kind) as Map<Outcome, number>;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (kind !== "predict" || outcome !== 0) return;
    const minute = Math.floor(sinceMs / 60_000);
    for (let i = this.#minutes.length; i <= minute; i++) this.#minutes.push(new Durations());
    this.#minutes[minute]?.add(tookMs);
  }

  /** @param kind of trouble; each has its own few examples, or the calls of one connection would hide why it ended. */
  example(kind: "call" | "connection", text: string): void {
    const examples = this.#examples[kind];
    if (examples.length < mostExamples) examples.push(text);
  }

  get figures(): Figures {
    const outcomes: Record<string, number> = {};
    const byKind: Record<string, Record<string, number>> = {};
    for (const [kind, counts] of this.#byKind) {
      byKind[kind] = Object.fromEntries(counts);
      for (const [outcome, count] of counts) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    }
    const minutes = this.#minutes.map((durations, minute) => ({
      minute,
      calls: durations.count,
      p50Ms: durations.quantile(0.5),
      p99Ms: durations.quantile(0.99),
    }));
    const { started, heldBack, fences, connections } = this;
    const { connection, call } = this.#examples;
    return { started, heldBack, fences, connections, outcomes, byKind, minutes, examples: [...connection, ...call] };
  }
}
