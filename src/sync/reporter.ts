/**
 * Tells the config service what this process has counted, over and over, for as long as it lives.
 *
 * Counts are cumulative, so a report that is lost costs nothing but time, and one that arrives twice changes nothing: there is one
 * under way at a time, none is repeated, and the next has what it had. The last is sent when the process ends, and is not waited
 * for longer than an end may be held up.
 */
import { durationMs, type ReportRequest, type ReportResponse } from "../api/messages.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { CountsSource } from "../model/counts.ts";
import { type ReportingNode, reportRequest } from "./report-request.ts";

export interface ReporterPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly counts: CountsSource;
  /** @throws whatever keeps the service from taking it in */
  send(request: ReportRequest): Promise<ReportResponse>;
  /** A report has failed, so many in a row. */
  onFailure?: ((reason: unknown, failures: number) => void) | undefined;
}

export interface ReporterOptions {
  /** Until the service says when it wants reports, in milliseconds. Default 10,000: a gate sees a minute by six of them. */
  readonly intervalMs?: number;
  /** What the service may ask for at least; default 1,000: a mistake there must not make every sidecar report without end. */
  readonly minIntervalMs?: number;
  /**
   * And at most; default 600,000, twice what a config service of ours can be set to. Counts that come more seldom tell nobody in
   * time what a rollout does, and the one that asked would have to wait as long to take it back.
   */
  readonly maxIntervalMs?: number;
  /** Longest pause after failures; default 60,000. Counts wait without loss, and a service that comes back is to hear soon. */
  readonly maxPauseMs?: number;
  /** How long a report may take; default 10,000. One that takes longer has failed, whatever becomes of it. */
  readonly timeoutMs?: number;
  /** How long the last one may hold up the end of the process; default 1,000. */
  readonly finalMs?: number;
}

/** Part of the interval by which the next report comes earlier or later, so that a fleet does not report at one moment. */
const jitter = 0.1;

export class Reporter {
  /** Reports that were taken in, and that were not. */
  taken = 0;
  failed = 0;
  readonly #node: ReportingNode;
  readonly #ports: ReporterPorts;
  readonly #options: Required<ReporterOptions>;
  #intervalMs: number;
  #sequence = 0;
  /** Failed reports in a row. */
  #failures = 0;
  /** Ends the wait for the next report; undefined while one is under way, or before the first. */
  #cancel: (() => void) | undefined;
  #end: Promise<boolean> | undefined;

  constructor(node: ReportingNode, ports: ReporterPorts, options: ReporterOptions = {}) {
    const { intervalMs = 10_000, minIntervalMs = 1_000, maxIntervalMs = 600_000 } = options;
    const { maxPauseMs = 60_000, timeoutMs = 10_000, finalMs = 1_000 } = options;
    this.#node = node;
    this.#ports = ports;
    this.#options = { intervalMs, minIntervalMs, maxIntervalMs, maxPauseMs, timeoutMs, finalMs };
    this.#intervalMs = intervalMs;
  }

  /** Begins to report: for the first time after one interval. */
  start(): void {
    if (this.#cancel === undefined && this.#sequence === 0) this.#wait();
  }

  /** The service wants reports this often; what is no time, or none, changes nothing. It is said again with every heartbeat. */
  want(intervalMs: number | undefined): void {
    if (intervalMs === undefined || !(intervalMs > 0)) return;
    const { minIntervalMs, maxIntervalMs } = this.#options;
    const wanted = Math.min(Math.max(intervalMs, minIntervalMs), maxIntervalMs);
    if (wanted === this.#intervalMs) return;
    this.#intervalMs = wanted;
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#wait();
  }

  /** Sends the last report. @returns whether it was taken in; it never rejects, and comes soon. */
  end(): Promise<boolean> {
    this.#end ??= this.#sendFinal();
    return this.#end;
  }

  #wait(): void {
    const pauseMs = this.#pauseMs() * (1 + jitter * (2 * this.#ports.chance.next() - 1));
    this.#cancel = this.#ports.clock.after(pauseMs, () => {
      this.#cancel = undefined;
      void this.#report();
    });
  }

  #pauseMs(): number {
    const most = Math.max(this.#options.maxPauseMs, this.#intervalMs);
    // The first that fails costs no more than its turn; 2^30 intervals are more than any limit.
    return Math.min(this.#intervalMs * 2 ** Math.min(Math.max(this.#failures - 1, 0), 30), most);
  }

  async #report(): Promise<void> {
    try {
      const { nextReport } = await this.#sendWithin(this.#options.timeoutMs, false);
      this.#failures = 0;
      this.want(durationMs(nextReport));
    } catch (reason) {
      this.#ports.onFailure?.(reason, ++this.#failures);
    }
    if (this.#end === undefined) this.#wait();
  }

  /** One under way is not waited for: the service goes by the higher sequence, and time is short. */
  async #sendFinal(): Promise<boolean> {
    this.#cancel?.();
    this.#cancel = undefined;
    try {
      await this.#sendWithin(this.#options.finalMs, true);
      return true;
    } catch (reason) {
      this.#ports.onFailure?.(reason, ++this.#failures);
      return false;
    }
  }

  /** @throws where it can't be sent, is refused, or takes longer. */
  async #sendWithin(limitMs: number, final: boolean): Promise<ReportResponse> {
    const late = Promise.withResolvers<never>();
    const error = new Error(`the report was not taken in within ${limitMs} ms`);
    const cancel = this.#ports.clock.after(limitMs, () => late.reject(error));
    try {
      const response = await Promise.race([this.#send(final), late.promise]);
      this.taken++;
      return response;
    } catch (reason) {
      this.failed++;
      throw reason;
    } finally {
      cancel();
    }
  }

  async #send(final: boolean): Promise<ReportResponse> {
    const { clock, counts } = this.#ports;
    const reading = await counts.read();
    const moment = { sequence: ++this.#sequence, takenAtMs: clock.wallMs(), final };
    const response = await this.#ports.send(reportRequest(this.#node, reading, moment));
    // Also where it comes late: it was taken in.
    counts.acknowledge(reading.id);
    return response;
  }
}
