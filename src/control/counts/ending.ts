/**
 * When processes that are over are summed up: once their reports take up room, and only while what every other replica has heard is
 * known here. A replica that is cut off from the others would take for silent who reports to them.
 */
import type { Clock } from "../../base/clock.ts";
import { Turns } from "../turns.ts";
import { type Counts, readReport } from "./counts.ts";
import { batchSize, type EndedCounts } from "./ended-counts.ts";
import { Sums } from "./sums.ts";

export interface EndingPorts {
  readonly clock: Clock;
  readonly counts: Counts;
  readonly ended: EndedCounts;
  /** Whether every replica that there is has told this one everything, and still does. */
  whole(): boolean;
  /** Why nothing was summed up. */
  failed(why: string): void;
}

/** Between two looks where nothing is over, or another replica has done it, or the store is away. */
const pauseMs = 10_000;
/** Fewer are not worth a batch: how many batches are told apart is bounded. */
const leastBatch = 64;
/** Reports that are read for one batch: who makes up names has large ones. */
const mostBytes = 67_108_864;

export class Ending {
  readonly #ports: EndingPorts;
  readonly #least: number;
  #working = false;
  #cancel: (() => void) | undefined = undefined;
  #closed = false;

  constructor(ports: EndingPorts, least = leastBatch) {
    this.#ports = ports;
    this.#least = least;
  }

  /** There may be too much now. */
  look(): void {
    if (!this.#ports.counts.crowded || this.#working || this.#cancel !== undefined || this.#closed) return;
    this.#working = true;
    void this.#sumUp().finally(() => {
      this.#working = false;
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #sumUp(): Promise<void> {
    const { counts, failed } = this.#ports;
    try {
      while (counts.crowded && !this.#closed) if (!(await this.#batch())) return this.#later();
    } catch (reason) {
      failed(reason instanceof Error ? reason.message : String(reason));
      this.#later();
    }
  }

  #later(): void {
    if (this.#closed) return;
    this.#cancel = this.#ports.clock.after(pauseMs, () => {
      this.#cancel = undefined;
      this.look();
    });
  }

  /** @returns whether there may be more to do. */
  async #batch(): Promise<boolean> {
    const { clock, counts, ended, whole } = this.#ports;
    if (!whole()) return false;
    const chosen = new Map<string, Buffer>();
    let bytes = 0;
    for (const [id, report] of counts.over()) {
      chosen.set(id, report);
      bytes += report.length;
      if (chosen.size === batchSize || bytes > mostBytes) break;
    }
    if (chosen.size < this.#least) return false;
    const turns = new Turns(clock);
    const sums = new Sums();
    for (const report of chosen.values()) {
      for (const each of readReport(report).report.series) sums.count(each);
      if (turns.over) await turns.next();
    }
    // Who was silent may have spoken meanwhile.
    for (const [id, report] of chosen) if (counts.bytesOf(id) !== report) return false;
    return whole() && (await ended.put([...chosen.keys()], sums));
  }
}
