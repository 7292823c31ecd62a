/** Limits of what a call may hold, each with its default and reason. */
export interface ProxyOptions {
  /**
   * Bytes that the process may hold for calls, in streams and before they are assigned. Default 268 435 456: a thousand
   * stalled streams with full windows. Beyond it, connections that hold more than an equal share get no credit, nothing
   * more is kept for a second try of their calls, and their long messages are looked into no further.
   */
  readonly heldBytes?: number;
  /**
   * Calls in flight, of all callers. Default 10 000: some 100 MiB of what a call costs beside its bytes. A caller's own
   * limit is the streams of a connection, and it may have many of those.
   */
  readonly maxCalls?: number;
  /**
   * Bytes of header lists that calls in flight keep, by RFC 9113's count. Default 67 108 864: 6 KiB for each of `maxCalls`,
   * or two thousand lists as long as may be.
   */
  readonly headerBytes?: number;
  /**
   * Bytes of answers that wait for one caller's connection. Default 67 108 864, a quarter of `heldBytes`: one connection that
   * reads nothing must not use up what is there for all. Beyond it calls of this connection are refused, or end.
   */
  readonly connectionUnreadBytes?: number;
  /**
   * Request bytes kept while nothing has been answered, so that a call can be sent again. Default 65 536: most requests;
   * an insured challenger keeps up to `insuredBytes`.
   */
  readonly replayBytes?: number;
  /** The same for calls to an insured challenger. Default 262 144. */
  readonly insuredBytes?: number;
  /** Longest answer whose score is read. Default 1 048 576: scores are small, tensors of embeddings are not scores. */
  readonly scoreBytes?: number;
  /** Longest answer of a shadow that is read to its end. Default 16 777 216: beyond it the shadow floods us. */
  readonly shadowAnswerBytes?: number;
  /** Largest message whose model is rewritten. Default 16 777 216: it has to be in memory whole. */
  readonly overrideBytes?: number;
}

const defaults = {
  heldBytes: 268_435_456,
  maxCalls: 10_000,
  headerBytes: 67_108_864,
  connectionUnreadBytes: 67_108_864,
  replayBytes: 65_536,
  insuredBytes: 262_144,
  scoreBytes: 1_048_576,
  shadowAnswerBytes: 16_777_216,
  overrideBytes: 16_777_216,
} satisfies Required<ProxyOptions>;

/** Fills in defaults. @throws RangeError for an unknown option or a negative or fractional value, naming it. */
export function resolveProxyOptions(given: ProxyOptions = {}): Required<ProxyOptions> {
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) throw new RangeError(`unknown proxy option "${key}"`);
    if (!Number.isInteger(value) || value < 0)
      throw new RangeError(`proxy option "${key}": want a whole number, got ${value}`);
  }
  return Object.freeze({ ...defaults, ...given });
}
