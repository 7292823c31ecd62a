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
  /**
   * Silence of an upstream with calls open after which it is asked by a PING whether it is alive; 0 never asks, anything
   * shorter than 10 000 counts as that, as with gRPC's own clients. Default 330 000: gRPC servers take one in five minutes,
   * by their own clocks, and close the connection of who asks more often ("too_many_pings").
   */
  readonly keepaliveMs?: number;
  /** Time for the answer, and for that of a caller. Default 20 000, gRPC's own. */
  readonly keepaliveTimeoutMs?: number;
  /**
   * Silence of a caller after which it is asked, calls or not; 0 never asks. Default 300 000: callers tolerate any number
   * of PINGs, and a pod that vanished without a word should not hold its connection and its calls for much longer.
   */
  readonly callerKeepaliveMs?: number;
  /** Time without a call after which a caller's connection is ended; 0 keeps it. Default 3 600 000, as Envoy has it. */
  readonly callerIdleMs?: number;
  /**
   * Age, give or take a tenth, at which a caller's connection is ended gracefully, so that callers find sidecars that were
   * added; 0 keeps it. Default 0: where callers spread their calls themselves, it would only cost them connections.
   */
  readonly callerMaxAgeMs?: number;
  /** How long such a connection may finish its calls; 0 for as long as they take, the default: streams may be long. */
  readonly callerAgeGraceMs?: number;
  /**
   * Age, give or take a tenth, at which an upstream's connection is replaced, the next one first; 0 keeps it. Default 0: a
   * name's addresses are followed anyway. Behind one virtual address, as of a Kubernetes service that is not
   * headless, it spreads calls over pods that came later.
   */
  readonly upstreamMaxAgeMs?: number;
  /**
   * Time that bytes of a stream, or of a socket, may wait without any progress; 0 for ever. Default 300 000, as Envoy has
   * it for idle streams; here a stream that has nothing to send may be idle for as long as it likes.
   */
  readonly streamIdleMs?: number;
  /** Time for a client's TLS handshake, its preface and SETTINGS, all of them together. Default 10 000. */
  readonly handshakeTimeoutMs?: number;
  /** Time for the answer to the PING between the two GOAWAYs of a drain. Default 1 000. */
  readonly goawayPingTimeoutMs?: number;
  /**
   * TLS handshakes that begin in one turn of the event loop; the others wait for the next. Default 4: each is a signature,
   * 0.05 to 0.5 ms of work in one go, and what calls wait for meanwhile stays near a millisecond.
   */
  readonly handshakesPerTurn?: number;
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
  keepaliveMs: 330_000,
  keepaliveTimeoutMs: 20_000,
  callerKeepaliveMs: 300_000,
  callerIdleMs: 3_600_000,
  callerMaxAgeMs: 0,
  callerAgeGraceMs: 0,
  upstreamMaxAgeMs: 0,
  streamIdleMs: 300_000,
  handshakeTimeoutMs: 10_000,
  goawayPingTimeoutMs: 1_000,
  handshakesPerTurn: 4,
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
  keepaliveMs: 0,
  keepaliveTimeoutMs: 1,
  callerKeepaliveMs: 0,
  callerIdleMs: 0,
  callerMaxAgeMs: 0,
  callerAgeGraceMs: 0,
  upstreamMaxAgeMs: 0,
  streamIdleMs: 0,
  handshakeTimeoutMs: 1,
  goawayPingTimeoutMs: 1,
  handshakesPerTurn: 1,
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
