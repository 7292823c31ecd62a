/**
 * What all workers counted for the config service, asked of each and added up: to whoever reports it, the counts of one process.
 *
 * A worker that does not answer in time is told of as it was heard last: what it counts meanwhile comes with the next report.
 */
import type { CountsReading, CountsSource } from "../model/counts.ts";
import type { Metrics } from "../observe/metrics.ts";
import { ReportTotals } from "../observe/report-totals.ts";
import type { WorkerProcess } from "../workers/worker-process.ts";

/** Well below the interval of reports; a worker takes milliseconds. */
const askMs = 2_000;

export class GroupCounts implements CountsSource {
  readonly #totals = new ReportTotals();
  readonly #serving: () => readonly WorkerProcess[];

  /** @param serving the workers there are to ask */
  constructor(metrics: Metrics, serving: () => readonly WorkerProcess[]) {
    this.#serving = serving;
    metrics.register("contender_report_lost_versions_total", () => [{ labels: [], value: this.#totals.lost }]);
  }

  async read(): Promise<CountsReading> {
    await Promise.all(this.#serving().map((worker) => this.#ask(worker)));
    return this.#totals.read();
  }

  acknowledge(id: number): void {
    this.#totals.acknowledge(id);
  }

  /** A worker has ended; what it counted, where it could still say so. */
  end(worker: number, last: CountsReading | undefined): void {
    if (last !== undefined) this.#totals.note(worker, last);
    this.#totals.end(worker);
  }

  async #ask(worker: WorkerProcess): Promise<void> {
    const { number } = worker;
    const acknowledged = this.#totals.acknowledgedOf(number);
    const text = await worker.ask({ kind: "counts", acknowledged }, askMs).catch(() => undefined);
    // One that has ended since is in the sum already.
    if (text !== undefined && !worker.gone) this.#totals.note(number, JSON.parse(text) as CountsReading);
  }
}
