/** The limits that the environment can set, by the module that enforces them and its option's name. */
import { longestDurationMs } from "../base/duration.ts";

export interface LimitDeclaration {
  /** As the owner has it. */
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** Whether fractions make sense. */
  readonly fraction?: boolean;
  readonly doc: string;
}

const tebibyte = 1_099_511_627_776;

/** HTTP/2 knows no larger window, stream count or setting: RFC 9113 section 6.5.2. */
const int31 = 0x7fff_ffff;

export const limitTable = {
  http2: {
    streamWindowBytes: {
      default: 262_144,
      least: 1_024,
      most: int31,
      doc: "Bytes a peer may send on one stream before they are delivered.",
    },
    connectionWindowBytes: {
      default: 4_194_304,
      least: 65_535,
      most: int31,
      doc: "Bytes a peer may have on its way to us on all streams of a connection together.",
    },
    maxConcurrentStreams: {
      default: 1_000,
      least: 1,
      most: int31,
      doc: "Streams a peer may have open at once on one connection.",
    },
    maxFrameBytes: { default: 16_384, least: 16_384, most: 0xff_ffff, doc: "Largest frame payload that is taken." },
    maxHeaderListBytes: {
      default: 32_768,
      least: 1_024,
      most: int31,
      doc: "Largest header list of a call, each field counted with 32 bytes on top.",
    },
    maxHeaderBlockBytes: {
      default: 65_536,
      least: 1_024,
      most: int31,
      doc: "Largest encoded header block over all its frames.",
    },
    maxContinuations: {
      default: 8,
      least: 0,
      most: 1_000_000,
      doc: "CONTINUATION frames that one header block may take.",
    },
    resetBurst: {
      default: 2_000,
      least: 0,
      most: int31,
      doc: "Streams of a connection that may end in vain (taken back early, or reset for what came on them) beyond what time and completed calls pay for, before it ends.",
    },
    resetsPerSecond: {
      default: 100,
      least: 0,
      most: int31,
      doc: "Streams ended in vain that time pays for, each second.",
    },
    earlyResetMs: {
      default: 10,
      least: 0,
      most: longestDurationMs,
      doc: "A stream that was open this long was not taken back early.",
    },
    controlBurst: {
      default: 10_000,
      least: 0,
      most: int31,
      doc: "Frames without a message (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and the like) beyond what time, calls and data pay for, before a connection ends.",
    },
    controlsPerSecond: {
      default: 1_000,
      least: 0,
      most: int31,
      doc: "Such frames that time pays for, each second.",
    },
    frameTimeoutMs: {
      default: 10_000,
      least: 1,
      most: longestDurationMs,
      doc: "Time from the first byte of a header block, or of another frame that has to be whole, to its last.",
    },
    maxSettings: { default: 32, least: 1, most: 2_730, doc: "Entries of one SETTINGS frame." },
    decoderTableBytes: {
      default: 4_096,
      least: 0,
      most: 1_048_576,
      doc: "Header compression table that is offered to a peer.",
    },
    encoderTableBytes: {
      default: 4_096,
      least: 0,
      most: 1_048_576,
      doc: "Header compression table that is used towards a peer at most, whatever it offers.",
    },
    outputHighWaterBytes: {
      default: 262_144,
      least: 65_536,
      most: int31,
      doc: "Unsent output of a connection at which stream data is held back.",
    },
    outputLimitBytes: {
      default: 1_048_576,
      least: 65_536,
      most: int31,
      doc: "Unsent output at which nothing more is read from the peer that causes it.",
    },
    sliceBytes: {
      default: 8_192,
      least: 2_048,
      most: int31,
      doc: "Payloads at least this long are passed on as they are, shorter ones copied into the output.",
    },
    maxStreamId: {
      default: 0x4000_0000,
      least: 3,
      most: int31,
      doc: "Last stream of an upstream connection before another takes its place.",
    },
  },
  transport: {
    connectTimeoutMs: {
      default: 1_000,
      least: 1,
      most: longestDurationMs,
      doc: "Time for a connection to an upstream and its first SETTINGS.",
    },
    backoffInitialMs: {
      default: 100,
      least: 1,
      most: longestDurationMs,
      doc: "First pause after a failed connection.",
    },
    backoffMaxMs: {
      default: 5_000,
      least: 1,
      most: longestDurationMs,
      doc: "Longest pause between connection attempts.",
    },
    backoffFactor: { default: 1.6, least: 1, most: 100, fraction: true, doc: "Factor from one pause to the next." },
    backoffJitter: {
      default: 0.2,
      least: 0,
      most: 1,
      fraction: true,
      doc: "Random part of a pause, as a share of it, up and down.",
    },
    maxConnections: {
      default: 4,
      least: 1,
      most: 10_000,
      doc: "Connections to one address of a variant, where one is at its server's stream limit.",
    },
    maxAddresses: {
      default: 16,
      least: 1,
      most: 10_000,
      doc: "Addresses of one name that are used; of more, each sidecar draws its own.",
    },
    resolveIntervalMs: {
      default: 30_000,
      least: 1,
      most: longestDurationMs,
      doc: "Time between two look-ups of a variant's name.",
    },
    resolveMinMs: {
      default: 2_000,
      least: 1,
      most: longestDurationMs,
      doc: "Least time between two look-ups of a name, whatever fails.",
    },
    resolveTimeoutMs: {
      default: 5_000,
      least: 1,
      most: longestDurationMs,
      doc: "Time for a look-up; calls to a name without any known address fail after it.",
    },
    maxQueuedCalls: {
      default: 1_000,
      least: 0,
      most: 1_000_000,
      doc: "Calls of one variant that may wait for a stream or a connection.",
    },
    queueTimeoutMs: { default: 1_000, least: 1, most: longestDurationMs, doc: "Longest wait in that queue." },
    maxConnectionsAccepted: {
      default: 10_000,
      least: 1,
      most: 1_000_000,
      doc: "Connections of callers at once.",
    },
    keepaliveMs: {
      default: 330_000,
      least: 0,
      most: longestDurationMs,
      doc: "Silence of an upstream with calls open, after which a PING asks whether it is alive; 0s never asks, less than 10s counts as 10s.",
    },
    keepaliveTimeoutMs: {
      default: 20_000,
      least: 1,
      most: longestDurationMs,
      doc: "Time for the answer to such a PING, an upstream's or a caller's.",
    },
    callerKeepaliveMs: {
      default: 300_000,
      least: 0,
      most: longestDurationMs,
      doc: "Silence of a caller after which a PING asks whether it is alive; 0s never asks.",
    },
    callerIdleMs: {
      default: 3_600_000,
      least: 0,
      most: longestDurationMs,
      doc: "Time without a call after which a caller's connection is ended; 0s keeps it.",
    },
    callerMaxAgeMs: {
      default: 0,
      least: 0,
      most: longestDurationMs,
      doc: "Age, give or take a tenth, at which a caller's connection is ended gracefully; 0s keeps it.",
    },
    callerAgeGraceMs: {
      default: 0,
      least: 0,
      most: longestDurationMs,
      doc: "How long such a connection may finish its calls; 0s for as long as they take.",
    },
    upstreamMaxAgeMs: {
      default: 0,
      least: 0,
      most: longestDurationMs,
      doc: "Age, give or take a tenth, at which another connection to an upstream takes the place of one; 0s keeps it.",
    },
    streamIdleMs: {
      default: 300_000,
      least: 0,
      most: longestDurationMs,
      doc: "Time that bytes of a stream, or of a connection, may wait without progress before it is ended; 0s for ever.",
    },
    handshakeTimeoutMs: {
      default: 10_000,
      least: 1,
      most: longestDurationMs,
      doc: "Time for a caller's TLS handshake, preface and SETTINGS, all of them together.",
    },
    goawayPingTimeoutMs: {
      default: 1_000,
      least: 1,
      most: longestDurationMs,
      doc: "Time for the answer to the PING between the two GOAWAYs of a drain.",
    },
    handshakesPerTurn: {
      default: 4,
      least: 1,
      most: 10_000,
      doc: "TLS handshakes that begin in one turn of the event loop, so that a rush of callers does not hold up calls.",
    },
    backlog: {
      default: 1_024,
      least: 1,
      most: 65_535,
      doc: "Connections that the kernel holds until they are accepted.",
    },
  },
  proxy: {
    heldBytes: {
      default: 268_435_456,
      least: 65_536,
      most: tebibyte,
      doc: "Bytes that the process holds for calls, in streams and before they are assigned; beyond it, callers that hold more than an equal share of it get no credit.",
    },
    maxCalls: { default: 10_000, least: 1, most: 10_000_000, doc: "Calls in flight, of all callers together." },
    headerBytes: {
      default: 67_108_864,
      least: 65_536,
      most: tebibyte,
      doc: "Bytes of header lists that calls in flight keep, each field counted with 32 bytes on top; beyond it new calls are refused.",
    },
    connectionUnreadBytes: {
      default: 67_108_864,
      least: 65_536,
      most: tebibyte,
      doc: "Bytes of answers that wait for one caller's connection; beyond it calls of that connection are refused or ended.",
    },
    replayBytes: {
      default: 65_536,
      least: 0,
      most: int31,
      doc: "Request bytes of a call that are kept until something is answered, so that it can be sent again.",
    },
    insuredBytes: {
      default: 262_144,
      least: 0,
      most: int31,
      doc: "The same for calls to a challenger with onFailure: champion.",
    },
    scoreBytes: { default: 1_048_576, least: 0, most: int31, doc: "Longest answer whose score is read." },
    shadowAnswerBytes: {
      default: 16_777_216,
      least: 0,
      most: int31,
      doc: "Longest answer of a shadow that is read to its end.",
    },
    overrideBytes: { default: 16_777_216, least: 0, most: int31, doc: "Largest message whose model is rewritten." },
  },
  breaker: {
    minCalls: {
      default: 20,
      least: 2,
      most: 1_000_000,
      doc: "Calls that a breaker's window must hold before it may open.",
    },
    failurePercent: {
      default: 50,
      least: 1,
      most: 99,
      fraction: true,
      doc: "A breaker opens when more than this percentage of its window failed.",
    },
    windowMs: { default: 10_000, least: 100, most: 600_000, doc: "Length of a breaker's rolling window." },
    resetMs: {
      default: 5_000,
      least: 1,
      most: longestDurationMs,
      doc: "How long a breaker stays open before it lets one call try.",
    },
    probeTimeoutMs: {
      default: 30_000,
      least: 1,
      most: longestDurationMs,
      doc: "How long that one call may take before it counts as failed. Below the longest deadline of the calls, a slow model does not get back in; for copies at least twice the shadow's timeout counts.",
    },
  },
  overload: {
    shadowLagMs: {
      default: 100,
      least: 1,
      most: longestDurationMs,
      doc: "Lateness of the event loop at which copies for shadows stop.",
    },
    shedLagMs: {
      default: 300,
      least: 1,
      most: longestDurationMs,
      doc: "Lateness of the event loop at which new calls are refused.",
    },
    shadowMemoryPercent: {
      default: 75,
      least: 1,
      most: 100,
      fraction: true,
      doc: "Percentage of the heap, the memory or the buffered bytes that there may be, at which copies for shadows stop.",
    },
    shedMemoryPercent: {
      default: 85,
      least: 1,
      most: 100,
      fraction: true,
      doc: "The same for new calls, which are refused.",
    },
    memoryBytes: {
      default: 0,
      least: 0,
      most: tebibyte,
      doc: "Memory that the process may take; 0 is the container's limit, or the machine's memory where there is none.",
    },
    bufferedBytes: {
      default: 536_870_912,
      least: 1_048_576,
      most: tebibyte,
      doc: "Bytes that calls and connections may pin in all, unsent output and memory for reading included.",
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, LimitDeclaration>>>>;

export type LimitGroup = keyof typeof limitTable;
