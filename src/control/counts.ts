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
import type { Turns } from "./turns.ts";

/** gRPC codes that say the server failed: https://grpc.io/docs/guides/status-codes/ sorts them; what the caller did wrong is not among them. */
const serverErrors: ReadonlySet<number> = new Set([2, 4, 8, 12, 13, 14, 15]);

/** Processes whose reports are kept apart. */
export const mostInstances = 30_000;

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

  /** Takes a report in. @returns whether it is the latest of its process. */
  take({ report, bytes }: ReadReport): Taken {
    const name = nameOf(report);
    if (this.#names.has(name)) return "forgotten";
    const before = this.#reports.get(name);
    if (before !== undefined && before.sequence >= report.sequence) return "old";
    // Those that reported last stand at the end.
    this.#reports.delete(name);
    this.#reports.set(name, { sequence: report.sequence, bytes });
    if (this.#reports.size > mostInstances) this.#fold();
    return "new";
  }

  /** Every report that is kept at this moment, for a replica that has to know them all; read as they are asked for. */
  *all(): Iterable<ReportRequest> {
    for (const { bytes } of [...this.#reports.values()]) yield readReport(bytes).report;
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

  #fold(): void {
    const [oldest] = this.#reports;
    if (oldest === undefined) return;
    const [name, { bytes }] = oldest;
    const { report } = readReport(bytes);
    this.#reports.delete(name);
    this.#names.add(name);
    for (const route of new Set(report.series.map((each) => each.route))) {
      const sums = this.#folded.get(route) ?? new Map<string, Sum>();
      this.#folded.set(route, sums);
      addTo(sums, report, route);
    }
  }
}

/** A process: an instance that starts anew under the same name is another one. */
function nameOf({ instance, startedAt }: ReportRequest): string {
  return `${instance}@${durationMs(startedAt) ?? 0}`;
}

function addTo(sums: Map<string, Sum>, { series }: ReportRequest, route: string): void {
  for (const each of series) {
    if (each.route !== route) continue;
    const { variant, traffic, version, keyed } = each;
    const key = JSON.stringify({ variant, traffic, version, keyed } satisfies Key);
    const sum = sums.get(key) ?? { requests: 0, errors: 0, seconds: 0, scores: 0, scoreSum: 0 };
    sums.set(key, sum);
    for (const { code, count } of each.codes) {
      sum.requests += count;
      if (serverErrors.has(code)) sum.errors += count;
    }
    sum.seconds += each.latency?.sum ?? 0;
    sum.scores += total(each.score);
    sum.scoreSum += each.score?.sum ?? 0;
  }
}

const total = (histogram: HistogramMessage | null): number =>
  (histogram?.counts ?? []).reduce((sum, count) => sum + count, 0);

const orderOf = ({ variant, traffic, version, keyed }: Key): string => [variant, traffic, version, keyed].join("\0");
