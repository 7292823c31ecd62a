/**
 * What sidecars counted, summed over the fleet.
 *
 * Reports are cumulative from the start of a process, so of each process only the latest stands, whatever got lost, came twice or came
 * late: taking one in again changes nothing, and replicas that tell each other all their reports come to the same sums in any order.
 * A process that ended keeps its last report. When there are too many of those, the oldest are added up into one sum, and what is
 * left of each is its name: a report that comes so late is refused, and counted, since it can't be told any more what of it is new.
 */

import { durationMs, type HistogramMessage, type ReportRequest, type SeriesMessage } from "../api/messages.ts";
import { messageType } from "../api/protos.ts";
import { reportFault } from "./report-bounds.ts";
import type { Turns } from "./turns.ts";

/** gRPC codes that say the server failed: https://grpc.io/docs/guides/status-codes/ sorts them; what the caller did wrong is not among them. */
const serverErrors: ReadonlySet<number> = new Set([2, 4, 8, 12, 13, 14, 15]);

/** Processes whose reports are kept apart. */
export const mostInstances = 30_000;

export interface CountsBounds {
  readonly instances: number;
  /** Of all reports that are kept: twenty kilobytes of each of so many processes. */
  readonly bytes: number;
  /** Sums of processes that are not kept apart any more. Beyond it versions are not told apart, and then new names are left out. */
  readonly sums: number;
  /** Names of such processes that are remembered. */
  readonly names: number;
}

const bounds: CountsBounds = { instances: mostInstances, bytes: 536_870_912, sums: 100_000, names: 262_144 };

/** A report, and the bytes that it was read from. */
export interface ReadReport {
  readonly report: ReportRequest;
  readonly bytes: Buffer;
}

/** What came as a report: one, or why it was not read. */
export type ReceivedReport = ReadReport | { readonly fault: string };

/** @throws where the bytes are no report */
export function receiveReport(bytes: Buffer): ReceivedReport {
  const fault = reportFault(bytes);
  return fault === undefined ? readReport(bytes) : { fault };
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
}

/** What is kept of one owner's. */
interface Share {
  readonly names: Set<string>;
  bytes: number;
}

export type Taken = "new" | "old" | "forgotten";

interface Sum {
  requests: number;
  errors: number;
  seconds: number;
  scores: number;
  scoreSum: number;
}

type Key = Pick<SeriesMessage, "variant" | "traffic" | "version" | "keyed">;

export class Counts {
  /** Encoded: read they are ten times as large, and of ten thousand reports the one that is asked for is a part. */
  readonly #reports = new Map<string, Kept>();
  /** Sums of processes whose reports are not kept apart any more: by route, by key. */
  readonly #folded = new Map<string, Map<string, Sum>>();
  /** Those processes. */
  readonly #names = new Set<string>();
  /** Whoever was heard of longest ago first, and so are the processes of each. */
  readonly #shares = new Map<string, Share>();
  readonly #bounds: CountsBounds;
  #bytes = 0;
  /** Of `#folded`. */
  #sums = 0;

  constructor(given: Partial<CountsBounds> = {}) {
    this.#bounds = { ...bounds, ...given };
  }

  /**
   * Takes a report in. @returns whether it is the latest of its process.
   * @param owner whose it is: who has most is the first whose reports are not kept apart any more
   */
  take({ report, bytes }: ReadReport, owner = ""): Taken {
    const name = nameOf(report);
    if (this.#names.has(name)) return "forgotten";
    const before = this.#reports.get(name);
    if (before !== undefined && before.sequence >= report.sequence) return "old";
    // Those that reported last stand at the end.
    this.#drop(name);
    this.#keep(name, { sequence: report.sequence, bytes, owner });
    while (this.#reports.size > this.#bounds.instances || this.#bytes > this.#bounds.bytes) this.#fold();
    return "new";
  }

  #keep(name: string, kept: Kept): void {
    const share = this.#shares.get(kept.owner) ?? { names: new Set(), bytes: 0 };
    this.#shares.delete(kept.owner);
    this.#shares.set(kept.owner, share);
    share.names.add(name);
    share.bytes += kept.bytes.length;
    this.#bytes += kept.bytes.length;
    this.#reports.set(name, kept);
  }

  #drop(name: string): void {
    const kept = this.#reports.get(name);
    const share = kept && this.#shares.get(kept.owner);
    if (kept === undefined || share === undefined) return;
    this.#reports.delete(name);
    share.names.delete(name);
    share.bytes -= kept.bytes.length;
    this.#bytes -= kept.bytes.length;
    if (share.names.size === 0) this.#shares.delete(kept.owner);
  }

