/**
 * What sidecars counted, summed over the fleet.
 *
 * Reports are cumulative from the start of a process, so of each process only the latest stands, whatever got lost, came twice or came
 * late: taking one in again changes nothing, and replicas that tell each other all their reports come to the same sums in any order.
 *
 * The report of a process that may go on is never given up: its next one has all of it again, and nobody could tell what of that is
 * new. Only what is surely over is summed up, once there is much of it (`ended-counts.ts`). Where there is no room all the same, what
 * is too much is refused, and comes again with the next report of its process.
 */
import type { ReportRequest } from "../../api/messages.ts";
import { messageType } from "../../api/protos.ts";
import type { Clock } from "../../base/clock.ts";
import type { Turns } from "../turns.ts";
import { processId } from "./ended-counts.ts";
import type { Sums } from "./sums.ts";

export interface CountsBounds {
  /** Processes whose reports are kept apart: a fleet of 100,000, and as many that ended. */
  readonly instances: number;
  /** Of all reports that are kept: two kilobytes of each of so many processes; a report of few routes has three. */
  readonly bytes: number;
  /** How long a process that has not said that it ends is silent until it counts as over. */
  readonly silentMs: number;
}

export const countsBounds: CountsBounds = { instances: 262_144, bytes: 536_870_912, silentMs: 86_400_000 };

/** From this part of a bound on what is over is summed up; from the other on who has most of it gets no more, and the rest is for others. */
const parts = { crowded: 3 / 4, own: 7 / 8 } as const;

/** A report, and the bytes that it was read from. */
export interface ReadReport {
  readonly report: ReportRequest;
  readonly bytes: Buffer;
}

/** Of bytes that are kept: a part of what was received would keep all of that. @throws where they are no report. */
export function readReport(bytes: Buffer): ReadReport {
  return { report: messageType<ReportRequest>("ReportRequest").decode(bytes), bytes: Buffer.from(bytes) };
}

/** A report that came inside another message. */
export function written(report: ReportRequest): ReadReport {
  return { report, bytes: messageType<ReportRequest>("ReportRequest").encode(report) };
}

interface Kept {
  readonly sequence: number;
  readonly bytes: Buffer;
  readonly owner: string;
  /** Whether the process has said that it ends. */
  readonly final: boolean;
  readonly heardMs: number;
}

/** What is kept of one owner's. */
interface Share {
  instances: number;
  bytes: number;
}

export interface OwnedReport {
  readonly report: ReportRequest;
  readonly owner: string;
}

/**
 * What became of a report: it is the latest of its process, or is not; its process is among those that were summed up, and can't be told
 * apart any more; or there is no room for it now.
 */
export type Taken = "new" | "old" | "forgotten" | "full";

export interface CountsPorts {
  readonly clock: Clock;
  /** Sums of processes that are over. */
  readonly ended: { has(id: string): boolean; of(route: string): Sums; readonly size: number };
}

export class Counts {
  readonly #ports: CountsPorts;
  readonly #bounds: CountsBounds;
  /** Encoded: read they are ten times as large, and of ten thousand reports the one that is asked for is a part. Who was heard of last is last. */
  readonly #reports = new Map<string, Kept>();
  readonly #shares = new Map<string, Share>();
  #bytes = 0;

  constructor(ports: CountsPorts, given: Partial<CountsBounds> = {}) {
    this.#ports = ports;
    this.#bounds = { ...countsBounds, ...given };
  }

  /**
   * Takes in a report that a sidecar brings.
   * @param owner whose it is: who has most is the first for whom there is no room
   */
  take(read: ReadReport, owner = ""): Taken {
    return this.#take(read, owner, (before) => this.#room(owner, read.bytes.length, before));
  }

  /** Takes in what another replica has taken in: it has room by the same bounds, and is not to have what this one lacks. */
  note(read: ReadReport, owner = ""): Taken {
    return this.#take(read, owner, () => true);
  }

