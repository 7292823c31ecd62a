/**
 * The limits as one of several workers gets them, so that all together keep what was set.
 *
 * Static shares need nobody's word on the path of a call. In return, where callers have so few connections that they don't
 * reach every worker, the group may use less than was set; never more, but for what can't be less than one.
 */
import type { LimitValues } from "./messages.ts";

/** Whose each limit is. `all`: for the whole group, divided. `each`: per call, stream, connection or time; as it is. */
export const limitScopes: Readonly<Record<string, Readonly<Record<string, "all" | "each" | "primary">>>> = {
  http2: {
    streamWindowBytes: "each",
    connectionWindowBytes: "each",
    maxConcurrentStreams: "each",
    maxFrameBytes: "each",
    maxHeaderListBytes: "each",
    maxHeaderBlockBytes: "each",
    maxContinuations: "each",
    resetBurst: "each",
    resetsPerSecond: "each",
    earlyResetMs: "each",
    controlBurst: "each",
    controlsPerSecond: "each",
    frameTimeoutMs: "each",
    maxSettings: "each",
    decoderTableBytes: "each",
    encoderTableBytes: "each",
    outputHighWaterBytes: "each",
    outputLimitBytes: "each",
    sliceBytes: "each",
    maxStreamId: "each",
  },
  transport: {
    connectTimeoutMs: "each",
    backoffInitialMs: "each",
    backoffMaxMs: "each",
    backoffFactor: "each",
    backoffJitter: "each",
    maxConnections: "all",
    maxAddresses: "each",
    resolveIntervalMs: "each",
    resolveMinMs: "each",
    resolveTimeoutMs: "each",
    maxQueuedCalls: "all",
    queueTimeoutMs: "each",
    maxConnectionsAccepted: "primary",
    keepaliveMs: "each",
    keepaliveTimeoutMs: "each",
    callerKeepaliveMs: "each",
    callerIdleMs: "each",
    callerMaxAgeMs: "each",
    callerAgeGraceMs: "each",
    upstreamMaxAgeMs: "each",
    streamIdleMs: "each",
    handshakeTimeoutMs: "each",
    handshakesPerTurn: "each",
    goawayPingTimeoutMs: "each",
    backlog: "primary",
  },
  proxy: {
    heldBytes: "all",
    maxCalls: "all",
    headerBytes: "all",
    connectionUnreadBytes: "each",
    replayBytes: "each",
    insuredBytes: "each",
    scoreBytes: "each",
    shadowAnswerBytes: "each",
    overrideBytes: "each",
  },
  overload: {
    shadowLagMs: "each",
    shedLagMs: "each",
    shadowMemoryPercent: "each",
    shedMemoryPercent: "each",
    memoryBytes: "all",
    bufferedBytes: "all",
  },
  /** Of the breakers, which the primary keeps. */
  breaker: {
    minCalls: "primary",
    failurePercent: "primary",
    windowMs: "primary",
    resetMs: "primary",
    probeTimeoutMs: "primary",
  },
};

/**
 * One worker's limits. What is divided is told in full, its default included: the share of a default is no default.
 *
 * @param limits with the defaults filled in
 */
export function shareOf(limits: LimitValues, workers: number): LimitValues {
  const groups = Object.entries(limits).map(([group, options]) => {
    const own = Object.entries(options).map(([option, value]) => {
      const divided = limitScopes[group]?.[option] === "all";
      // None at all is a limit as well, and stays it; a part of one is one.
      return [option, divided && value > 0 ? Math.max(1, Math.floor(value / workers)) : value] as const;
    });
    return [group, Object.fromEntries(own)] as const;
  });
  return Object.fromEntries(groups);
}
