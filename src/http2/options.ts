/** Every limit of one HTTP/2 connection, with its default and the reason for it. */
export interface Http2Options {
  /**
   * Bytes a peer may send on one stream before they are delivered (SETTINGS_INITIAL_WINDOW_SIZE).
   *
   * Default 262 144: a 1 MiB request then needs a few round trips instead of sixteen.
   */
  readonly streamWindowBytes?: number;
  /**
   * Bytes a peer may send on all streams together. Default 4 194 304: the credit is returned on receipt, so this only
   * bounds what is in flight towards us; sixteen streams can fill their windows at once.
   */
  readonly connectionWindowBytes?: number;
  /** Streams a peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). Default 1 000: several pods' worth of calls. */
  readonly maxConcurrentStreams?: number;
  /** Largest frame payload we take (SETTINGS_MAX_FRAME_SIZE). Default 16 384, the protocol's own. */
  readonly maxFrameBytes?: number;
  /** Largest header list, by RFC 9113's count (32 bytes a field on top). Default 32 768: tokens and baggage fit twice. */
  readonly maxHeaderListBytes?: number;
  /** Largest encoded header block over all its frames. Default 65 536: twice the list, so that a reply can still say "too large". */
  readonly maxHeaderBlockBytes?: number;
  /** CONTINUATION frames a block may take. Default 8: a full block in the smallest legal frame size. */
  readonly maxContinuations?: number;
  /**
   * Streams of a caller that may end in vain before the connection does, beyond what time and work pay for: taken back
   * early, or reset by us for what came on them. Default 2 000: a fan-out of two full connections cancelled at once.
   */
  readonly resetBurst?: number;
  /** How many of them a second are paid for by time alone. Default 100: a client that cancels all it asks, for ever. */
  readonly resetsPerSecond?: number;
  /**
   * A stream that was open this long has not been taken back early. Default 10: the limit on streams then lets no more
   * than 100 000 of them through in a second, and a model that answers as fast is loaded as much by honest calls.
   */
  readonly earlyResetMs?: number;
  /**
   * Frames without a message (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA) that a peer may send beyond what time
   * and work pay for. Default 10 000, as many as Envoy lets wait in its output.
   */
  readonly controlBurst?: number;
  /** How many of them a second are paid for by time alone. Default 1 000: a PING a millisecond. */
  readonly controlsPerSecond?: number;
  /** Entries of one SETTINGS frame. Default 32, nghttp2's; there are a dozen settings. */
  readonly maxSettings?: number;
  /**
   * Time from the first byte of a frame that has to be whole, or of a header block, to its last; the transport keeps it.
   * Default 10 000: 64 KiB come in it over the slowest of links.
   */
  readonly frameTimeoutMs?: number;
  /** HPACK table we offer the peer's encoder (SETTINGS_HEADER_TABLE_SIZE). Default 4 096, the protocol's own. */
  readonly decoderTableBytes?: number;
  /** HPACK table we use at most towards a peer, whatever it offers. Default 4 096. */
  readonly encoderTableBytes?: number;
  /**
   * Unsent output at which stream data is held back in its stream. Default 262 144: enough to fill a socket, little enough
   * that many slow readers stay cheap.
   */
  readonly outputHighWaterBytes?: number;
  /**
   * Unsent output at which we stop reading from the peer altogether. Default 1 048 576: only control frames and headers
   * get past the mark above, so a peer here makes us answer and does not read.
   */
  readonly outputLimitBytes?: number;
  /** Payloads at least this long are passed as slices, shorter ones copied into the output. Default 8 192. */
  readonly sliceBytes?: number;
  /** Last stream id a client opens before its connection is retired. Default 2^30: half of all, a day at 6,000 calls/s. */
  readonly maxStreamId?: number;
  /** First stream id of a client, odd. Default 1; tests of retirement start higher. */
  readonly firstStreamId?: number;
}

const defaults = {
  streamWindowBytes: 262_144,
  connectionWindowBytes: 4_194_304,
  maxConcurrentStreams: 1_000,
  maxFrameBytes: 16_384,
  maxHeaderListBytes: 32_768,
  maxHeaderBlockBytes: 65_536,
  maxContinuations: 8,
  resetBurst: 2_000,
  resetsPerSecond: 100,
  earlyResetMs: 10,
  controlBurst: 10_000,
  controlsPerSecond: 1_000,
  maxSettings: 32,
  frameTimeoutMs: 10_000,
  decoderTableBytes: 4_096,
  encoderTableBytes: 4_096,
  outputHighWaterBytes: 262_144,
  outputLimitBytes: 1_048_576,
  sliceBytes: 8_192,
  maxStreamId: 0x4000_0000,
  firstStreamId: 1,
} satisfies Required<Http2Options>;

export type ResolvedHttp2Options = Readonly<typeof defaults>;

/** Smallest and largest legal value of each option. */
const bounds: Record<keyof typeof defaults, readonly [number, number]> = {
  streamWindowBytes: [1_024, 0x7fffffff],
  connectionWindowBytes: [65_535, 0x7fffffff],
  maxConcurrentStreams: [1, 0x7fffffff],
  maxFrameBytes: [16_384, 0xffffff],
  maxHeaderListBytes: [1_024, 0x7fffffff],
  maxHeaderBlockBytes: [1_024, 0x7fffffff],
  maxContinuations: [0, 1_000_000],
  resetBurst: [0, 0x7fffffff],
  resetsPerSecond: [0, 0x7fffffff],
  earlyResetMs: [0, 0x7fffffff],
  controlBurst: [0, 0x7fffffff],
  controlsPerSecond: [0, 0x7fffffff],
  maxSettings: [1, 2_730],
  frameTimeoutMs: [1, 0x7fffffff],
  decoderTableBytes: [0, 1_048_576],
  encoderTableBytes: [0, 1_048_576],
  // Not less than a Node socket's own mark: below it the socket never says that it has drained.
  outputHighWaterBytes: [65_536, 0x7fffffff],
  outputLimitBytes: [65_536, 0x7fffffff],
  // Above what calls keep in memory that is used again (proxy/request-buffer.ts).
  sliceBytes: [2_048, 0x7fffffff],
  maxStreamId: [3, 0x7fffffff],
  firstStreamId: [1, 0x7ffffffd],
};

/** Fills in defaults. @throws RangeError for an unknown option or a value outside its bounds, naming it. */
export function resolveHttp2Options(given: Http2Options = {}): ResolvedHttp2Options {
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) throw new RangeError(`unknown HTTP/2 option "${key}"`);
    const [least, most] = bounds[key as keyof typeof defaults];
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError(`HTTP/2 option "${key}": want an integer from ${least} to ${most}, got ${value}`);
    }
  }
  return Object.freeze({ ...defaults, ...given });
}