  #take({ report, bytes }: ReadReport, owner: string, room: (before: Kept | undefined) => boolean): Taken {
    const id = processId(report);
    if (this.#ports.ended.has(id)) return "forgotten";
    const before = this.#reports.get(id);
    if (before !== undefined && before.sequence >= report.sequence) return "old";
    if (!room(before)) return "full";
    this.#drop(id);
    this.#keep(id, {
      sequence: report.sequence,
      bytes,
      owner,
      final: report.final,
      heardMs: this.#ports.clock.nowMs(),
    });
    return "new";
  }

  /** Whether there is so much that what is over should be summed up. */
  get crowded(): boolean {
    const { instances, bytes } = this.#bounds;
    return this.#reports.size > instances * parts.crowded || this.#bytes > bytes * parts.crowded;
  }

  /** Processes that are over, those first that were heard of longest ago. */
  *over(): Iterable<readonly [id: string, bytes: Buffer]> {
    const since = this.#ports.clock.nowMs() - this.#bounds.silentMs;
    for (const [id, { final, heardMs, bytes }] of this.#reports) if (final || heardMs <= since) yield [id, bytes];
  }

  /** These are summed up. */
  forget(ids: Iterable<string>): void {
    for (const id of ids) this.#drop(id);
  }

  /** Every process at this moment: who has to know them all reads them one by one. */
  ids(): string[] {
    return [...this.#reports.keys()];
  }

  /** The latest report of a process, and whose it is; undefined where it is not kept apart any more. */
  get(id: string): OwnedReport | undefined {
    const kept = this.#reports.get(id);
    return kept && { report: readReport(kept.bytes).report, owner: kept.owner };
  }

  /** As it was written: another object for each report. */
  bytesOf(id: string): Buffer | undefined {
    return this.#reports.get(id)?.bytes;
  }

  /**
   * Sums of a route as of the call, as `GetCountsResponse`.
   * @param turns tells whether to go on at once: tens of thousands of reports are read in a second and more
   */
  async of(route: string, turns: Turns): Promise<object> {
    const { ended } = this.#ports;
    const sums = ended.of(route);
    const reports = [...this.#reports.values()];
    const instances = reports.length + ended.size;
    for (const { bytes } of reports) {
      for (const each of readReport(bytes).report.series) if (each.route === route) sums.count(each);
      if (turns.over) await turns.next();
    }
    const series = [...sums.all()].map(({ route: _, ...sum }) => sum);
    series.sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    return { series, instances };
  }

  #room(owner: string, bytes: number, before: Kept | undefined): boolean {
    const share = this.#shares.get(owner);
    const grows = bytes - (before?.bytes.length ?? 0);
    const owners = this.#shares.size + (share === undefined ? 1 : 0);
    const may = (most: number, all: number, own: number): boolean =>
      all <= most * parts.own || (all <= most && own <= most / owners && owners > 1);
    const { instances: most, bytes: mostBytes } = this.#bounds;
    if (before === undefined && !may(most, this.#reports.size + 1, (share?.instances ?? 0) + 1)) return false;
    return grows <= 0 || may(mostBytes, this.#bytes + grows, (share?.bytes ?? 0) + grows);
  }

  #keep(id: string, kept: Kept): void {
    const share = this.#shares.get(kept.owner) ?? { instances: 0, bytes: 0 };
    this.#shares.set(kept.owner, share);
    share.instances++;
    share.bytes += kept.bytes.length;
    this.#bytes += kept.bytes.length;
    this.#reports.set(id, kept);
  }

  #drop(id: string): void {
    const kept = this.#reports.get(id);
    const share = kept && this.#shares.get(kept.owner);
    if (kept === undefined || share === undefined) return;
    this.#reports.delete(id);
    share.instances--;
    share.bytes -= kept.bytes.length;
    this.#bytes -= kept.bytes.length;
    if (share.instances === 0) this.#shares.delete(kept.owner);
  }
}

const orderOf = ({
  variant,
  traffic,
  version,
  keyed,
}: {
  variant: string;
  traffic: string;
  version: string;
  keyed: boolean;
}): string => [variant, traffic, version, keyed].join("\0");
