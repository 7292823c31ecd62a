/**
 * The breakers of all workers, in the one process that hears of every call.
 *
 * Each worker knows the state and the epoch; outcomes come in batches and count here. Half-open, the single probe is
 * given to one worker, the last whose calls asked in vain. One that then gets no call must not keep it from those that
 * do: once another has asked twice, the probe is called back, and moves only when its holder has said that it has not
 * begun. Between a call that began and its end it belongs to nobody else; so there is never a second one.
 */
import type { Clock } from "../base/clock.ts";
import { Breaker, type BreakerState } from "../resilience/breaker.ts";
import type { BreakerNeed } from "../runtime/breakers.ts";
import type { BreakerWord, Outcomes } from "./messages.ts";

export interface BreakerChange {
  readonly labels: BreakerNeed["labels"];
  readonly from: BreakerState;
  readonly to: BreakerState;
}

export interface RecordPorts {
  readonly clock: Clock;
  /** To one worker by its number, or to all. */
  tell(worker: number | "all", word: BreakerWord): void;
  recall(worker: number, key: string, epoch: number): void;
  onChange(change: BreakerChange): void;
}

interface Entry {
  readonly labels: BreakerNeed["labels"];
  readonly breaker: Breaker;
  /** The worker that has the probe. */
  holder: number | undefined;
  /** The probe's permit once it has begun; 0 before. */
  permit: number;
  /** The worker whose call asked last in vain. */
  asker: number | undefined;
  /** Reports of others that asked since the holder has had the probe. */
  asked: number;
}

const asksBeforeRecall = 2;

export class BreakersOfRecord {
  readonly #ports: RecordPorts;
  readonly #entries = new Map<string, Entry>();

  constructor(ports: RecordPorts) {
    this.#ports = ports;
  }

  /** Makes those that a configuration needs and that are not there yet. */
  add(needs: readonly BreakerNeed[]): void {
    for (const { key, labels, options } of needs) {
      if (this.#entries.has(key)) continue;
      const breaker = new Breaker(this.#ports.clock, options, (to, from) => this.#changed(key, to, from));
      this.#entries.set(key, { labels, breaker, holder: undefined, permit: 0, asker: undefined, asked: 0 });
    }
  }

  /** Ends those that the configuration in force does not need. */
  keep(needs: readonly BreakerNeed[]): void {
    const needed = new Set(needs.map(({ key }) => key));
    for (const [key, { breaker }] of this.#entries) {
      if (needed.has(key)) continue;
      breaker.close();
      this.#entries.delete(key);
    }
  }

  /** All, as a worker that begins is to see them. */
  words(): BreakerWord[] {
    return [...this.#entries].map(([key, entry]) => wordOf(key, entry, false));
  }

  states(): { readonly labels: BreakerNeed["labels"]; readonly state: BreakerState }[] {
    return [...this.#entries.values()].map(({ labels, breaker }) => ({ labels, state: breaker.state }));
  }

  hear(worker: number, outcomes: readonly Outcomes[]): void {
    for (const each of outcomes) {
      const entry = this.#entries.get(each.key);
      if (entry === undefined) continue;
      if (each.wanted) entry.asker = worker;
      if (each.epoch !== entry.breaker.epoch) continue;
      if (entry.breaker.state === "half_open") this.#hearProbe(worker, entry, each);
      else count(entry.breaker, each.epoch, each);
    }
  }

  /** A worker has ended: a probe of its own says nothing, and the next is another's. */
  forget(worker: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.asker === worker) entry.asker = undefined;
      if (entry.holder !== worker) continue;
      if (entry.permit !== 0) entry.breaker.giveBack(entry.permit);
      entry.holder = undefined;
      entry.permit = 0;
      this.#offer(key, entry);
    }
  }

  close(): void {
    this.keep([]);
  }

  #hearProbe(worker: number, entry: Entry, each: Outcomes): void {
    const { key } = each;
    if (entry.holder === worker) {
      if (each.began) entry.permit = entry.breaker.tryAcquire();
      if (each.returned) entry.holder = undefined;
      if (each.gaveBack && entry.permit !== 0) {
        entry.breaker.giveBack(entry.permit);
        entry.permit = 0;
        this.#grant(key, entry, worker);
      }
      if (entry.permit !== 0) count(entry.breaker, entry.permit, each);
    } else if (each.wanted) {
      entry.asked++;
      const { holder } = entry;
      if (holder !== undefined && entry.permit === 0 && entry.asked === asksBeforeRecall) {
        this.#ports.recall(holder, key, entry.breaker.epoch);
      }
    }
    if (entry.breaker.state === "half_open") this.#offer(key, entry);
  }

  #changed(key: string, to: BreakerState, from: BreakerState): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.holder = undefined;
    entry.permit = 0;
    this.#ports.tell("all", wordOf(key, entry, false));
    if (to === "half_open") this.#offer(key, entry);
    this.#ports.onChange({ labels: entry.labels, from, to });
  }

  /** Gives a probe that nobody has to whoever asked last. */
  #offer(key: string, entry: Entry): void {
    if (entry.breaker.state !== "half_open" || entry.holder !== undefined || entry.asker === undefined) return;
    this.#grant(key, entry, entry.asker);
  }

  #grant(key: string, entry: Entry, worker: number): void {
    entry.holder = worker;
    entry.asked = 0;
    this.#ports.tell(worker, wordOf(key, entry, true));
  }
}

const wordOf = (key: string, { breaker }: Entry, probe: boolean): BreakerWord => {
  return { key, state: breaker.state, epoch: breaker.epoch, probe };
};

/** Successes first: a breaker looks at its window when a call fails, and then they are to be in it. */
function count(breaker: Breaker, epoch: number, { succeeded, failed }: Outcomes): void {
  for (let i = 0; i < succeeded; i++) breaker.settle(epoch, true);
  for (let i = 0; i < failed; i++) breaker.settle(epoch, false);
}
