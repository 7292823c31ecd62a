/** Limits of the admin port, each with its default and reason. */
export interface AdminOptions {
  /**
   * Connections at once. At the limit idle ones are closed to make room, and what comes meanwhile is refused. Default
   * 64: a scraper or two, the kubelet's probes, some curls.
   */
  readonly maxConnections?: number;
  /**
   * Connections at once of one peer on another machine. Default 16: a scraper, a prober and a person may share an address, and
   * whoever opens more to stall the port leaves three quarters of it to others.
   */
  readonly maxConnectionsPerPeer?: number;
  /** Bytes of request line and headers. Default 8,192: browsers behind a gateway send a few kilobytes. */
  readonly maxHeaderBytes?: number;
  /** Bytes of a request's body, which no endpoint reads. Default 1,024: enough for a client that sends `{}`. */
  readonly maxBodyBytes?: number;
  /** Time for a request's headers to arrive, a silent connection's included. Default 5,000: they fit one packet. */
  readonly headersTimeoutMs?: number;
  /** Time for a whole request to arrive. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Time an idle connection is kept. Default 75,000: Prometheus scrapes every 15 to 60 s over the same one. */
  readonly keepAliveTimeoutMs?: number;
  /** Time without a byte moving while an answer is written. Default 30,000: its reader has stopped reading. */
  readonly stalledTimeoutMs?: number;
  /** Time an answer may take to be made. Default 10,000, Prometheus' own scrape time-out. */
  readonly answerTimeoutMs?: number;
  /** Time that open requests get when the port is closed. Default 2,000: a scrape takes a tenth of that. */
  readonly closeTimeoutMs?: number;
}

const defaults = {
  maxConnections: 64,
  maxConnectionsPerPeer: 16,
  maxHeaderBytes: 8_192,
  maxBodyBytes: 1_024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 75_000,
  stalledTimeoutMs: 30_000,
  answerTimeoutMs: 10_000,
  closeTimeoutMs: 2_000,
} as const satisfies Required<AdminOptions>;

/** Fills the defaults. Throws a RangeError for an option that there is not. */
export function resolveAdminOptions(given: AdminOptions = {}): Required<AdminOptions> {
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(defaults, key)) throw new RangeError(`unknown admin option "${key}"`);
  }
  return Object.freeze({ ...defaults, ...given });
}
