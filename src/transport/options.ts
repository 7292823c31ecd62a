/** Limits of sockets, listeners and pools, each with its default and reason. */
export interface TransportOptions {
  /** Time for a TCP connection and the peer's first SETTINGS. Default 1 000: beyond it the pod is not there. */
  readonly connectTimeoutMs?: number;
  /** First pause after a failed connection. Default 100: a restarting server is back in the time of a few of them. */
  readonly backoffInitialMs?: number;
  /** Longest pause between connection attempts. Default 5 000: a variant that comes back is noticed within it. */
  readonly backoffMaxMs?: number;
  /** Factor from one pause to the next. Default 1.6, gRPC's own. */
  readonly backoffFactor?: number;
  /** Random part of a pause, as a share of it, up and down. Default 0.2, gRPC's own; 0 in tests. */
  readonly backoffJitter?: number;
  /** Connections to one address of a variant, where one is at its peer's stream limit. Default 4. */
  readonly maxConnections?: number;
  /**
   * Addresses of one name that are used. Default 16: of a hundred pods each still gets its share, as every sidecar draws its
   * own; and a connection's memory, on both sides, is spent on no more than calls can need.
   */
  readonly maxAddresses?: number;
  /**
   * Time between two look-ups of a name. Default 30 000, what cluster DNS lets others keep an answer for: new pods
   * get calls within it. Jittered like a pause between attempts.
   */
  readonly resolveIntervalMs?: number;
  /** Least time between two look-ups of a name, whatever fails. Default 2 000: a rolling restart is many failures at once. */
  readonly resolveMinMs?: number;
  /** Time for a look-up, after which calls without any address are told. Default 5 000, a resolver's own first try. */
  readonly resolveTimeoutMs?: number;
  /** Calls of one variant that may wait for a stream or a connection. Default 1 000, about a second's worth. */
  readonly maxQueuedCalls?: number;
  /** Longest wait in that queue. Default 1 000: a caller gains more from an answer than from waiting longer. */
  readonly queueTimeoutMs?: number;
  /**
   * Connections a listener accepts at once. Default 10 000, as Envoy recommends for the edge. Each has 64 KiB to be read into,
   * of which as much becomes memory as its largest read had.
   */
  readonly maxConnectionsAccepted?: number;
  /** Time for a client's preface and SETTINGS. Default 10 000. */
  readonly handshakeTimeoutMs?: number;
  /** Time for the answer to the PING between the two GOAWAYs of a drain. Default 1 000. */
  readonly goawayPingTimeoutMs?: number;
  /** Pending connections the kernel holds for us. Default 1 024. */
  readonly backlog?: number;
}

const defaults = {
  connectTimeoutMs: 1_000,
  backoffInitialMs: 100,
  backoffMaxMs: 5_000,
  backoffFactor: 1.6,
  backoffJitter: 0.2,
  maxConnections: 4,
  maxAddresses: 16,
  resolveIntervalMs: 30_000,
  resolveMinMs: 2_000,
  resolveTimeoutMs: 5_000,
  maxQueuedCalls: 1_000,
  queueTimeoutMs: 1_000,
  maxConnectionsAccepted: 10_000,
  handshakeTimeoutMs: 10_000,
  goawayPingTimeoutMs: 1_000,
  backlog: 1_024,
} satisfies Required<TransportOptions>;

export type ResolvedTransportOptions = Readonly<typeof defaults>;

/** Smallest legal value of each option; all are finite. */
const least: Record<keyof typeof defaults, number> = {
  connectTimeoutMs: 1,
  backoffInitialMs: 1,
  backoffMaxMs: 1,
  backoffFactor: 1,
  backoffJitter: 0,
  maxConnections: 1,
  maxAddresses: 1,
  resolveIntervalMs: 1,
  resolveMinMs: 1,
  resolveTimeoutMs: 1,
  maxQueuedCalls: 0,
  queueTimeoutMs: 1,
  maxConnectionsAccepted: 1,
  handshakeTimeoutMs: 1,
  goawayPingTimeoutMs: 1,
  backlog: 1,
};

/** Fills in defaults. @throws RangeError for an unknown option or a value below its bound, naming it. */
export function resolveTransportOptions(given: TransportOptions = {}): ResolvedTransportOptions {
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) throw new RangeError(`unknown transport option "${key}"`);
    const bound = least[key as keyof typeof defaults];
    if (!Number.isFinite(value) || value < bound) {
      throw new RangeError(`transport option "${key}": want a number from ${bound}, got ${value}`);
    }
  }
  return Object.freeze({ ...defaults, ...given });
}
