/** The stages of a call's life, in order. */
export const callState = {
  /** Its first message is held until it is known where it goes. */
  peeking: 0,
  /** It has a variant, whose model has to be put into its first message, which is not whole yet. */
  preparing: 1,
  /** It waits for a stream. */
  waiting: 2,
  /** Bytes are relayed. */
  open: 3,
  /** Reported; only what the caller has not yet read is still under way. */
  done: 4,
} as const;