  /** Every report that is kept at this moment, for a replica that has to know them all; read as they are asked for. */
  *all(): Iterable<ReportRequest> {
    for (const { report } of this.owned()) yield report;
  }

  /** The same, and whose they are. */
  *owned(): Iterable<{ readonly report: ReportRequest; readonly owner: string }> {
    for (const { bytes, owner } of [...this.#reports.values()]) yield { report: readReport(bytes).report, owner };
  }

  /**
   * Sums of a route as of the call, as `GetCountsResponse`.
   * @param turns tells whether to go on at once: tens of thousands of reports are read in a second and more
   */
  async of(route: string, turns: Turns): Promise<object> {
    const sums = new Map([...(this.#folded.get(route) ?? [])].map(([key, sum]) => [key, { ...sum }]));
    const instances = this.#reports.size + this.#names.size;
    for (const report of this.all()) {
      addTo(sums, report, route);
      if (turns.over) await turns.next();
    }
    const series = [...sums].map(([key, sum]) => ({ ...(JSON.parse(key) as Key), ...sum }));
    series.sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    return { series, instances };
  }

  /** The oldest of whoever has most: a flood costs whoever sends it. */
  #fold(): void {
    const weigh = ({ names, bytes }: Share): number => (this.#bytes > this.#bounds.bytes ? bytes : names.size);
    let most: Share | undefined;
    for (const share of this.#shares.values()) if (most === undefined || weigh(share) > weigh(most)) most = share;
    const [name = ""] = most?.names ?? [];
    const kept = this.#reports.get(name);
    if (kept === undefined) return;
    this.#drop(name);
    this.#names.add(name);
    const [first = ""] = this.#names;
    if (this.#names.size > this.#bounds.names) this.#names.delete(first);
    const { series } = readReport(kept.bytes).report;
    if (this.#sums + series.length > this.#bounds.sums) this.#forgetVersions();
    for (const each of series) {
      const sums = this.#folded.get(each.route) ?? new Map<string, Sum>();
      if (this.#sums >= this.#bounds.sums && !sums.has(keyOf(each))) continue;
      const before = sums.size;
      add(sums, each);
      this.#folded.set(each.route, sums);
      this.#sums += sums.size - before;
    }
  }

  /** What is left of old versions is counted under none. */
  #forgetVersions(): void {
    this.#sums = 0;
    for (const [route, sums] of this.#folded) {
      const merged = new Map<string, Sum>();
      for (const [key, sum] of sums) {
        const plain = JSON.stringify({ ...(JSON.parse(key) as Key), version: "" });
        const into = merged.get(plain) ?? emptySum();
        for (const field of Object.keys(into) as (keyof Sum)[]) into[field] += sum[field];
        merged.set(plain, into);
      }
      this.#folded.set(route, merged);
      this.#sums += merged.size;
    }
  }
}

/** A process: an instance that starts anew under the same name is another one. */
function nameOf({ instance, startedAt }: ReportRequest): string {
  return `${instance}@${durationMs(startedAt) ?? 0}`;
}

function addTo(sums: Map<string, Sum>, { series }: ReportRequest, route: string): void {
  for (const each of series) if (each.route === route) add(sums, each);
}

const emptySum = (): Sum => ({ requests: 0, errors: 0, seconds: 0, scores: 0, scoreSum: 0 });

const keyOf = ({ variant, traffic, version, keyed }: Key): string =>
  JSON.stringify({ variant, traffic, version, keyed } satisfies Key);

function add(sums: Map<string, Sum>, each: SeriesMessage): void {
  const key = keyOf(each);
  const sum = sums.get(key) ?? emptySum();
  sums.set(key, sum);
  for (const { code, count } of each.codes) {
    sum.requests += count;
    if (serverErrors.has(code)) sum.errors += count;
  }
  sum.seconds += each.latency?.sum ?? 0;
  sum.scores += total(each.score);
  sum.scoreSum += each.score?.sum ?? 0;
}

const total = (histogram: HistogramMessage | null): number =>
  (histogram?.counts ?? []).reduce((sum, count) => sum + count, 0);

const orderOf = ({ variant, traffic, version, keyed }: Key): string => [variant, traffic, version, keyed].join("\0");
